"""From files to test faces: how many frames of a database went which way, counted and drawn."""

from dataclasses import dataclass
from html import escape

import pandas as pd

from painlens.consent import without_paths
from painlens.splits import PARTS
from painlens.tables import DataError

_REASONS = 6  # lines of a box; what is less frequent is summed
_WIDTH, _MAIN, _SIDE, _GAP, _LINE, _PAD = 920, 360, 470, 34, 19, 14
_FONT = "13px system-ui, sans-serif"


@dataclass(frozen=True)
class Stage:
    """What is left after a step, and what was left out on the way.

    Attributes
    ----------
    lost
        Reason -> frames, most frequent first.
    """

    title: str
    frames: int
    participants: int
    lost: dict[str, int]


@dataclass(frozen=True)
class Flow:
    """The way of a database's frames.

    Attributes
    ----------
    parts
        Part -> participants, faces.
    """

    stages: tuple[Stage, ...]
    parts: dict[str, tuple[int, int]]


def flow_of(frames: pd.DataFrame, faces: pd.DataFrame, split: pd.DataFrame) -> Flow:
    """Counts from the tables of one database.

    Raises
    ------
    DataError
        Frames are neither kept nor refused with a reason: the tables do not belong together.
    """
    kept = frames[frames["kept"].astype(bool)]
    found = faces[faces["found"].astype(bool)]
    listed = Stage("frames and files found", len(frames), _people(frames), {})
    usable = Stage("frames that take part", len(kept), _people(kept), _reasons(frames, ~frames["kept"].astype(bool)))
    shown = Stage("faces", len(found), _people(found), _reasons(faces, ~faces["found"].astype(bool)))
    part = dict(zip(split["participant"], split["part"], strict=True))
    own = found["participant"].map(part)
    parts = {
        name: (int((split["part"] == name).sum()), int((own == name).sum()))
        for name in PARTS
        if name in set(split["part"])
    }
    flow = Flow((listed, usable, shown), parts)
    _check(flow, faces=len(faces))
    return flow


def _check(flow: Flow, *, faces: int) -> None:
    """Every frame is told: in = kept + refused, at every step."""
    listed, usable, shown = flow.stages
    sums = (
        ("frames", listed.frames, usable.frames + sum(usable.lost.values())),
        ("kept frames and rows of faces", usable.frames, faces),
        ("kept frames", usable.frames, shown.frames + sum(shown.lost.values())),
        ("faces", shown.frames, sum(count for _, count in flow.parts.values())),
    )
    for what, whole, told in sums:
        if whole != told:
            raise DataError(f"{whole} {what} went in, {told} are told; the tables are of different runs: run it again")


def _people(table: pd.DataFrame) -> int:
    return int(table.loc[table["participant"].fillna("") != "", "participant"].nunique())


def _reasons(table: pd.DataFrame, left_out: pd.Series) -> dict[str, int]:
    told = pd.Series(without_paths(table.loc[left_out, "reason"].fillna("no reason given").astype(str)), dtype="str")
    counts = told.value_counts()
    shown = {str(reason): int(count) for reason, count in counts.head(_REASONS).items()}
    rest = counts.iloc[_REASONS:]
    return shown | ({f"{len(rest)} other reasons": int(rest.sum())} if len(rest) else {})


def flow_svg(flow: Flow, *, title: str) -> str:
    """The flow as an SVG picture: what remains on the left, what was left out and why on the right."""
    shapes: list[str] = []
    top, below, centre = 10.0, 0.0, _MAIN / 2 + 10
    for number, stage in enumerate(flow.stages):
        if number:
            aside, height = _left_out(stage, below + _GAP / 2, centre)
            top = below + max(_GAP, height + 1.5 * _GAP)
            shapes += [*aside, _arrow(centre, below, centre, top)]
        lines = [stage.title, f"{stage.frames:,} of {stage.participants:,} participants"]
        shapes.append(_box(10, top, _MAIN, lines, "in"))
        below = top + _height(2)
    top = below + _GAP
    width = (_WIDTH - 20 - 20 * (len(flow.parts) - 1)) / max(len(flow.parts), 1)
    for number, (part, (people, faces)) in enumerate(flow.parts.items()):
        left = 10 + number * (width + 20)
        shapes.append(_arrow(centre, below, left + width / 2, top))
        shapes.append(_box(left, top, width, [part, f"{faces:,} faces of {people:,} participants"], "in"))
    height = top + _height(2) + 10
    words = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{words}"><title>{words}</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#5b6770"/></marker></defs>'
        f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#ffffff"/>{"".join(shapes)}</svg>\n'
    )


def _left_out(stage: Stage, top: float, centre: float) -> tuple[list[str], float]:
    """The box of what a stage lost, with the arrow to it, and its height; nothing where nothing was lost."""
    lost = [f"{count:,} × {_short(reason)}" for reason, count in stage.lost.items()]
    if not lost:
        return [], 0.0
    left, height = _WIDTH - _SIDE - 10, _height(len(lost) + 1)
    box = _box(left, top, _SIDE, [f"{sum(stage.lost.values()):,} left out", *lost], "out")
    return [box, _arrow(centre, top + height / 2, left, top + height / 2)], height


def _short(text: str, most: int = 62) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _height(lines: int) -> float:
    return lines * _LINE + _PAD


def _box(left: float, top: float, width: float, lines: list[str], kind: str) -> str:
    fill, stroke = {"in": ("#eef4fa", "#2f6da8"), "out": ("#faf3ec", "#b5762f")}[kind]
    words = "".join(
        f'<text x="{left + 12:.0f}" y="{top + _PAD + 5 + i * _LINE:.0f}" fill="#1c2429" '
        f'style="font:{600 if i == 0 else 400} {_FONT}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    shape = f'x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{_height(len(lines)):.0f}" rx="5"'
    return f'<rect {shape} fill="{fill}" stroke="{stroke}"/>{words}'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"'
    return f'<line {ends} stroke="#5b6770" stroke-width="1.3" marker-end="url(#tip)"/>'
