"""Rendered pictures of people who show pain and emotions in turn, described by a manifest.

Every participant shows every class several times, as in collections of posed or elicited expressions. The concepts are
planted at the study's rates for pain and for everything else. An emotion may show a concept by itself: a happy face
smiles, fear and surprise part the lips. Where a planted concept is shown, its actions are at least as strong as the
concept asks; where it is not, the expression's own actions stay. The truth tells what is visible in the end.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from painlens.study import Synthetic
from painlens.synthetic import planting
from painlens.synthetic.actions import COLUMN, CONCEPT_ACTIONS, CONCEPTS, EMOTIONS
from painlens.synthetic.affectnet import concepts_of, emotion_actions, side_of
from painlens.synthetic.courses import still_actions
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import Identity, draw_identity
from painlens.synthetic.layout import Job, Layout, Part, save_picture, save_text_file, shoot, truth_row
from painlens.synthetic.recording import LABORATORY, draw_recording
from painlens.synthetic.render import Motion
from painlens.synthetic.streams import Streams

PAIN = "pain"
KNOWN = {name.lower(): name for name in EMOTIONS}  # the reader's word -> the renderer's
USUAL = ("neutral", "happy", "sad", "disgust", PAIN)
HEADER = ("path", "participant", "sequence", "label", "sex", "age")
JPEG_QUALITY = 92


def check(settings: Synthetic) -> None:
    """Settings that this layout cannot honour are errors."""
    planting.rates_of(settings, eyes_closed_is_pain=False)
    if settings.non_reactive:
        raise ValueError(f"non_reactive belongs to biovid databases, got {settings.non_reactive}; set it to 0")
    classes = classes_of(settings)
    unknown = [name for name in classes if name not in (*KNOWN, PAIN)]
    if unknown or len(set(classes)) < max(2, len(classes)):
        raise ValueError(f"classes of a manifest database must be two or more different ones of "
                         f"{', '.join((*KNOWN, PAIN))}, got {', '.join(classes)}")  # fmt: skip


def classes_of(settings: Synthetic) -> tuple[str, ...]:
    """The classes that every participant shows."""
    return settings.classes or USUAL


def tasks(settings: Synthetic) -> int:
    """One piece per participant."""
    return settings.participants


def write(job: Job, number: int) -> Part:
    """Render all pictures of one participant."""
    settings, streams, part = job.settings, job.streams.at(number), Part()
    person, participant = draw_identity(streams), f"person-{number + 1:03d}"
    part.participants.append(participant)
    recording = draw_recording(streams, LABORATORY, settings.size)
    rates = planting.rates_of(settings, eyes_closed_is_pain=False)
    habits = streams.rng("habits")
    personal = {
        (concept, pain): planting.personal_rate(habits, rate.pain if pain else rate.no_pain)
        for concept, rate in rates.items()
        for pain in (True, False)
    }
    for place, label in enumerate(classes_of(settings)):
        for take in range(settings.sequences):
            here = streams.at(place, take)
            shown = {c: bool(here.rng(f"planting of {c}").random() < personal[c, label == PAIN]) for c in CONCEPTS}
            actions, side = _acted(here, label, shown)
            gaze = here.rng("gaze").normal(0, 0.15, 2).clip(-0.4, 0.4)
            motion = Motion(*(float(value) for value in here.rng("motion").normal(0, (0.04, 0.03, 0.02, 0.01, 0.01))))
            expression = Expression(actions, side, (float(gaze[0]), float(gaze[1])))
            frame = shoot(person, recording, expression, motion, here, masks=job.masks)
            path = Path("pictures", participant, f"{participant}-{label}-{take + 1:02d}.jpg")
            save_picture(job.root / path, frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            part.files += 1
            part.lines.append(_line(path, participant, label, person))
            row = truth_row(
                path.as_posix(),
                participant=participant,
                sequence=f"{participant}-{label}",
                frame_index=0,
                path=path,
                actions=actions,
                shown=concepts_of(actions),
            )
            part.add(row, frame)
    return part


def finish(job: Job, parts: Sequence[Part]) -> int:
    """The manifest."""
    rows = [HEADER, *(line for part in parts for line in part.lines)]
    save_text_file(job.root / "manifest.csv", "".join(",".join(row) + "\n" for row in rows))
    return 1


def _acted(streams: Streams, label: str, shown: dict[str, bool]) -> tuple[Float[np.ndarray, " unit"], float]:
    """Actions of one picture, and the side of the face on which they act."""
    rng = streams.rng("expression")
    if label == PAIN:
        actions, side = still_actions(rng, pain=True), 0.0
    else:
        actions, side = emotion_actions(rng, KNOWN[label]), side_of(rng, KNOWN[label])
    for concept, units in CONCEPT_ACTIONS.items():
        strength = streams.rng(f"intensity of {concept}")
        for unit, (low, high) in units.items():
            wanted = strength.uniform(low, high)
            if shown[concept]:
                actions[COLUMN[unit]] = max(float(actions[COLUMN[unit]]), wanted)
                side = 0.0
    return actions, side


def _line(path: Path, participant: str, label: str, person: Identity) -> tuple[str, ...]:
    """One row of the manifest."""
    return path.as_posix(), participant, f"{participant}-{label}", label, person.sex, str(person.age_years)


LAYOUT = Layout(check, tasks, write, finish, LABORATORY)
