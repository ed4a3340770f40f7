"""BioVid part A."""

from collections.abc import Callable, Sequence
from pathlib import Path

from layouts.pixels import picture, save_clip, save_picture, write_text
from layouts.tree import KEPT, Effect, Tree, deeper, move, rewrite

BIOVID_SAMPLES = "subject_id\tsubject_name\tclass_id\tclass_name\tsample_id\tsample_name\n"


def write_biovid(
    root: Path,
    participants: Sequence[str],
    *,
    classes: Sequence[str] = ("BL1", "PA4"),
    video: str = "video",
    samples: str | None = "starting_point/samples.csv",
    frames: int = 28,
) -> None:
    """BioVid part A: one clip of 5 frames per second for each participant and class."""
    lines = []
    for person, participant in enumerate(participants):
        for number, name in enumerate(classes, start=1):
            sample = f"{participant}-{name}-{number:03d}"
            save_clip(root / video / participant / f"{sample}.mp4", frames=frames, fps=5)
            lines.append(f"{person + 1}\t{participant}\t{number - 1}\t{name}\t{len(lines) + 1}\t{sample}\n")
    if samples is not None:
        write_text(root / samples, BIOVID_SAMPLES + "".join(lines))


_PEOPLE = ("071309_w_21", "071614_m_20", "082315_w_60", "102514_w_40")
_SAMPLES = Path("starting_point") / "samples.csv"


def build(root: Path) -> None:
    """Four participants with one clip of 5.6 s per class, and the files of the other signals."""
    write_biovid(root, _PEOPLE, classes=("BL1", "PA2", "PA4"))
    write_text(root / "biosignals_raw" / _PEOPLE[0] / f"{_PEOPLE[0]}-BL1-001_bio.csv", "time\tgsr\n0\t1\n")


def _clip(root: Path, person: int, name: str, number: int) -> Path:
    return root / "video" / _PEOPLE[person] / f"{_PEOPLE[person]}-{name}-{number:03d}.mp4"


def _id(person: int, name: str, number: int, frame: str = "") -> str:
    return f"{_PEOPLE[person]}/{_PEOPLE[person]}-{name}-{number:03d}{frame}"


def _broken(root: Path) -> Effect:
    _clip(root, 0, "BL1", 1).write_bytes(b"no video at all")
    return {_id(0, "BL1", 1): "video cannot be opened"}


def _truncated(root: Path) -> Effect:
    file = _clip(root, 0, "PA4", 3)
    file.write_bytes(file.read_bytes()[:-400])  # the index of an MP4 stands at its end
    return {_id(0, "PA4", 3): "video cannot be opened"}


def _short(root: Path) -> Effect:
    save_clip(_clip(root, 1, "BL1", 1), frames=10, fps=5)
    return {_id(1, "BL1", 1): "the clip lasts 2.00 s, no frame at 4 s"}


def _missing(root: Path) -> Effect:
    _clip(root, 1, "PA4", 3).unlink()
    return {_id(1, "PA4", 3): "video file is missing"}


def _unlisted(root: Path) -> Effect:
    save_clip(_clip(root, 2, "BL1", 99), frames=28, fps=5)
    return {_id(2, "BL1", 99): "not listed in samples.csv"}


def _other_rate(root: Path) -> Effect:
    save_clip(_clip(root, 2, "BL1", 1), frames=160, fps=29.97)
    return {_id(2, "BL1", 1, "/119"): KEPT}


def _other_level(root: Path) -> Effect:  # noqa: ARG001 - it is in the tree already
    return {_id(0, "PA2", 2): "no rule matches (class_name = PA2)"}


def _twice(root: Path) -> Effect:
    save_clip(root / "video" / f"{_PEOPLE[2]}-PA4-003.mp4", frames=28, fps=5)
    return {_id(2, "PA4", 3) + "~2": "listed twice"}


def _thumbnail(root: Path) -> Effect:
    save_picture(root / "video" / _PEOPLE[3] / "Thumbs.png", picture(1))
    return {f"video/{_PEOPLE[3]}/Thumbs.png": "in no place"}


def _debris(root: Path) -> Effect:
    for place in ("", "video", f"video/{_PEOPLE[0]}", "starting_point"):
        write_text(root / place / ".DS_Store", "x")
    write_text(root / "video" / _PEOPLE[0] / f"._{_PEOPLE[0]}-BL1-001.mp4", "x")
    return {}


def _separator(sign: str) -> Callable[[Path], None]:
    return lambda root: rewrite(root / _SAMPLES, lambda text: text.replace("\t", sign))


def _encoded(encoding: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / _SAMPLES).read_text(encoding="utf-8").replace("\n", "\r\n")
        (root / _SAMPLES).write_bytes(text.encode(encoding))

    return change


def _padded(root: Path) -> None:
    rewrite(root / _SAMPLES, lambda text: text.replace("\t", " \t ").replace("subject_name", "Subject_Name"))


def _by_number(root: Path) -> None:
    lines = (root / _SAMPLES).read_text(encoding="utf-8").splitlines()
    codes = {"BL1": "0", "PA2": "2", "PA4": "4"}
    rows = [line.split("\t") for line in lines]
    kept = [[c for place, c in enumerate(row) if place != 3] for row in rows]
    for row, whole in zip(kept[1:], rows[1:], strict=True):
        row[2] = codes[whole[3]]
    (root / _SAMPLES).write_text("\n".join("\t".join(row) for row in kept) + "\n", encoding="utf-8")


def _place(name: str) -> Callable[[Path], None]:
    return lambda root: move(root / "video", root / name)


TREE = Tree(
    build=build,
    kept=8,
    settings={"frames": {"rule": "at-time", "seconds": 4.0}},
    traps={
        "file that is no video": _broken,
        "truncated video": _truncated,
        "short video": _short,
        "missing video": _missing,
        "video that samples.csv does not list": _unlisted,
        "another frame rate": _other_rate,
        "level that no rule takes": _other_level,
        "second file of a clip": _twice,
        "picture among the clips": _thumbnail,
        "debris of archives": _debris,
    },
    moves={
        "samples.csv at the root": lambda root: move(root / _SAMPLES, root / "samples.csv"),
        "no samples.csv": lambda root: (root / _SAMPLES).unlink(),
        "semicolons": _separator(";"),
        "commas": _separator(","),
        "blanks and capitals": _padded,
        "class_id in place of class_name": _by_number,
        "byte order mark and CR LF": _encoded("utf-8-sig"),
        "UTF-16": _encoded("utf-16"),
        "Videos": _place("Videos"),
        "clips": _place("clips"),
        "Raw/video": _place("Raw/video"),
        "inside PartA": lambda root: deeper(root, "PartA"),
    },
)
