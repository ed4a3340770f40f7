"""Rendered faces with emotions in the layout of AffectNet's first release (11 categories), for pre-training.

Every image shows another invented person. As in the original, some rows are None, Uncertain or Non-Face, and some
have no face box.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from painlens.study import Synthetic
from painlens.synthetic.actions import (
    ACTION_UNITS,
    COLUMN,
    EMOTIONS,
    EYES_CLOSED,
    ONE_SIDED,
    SMILE,
    TEETH_VISIBLE,
    expression_row,
)
from painlens.synthetic.expression import PARTED_FROM, Expression
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.layout import (
    LANDMARKS,
    Frame,
    Job,
    Layout,
    Part,
    save_picture,
    save_text_file,
    shoot,
    truth_row,
)
from painlens.synthetic.recording import IN_THE_WILD, draw_recording
from painlens.synthetic.render import Motion
from painlens.synthetic.streams import Streams

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
CATEGORIES = (*EMOTIONS, "None", "Uncertain", "Non-Face")
# Typical valence and arousal of the eight emotions; -2 means not applicable.
AFFECT = ((0.0, 0.0), (0.7, 0.2), (-0.6, -0.3), (0.2, 0.7), (-0.2, 0.8), (-0.7, 0.5), (-0.5, 0.7), (-0.5, 0.3))
PER_TASK = 40
FOLDERS = 40  # images are spread over as many numbered folders
VALIDATION_SHARE = 0.125
SLEEPY = 0.1  # share of the faces with closed eyes, whatever the emotion
JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Portrait:
    """What one image shows: category, actions and whether AU12 and AU14 act on one side only."""

    category: int
    actions: Float[np.ndarray, " unit"]
    one_sided: float


def check(settings: Synthetic) -> None:
    """Settings that this layout cannot honour are errors."""
    if settings.bias:
        raise ValueError(
            f"an affectnet database has no pain label, so it cannot be biased; got {sorted(settings.bias)}"
        )
    if settings.classes:
        raise ValueError(f"an affectnet database shows all eight emotions; got classes {', '.join(settings.classes)}; "
                         "choose some with a label rule, or render a manifest")  # fmt: skip
    if settings.non_reactive:
        raise ValueError(f"non_reactive belongs to biovid databases, got {settings.non_reactive}; set it to 0")


def odd_rows(settings: Synthetic) -> int:
    """Rows without one of the eight emotions, in addition to `settings.images`."""
    return max(6, settings.images // 40)


def tasks(settings: Synthetic) -> int:
    """Pieces of `PER_TASK` images."""
    return -(-(settings.images + odd_rows(settings)) // PER_TASK)


def draw_portrait(streams: Streams, settings: Synthetic, number: int) -> Portrait:
    """What image `number` shows; the eight emotions take turns, then come the rows without one."""
    rng = streams.rng("emotion")
    emotional = number < settings.images
    category = number % len(EMOTIONS) if emotional else len(EMOTIONS) + (number - settings.images) % 3
    name = CATEGORIES[category]
    actions = emotion_actions(rng, name)
    actions[COLUMN[43]] = 5.0 if rng.random() < SLEEPY else 0.0
    return Portrait(category, actions, side_of(rng, name))


def emotion_actions(rng: np.random.Generator, name: str) -> Float[np.ndarray, " unit"]:
    """Actions of one of the categories, as different people show it; the eyes are open."""
    if name in EMOTIONS:
        strength = rng.uniform(0.8, 1.15)
        wanted = {unit: value * strength for unit, value in EMOTIONS[name].items()}
    else:
        wanted = {int(unit): float(rng.uniform(0.5, 2)) for unit in rng.choice((1, 2, 4, 7, 12, 17), 2)}
    actions = expression_row(wanted)
    active = actions > 0
    actions += active * rng.normal(0, 0.3, len(ACTION_UNITS)) + rng.exponential(0.1, len(ACTION_UNITS))
    mouth = [COLUMN[unit] for unit in (25, 26)]
    if not active[mouth].any():
        actions[mouth] = 0
    if name == "Happy" and rng.random() < 0.3:
        actions[mouth] = 0  # a smile with closed lips
    elif name in ("Anger", "Disgust", "Sad") and rng.random() < 0.2:
        actions[mouth] = rng.uniform(2.0, 4.5), rng.uniform(0.5, 2.0)
    actions = np.clip(actions, 0, 5).astype(np.float32)
    actions[COLUMN[43]] = 0.0
    return actions


def side_of(rng: np.random.Generator, name: str) -> float:
    """On which side of the face an emotion acts: 0 both, otherwise left or right."""
    return float(rng.choice((-1, 1))) * 0.9 if name in ONE_SIDED else 0.0


def relative_path(job: Job, number: int) -> str:
    """Folder and name of an image, such as ``017/<56 hexadecimal digits>.jpg``."""
    digits = hashlib.sha224(f"{job.name}/{job.settings.seed}/{number}".encode()).hexdigest()
    return f"{1 + int(digits[:6], 16) % FOLDERS:03d}/{digits}.jpg"


def write(job: Job, number: int) -> Part:
    """Render a few images, each of another person."""
    settings, part = job.settings, Part()
    for image in range(number * PER_TASK, min((number + 1) * PER_TASK, settings.images + odd_rows(settings))):
        streams, relative = job.streams.at(image), relative_path(job, image)
        portrait = draw_portrait(streams, settings, image)
        path = Path("Manually_Annotated_Images", relative)
        frame = _picture(portrait, streams, settings.size, masks=job.masks)
        save_picture(job.root / path, frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        part.files += 1
        part.lines.append((_line(portrait, relative, frame.points, settings.size, streams), _list_of(streams)))
        if CATEGORIES[portrait.category] == "Non-Face":
            continue
        part.participants.append(relative)
        row = truth_row(
            relative,
            participant=relative,
            sequence=relative.partition("/")[0],
            frame_index=0,
            path=path,
            actions=portrait.actions,
            shown=concepts_of(portrait.actions),
        )
        part.add(row, frame)
    return part


def finish(job: Job, parts: Sequence[Part]) -> int:
    """The two lists of the first release."""
    lines = [line for part in parts for line in part.lines]
    for name in ("training", "validation"):
        rows = [line for line, where in lines if where == name]
        text = "".join(f"{row}\n" for row in (HEADER, *rows))
        save_text_file(job.root / "Manually_Annotated_file_lists" / f"{name}.csv", text)
    return 2


def concepts_of(actions: Float[np.ndarray, " unit"]) -> dict[str, bool]:
    """Which concepts an expression shows."""
    unit = {number: float(actions[column]) for number, column in COLUMN.items()}
    return {EYES_CLOSED: unit[43] > 0, TEETH_VISIBLE: unit[25] + unit[26] >= PARTED_FROM, SMILE: unit[12] >= 2.5}


def _list_of(streams: Streams) -> str:
    """Which of the two lists an image is in."""
    return "validation" if streams.rng("list").random() < VALIDATION_SHARE else "training"


def _picture(portrait: Portrait, streams: Streams, size: int, *, masks: bool) -> Frame:
    """Render an image; rows of the category Non-Face show a background only."""
    recording = draw_recording(streams, IN_THE_WILD, size)
    if CATEGORIES[portrait.category] == "Non-Face":
        reduced = cv2.resize(recording.background, (size, size), interpolation=cv2.INTER_AREA)
        empty = np.full((LANDMARKS, 2), np.nan, np.float32)
        return Frame(np.rint(reduced * 255).astype(np.uint8), empty, None)
    gaze = streams.rng("gaze").normal(0, 0.2, 2).clip(-0.4, 0.4)
    expression = Expression(portrait.actions, portrait.one_sided, (float(gaze[0]), float(gaze[1])))
    return shoot(draw_identity(streams), recording, expression, Motion(), streams, masks=masks)


def _line(portrait: Portrait, relative: str, points: Float[np.ndarray, "68 2"], size: int, streams: Streams) -> str:
    """One row of the owner's list."""
    rng = streams.rng("annotation")
    category = portrait.category
    if category >= len(EMOTIONS):
        valence, arousal = -2.0, -2.0
    else:
        valence, arousal = np.clip(np.array(AFFECT[category]) + rng.normal(0, 0.15, 2), -1, 1)
    if np.isnan(points).any():
        box, joined = (-1, -1, -1, -1), ";".join(["0"] * 2 * LANDMARKS)
    else:
        low, high = points.min(0), points.max(0)
        side = int(min(1.15 * (high - low).max(), size))
        corner = np.rint((low + high) / 2 - side / 2).astype(int) - np.array([0, side // 12])
        box = (int(corner[0]), int(corner[1]), side, side)  # may cross the border, as in the original
        joined = ";".join(f"{value:.2f}" for value in points.reshape(-1))
    return ",".join([relative, *(str(value) for value in box), joined, str(category),
                     f"{valence:.6f}", f"{arousal:.6f}"])  # fmt: skip


LAYOUT = Layout(check, tasks, write, finish, IN_THE_WILD)
