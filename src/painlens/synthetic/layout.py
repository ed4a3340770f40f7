"""What the layouts of the owners share: a job, what one part of it wrote, and rendering a course."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8

from painlens.study import Synthetic
from painlens.synthetic.actions import ACTION_UNITS, CONCEPTS
from painlens.synthetic.courses import Course
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import Identity
from painlens.synthetic.recording import Recording, Style
from painlens.synthetic.render import Motion, develop, landmarks, region_map, take
from painlens.synthetic.streams import Streams

LANDMARKS = 68


@dataclass(frozen=True)
class Job:
    """One rendered database: its settings and the (temporary) folders that it is written to."""

    settings: Synthetic
    name: str
    root: Path
    truth: Path
    masks: bool = False

    @property
    def streams(self) -> Streams:
        """Random streams of the database; add the place of a participant."""
        return Streams(self.settings.seed, self.name)


@dataclass(frozen=True, eq=False)
class Frame:
    """One rendered frame; `regions` only where masks were asked for."""

    image: UInt8[np.ndarray, "size size 3"]
    points: Float[np.ndarray, "68 2"]
    regions: UInt8[np.ndarray, "size size"] | None


@dataclass
class Part:
    """What one piece of a job wrote: truth rows with their landmarks, lines for the owner's lists, number of files."""

    participants: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    points: list[Float[np.ndarray, "68 2"]] = field(default_factory=list)
    regions: list[UInt8[np.ndarray, "size size"]] = field(default_factory=list)
    lines: list[tuple[str, ...]] = field(default_factory=list)
    files: int = 0

    def add(self, row: dict[str, Any], frame: Frame) -> None:
        """Note a rendered frame; `row` comes from `truth_row`."""
        self.rows.append(row)
        self.points.append(frame.points)
        if frame.regions is not None:
            self.regions.append(frame.regions)


@dataclass(frozen=True)
class Layout:
    """One owner's layout.

    Attributes
    ----------
    check
        Raises `ValueError` for settings that the layout cannot honour.
    tasks
        How many independent pieces a database has.
    write
        Writes one piece into the job's root.
    finish
        Writes the owner's lists once all pieces are there, and returns how many files these are.
    style
        Light, background and sensor of the recordings.
    """

    check: Callable[[Synthetic], None]
    tasks: Callable[[Synthetic], int]
    write: Callable[[Job, int], Part]
    finish: Callable[[Job, Sequence[Part]], int]
    style: Style


def shoot(
    person: Identity, recording: Recording, expression: Expression, motion: Motion, streams: Streams, *, masks: bool
) -> Frame:
    """One frame with its truth; its noise comes from `streams`, the place of this frame."""
    shot = take(person, recording, expression, motion)
    return Frame(develop(shot, streams), landmarks(shot), region_map(shot) if masks else None)


def shoot_course(
    person: Identity, recording: Recording, course: Course, streams: Streams, *, masks: bool
) -> Iterator[Frame]:
    """The frames of a sequence, each with its own stream of noise."""
    for number, (actions, moved) in enumerate(zip(course.actions, course.motion, strict=True)):
        yaw, pitch, roll, right, down, sideways, upwards = (float(value) for value in moved)
        expression = Expression(actions, gaze=(sideways, upwards))
        yield shoot(person, recording, expression, Motion(yaw, pitch, roll, right, down), streams.at(number),
                    masks=masks)  # fmt: skip


def truth_row(
    frame_id: str,
    *,
    participant: str,
    sequence: str,
    frame_index: int,
    path: Path,
    actions: Float[np.ndarray, " unit"],
    shown: dict[str, bool],
) -> dict[str, Any]:
    """One row of the truth table, without its landmark row."""
    units = {f"au{unit:02d}": float(value) for unit, value in zip(ACTION_UNITS, actions, strict=True)}
    concepts = {f"concept:{concept}": bool(shown[concept]) for concept in CONCEPTS}
    place = {"participant": participant, "sequence": sequence, "frame_index": frame_index, "path": path.as_posix()}
    return {"frame_id": frame_id, **place, **units, **concepts}


def truth_table(parts: Sequence[Part]) -> pd.DataFrame:
    """All truth rows in order, each with its row in ``landmarks.npy``."""
    rows = [row for part in parts for row in part.rows]
    return pd.DataFrame(rows).assign(landmark_row=np.arange(len(rows), dtype=np.int64))


def save_text_file(path: Path, text: str) -> None:
    """Write one small file of a database that is not published before it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii", newline="\n")


def save_picture(path: Path, image: UInt8[np.ndarray, "height width 3"], parameters: Sequence[int] = ()) -> None:
    """Write an RGB picture; what follows the name's ending and `parameters` are OpenCV's.

    OpenCV's own writer of files says nothing of a full disk: the database would lack pictures, or end within one.
    """
    encoded, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), list(parameters))
    if not encoded:
        raise ValueError(f"no picture can be written as '{path.suffix}'")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.tobytes())
