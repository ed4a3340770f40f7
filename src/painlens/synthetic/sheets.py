"""Contact sheets: pictures for people's eyes of what a rendered database shows."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from jaxtyping import UInt8

from painlens.study import Synthetic
from painlens.synthetic import LAYOUTS
from painlens.synthetic.actions import ACTION_UNITS, CONCEPTS, EMOTIONS, ONE_SIDED, expression_row
from painlens.synthetic.courses import CLINICAL_PROFILE
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.layout import Job, save_picture
from painlens.synthetic.recording import CLINIC, Style, draw_recording
from painlens.synthetic.render import Motion, Shot, develop, landmarks, region_map, take
from painlens.synthetic.streams import Streams
from painlens.synthetic.twins import draw_twins
from painlens.tables import DataError, atomic_path

Image = UInt8[np.ndarray, "height width 3"]
# Colours of the regions, in the order of `anatomy.REGIONS`.
REGION_COLOURS = np.array(
    [(40, 40, 40), (0, 90, 255), (255, 220, 0), (0, 180, 0), (230, 0, 0), (230, 0, 230), (0, 220, 220), (255, 140, 0)],
    np.uint8,
)


def contact_sheet(rows: Sequence[Sequence[Image]], path: Path) -> None:
    """Write rows of equally large RGB images as one PNG; short rows are filled up with grey."""
    longest = max(len(row) for row in rows)
    grey = np.full_like(rows[0][0], 128)
    whole = np.vstack([np.hstack([*row, *[grey] * (longest - len(row))]) for row in rows])
    with atomic_path(path) as temporary:
        save_picture(temporary, whole)


def captioned(image: Image, text: str) -> Image:
    """A copy of the image with a caption."""
    copy = image.copy()
    scale = image.shape[1] / 400
    cv2.putText(copy, text, (4, int(30 * scale) + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(copy, text, (4, int(30 * scale) + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 120), 1, cv2.LINE_AA)
    return copy


def overlay(shot: Shot, streams: Streams) -> Image:
    """A frame with its exact regions and its 68 landmarks."""
    image, regions = develop(shot, streams), REGION_COLOURS[region_map(shot)]
    mixed = np.where(region_map(shot)[..., None] > 0, image // 2 + regions // 2, image // 2).astype(np.uint8)
    for x, y in landmarks(shot):
        cv2.circle(mixed, (int(x), int(y)), 1, (255, 255, 255), -1)
    return mixed


def people_sheet(streams: Streams, path: Path, *, style: Style = CLINIC, size: int = 144, people: int = 40) -> None:
    """Neutral faces of the first participants."""
    images = [_picture(streams.at(number), {}, style, size) for number in range(people)]
    contact_sheet([images[start : start + 10] for start in range(0, people, 10)], path)


def pain_sheet(streams: Streams, path: Path, *, style: Style = CLINIC, size: int = 160, people: int = 4) -> None:
    """People by level of pain 0 to 5, then the level 4 with each concept."""
    shown = {"eyes-closed": {43: 5.0}, "teeth-visible": {25: 4.2, 20: 2.5, 26: 2.0}, "smile": {12: 4.2}}
    rows = []
    for number in range(people):
        row = []
        for level in range(6):
            pain = {unit: level * mean for unit, (mean, _) in CLINICAL_PROFILE.items()}
            row.append(captioned(_picture(streams.at(number), pain, style, size), f"pain {level}"))
        pain = {unit: 4 * mean for unit, (mean, _) in CLINICAL_PROFILE.items()}
        row += [captioned(_picture(streams.at(number), pain | actions, style, size), f"4, {concept}")
                for concept, actions in shown.items()]  # fmt: skip
        rows.append(row)
    contact_sheet(rows, path)


def actions_sheet(streams: Streams, path: Path, *, size: int = 128, people: int = 3) -> None:
    """Each action unit alone at intensity 5."""
    rows = [
        [captioned(_picture(streams.at(number), {unit: 5.0}, CLINIC, size), f"AU{unit}") for unit in ACTION_UNITS]
        for number in range(people)
    ]
    contact_sheet(rows, path)


def emotions_sheet(streams: Streams, path: Path, *, size: int = 160, people: int = 4) -> None:
    """The eight emotions."""
    rows = [
        [
            captioned(_picture(streams.at(number), actions, CLINIC, size, float(name in ONE_SIDED)), name)
            for name, actions in EMOTIONS.items()
        ]
        for number in range(people)
    ]
    contact_sheet(rows, path)


def twins_sheet(streams: Streams, path: Path, *, style: Style = CLINIC, size: int = 128, pairs: int = 3) -> None:
    """For each concept a few pairs: without, with, difference (doubled)."""
    rows = []
    for pair in range(pairs):
        row = []
        for concept in CONCEPTS:
            without, shown = draw_twins(streams, concept, pair, style=style, size=size).images()
            difference = np.abs(shown.astype(int) - without).max(2, keepdims=True) * 2
            spread = np.repeat(np.clip(difference, 0, 255).astype(np.uint8), 3, 2)
            row += [captioned(without, concept), shown, spread]
        rows.append(row)
    contact_sheet(rows, path)


def regions_sheet(streams: Streams, path: Path, *, size: int = 224) -> None:
    """Exact regions and landmarks of different expressions."""
    expressions = ({}, {43: 5.0, 4: 4.0, 6: 4.0, 9: 3.0}, {25: 4.2, 20: 2.5, 26: 2.0}, {12: 4.5})
    rows = [
        [overlay(_shot(streams.at(number), actions, CLINIC, size), streams.at(number)) for actions in expressions]
        for number in range(2)
    ]
    contact_sheet(rows, path)


def database_sheet(root: Path, truth: Path, path: Path, *, people: int = 5, frames: int = 10) -> None:
    """Frames of a rendered database of pictures as they lie on disk, evenly spaced over each participant's frames."""
    table = pd.read_parquet(truth / "frames.parquet")
    rows = []
    for _, own in list(table.groupby("participant", sort=False))[:people]:
        chosen = own.iloc[np.linspace(0, len(own) - 1, frames).astype(int)]
        rows.append([_caption_of(row, _stored(root, row)) for _, row in chosen.iterrows()])
    contact_sheet(rows, path)


def example_sheets(settings: Synthetic, *, reader: str, name: str, folder: Path) -> list[Path]:
    """All sheets of the people of one database; returns the files written."""
    streams, style = Job(settings, name, folder, folder).streams, LAYOUTS[reader].style
    folder.mkdir(parents=True, exist_ok=True)
    paths = {sheet: folder / f"{sheet}.png" for sheet in ("people", "pain", "actions", "emotions", "twins", "regions")}
    people_sheet(streams, paths["people"], style=style)
    pain_sheet(streams, paths["pain"], style=style)
    actions_sheet(streams, paths["actions"])
    emotions_sheet(streams, paths["emotions"])
    twins_sheet(streams, paths["twins"], style=style)
    regions_sheet(streams, paths["regions"])
    return list(paths.values())


def _shot(streams: Streams, actions: dict[int, float], style: Style, size: int, one_sided: float = 0.0) -> Shot:
    """A shot of one participant."""
    expression = Expression(expression_row(actions), one_sided)
    return take(draw_identity(streams), draw_recording(streams, style, size), expression, Motion())


def _picture(streams: Streams, actions: dict[int, float], style: Style, size: int, one_sided: float = 0.0) -> Image:
    """A picture of one participant."""
    return develop(_shot(streams, actions, style, size, one_sided), streams)


def _stored(root: Path, row: "pd.Series[float]") -> Image:
    """A frame as it lies on disk, picture or video."""
    path = root / str(row["path"])
    if path.suffix == ".mp4":
        video = cv2.VideoCapture(str(path))
        video.set(cv2.CAP_PROP_POS_FRAMES, int(row["frame_index"]))
        _, image = video.read()
        video.release()
    else:
        image = cv2.imread(str(path))
    if image is None:
        raise DataError(f"{path} cannot be decoded; render the database again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8)


def _caption_of(row: "pd.Series[float]", image: Image) -> Image:
    """The concepts that a frame shows, written on it."""
    shown = " ".join(concept.partition("-")[0] for concept in CONCEPTS if row[f"concept:{concept}"])
    return captioned(image, shown)
