"""Rendered clips of a heat experiment in the layout of BioVid, part A: no pain (BL1) and heat (PA4, or PA1 to PA4).

Participant ids have the database's form and are invented; ``starting_point/non_reactive.txt`` lists those who show
no reaction (the published list is of real people).
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from painlens.study import Synthetic
from painlens.synthetic import planting
from painlens.synthetic.courses import CLIP_SECONDS, PEAK_SECONDS, clip_frames, frame_at, heat_courses
from painlens.synthetic.identity import Identity, draw_identity
from painlens.synthetic.layout import Job, Layout, Part, save_text_file, shoot_course, truth_row
from painlens.synthetic.recording import LABORATORY, draw_recording
from painlens.tables import DataError

HEADER = ("subject_id", "subject_name", "class_id", "class_name", "sample_id", "sample_name")
FIRST_BASELINE = 81  # baseline clips are numbered after the 80 painful ones
CLASS_ID = {"BL1": 0, "PA1": 1, "PA2": 2, "PA3": 3, "PA4": 4}
USUAL = ("BL1", "PA4")
FIRST_ID = 990001  # no date of 2009 or 2010, from which the real ids are made
PEAK_TOLERANCE_S = 0.6


def check(settings: Synthetic) -> None:
    """Settings that this layout cannot honour are errors."""
    planting.rates_of(settings, eyes_closed_is_pain=False)
    if settings.non_reactive >= settings.participants:
        raise ValueError(f"non_reactive must be smaller than participants ({settings.participants}), "
                         f"got {settings.non_reactive}")  # fmt: skip
    if settings.size % 2:
        raise ValueError(f"video needs an even size, got {settings.size}")
    look = frame_at(PEAK_SECONDS, settings.fps)
    if look >= clip_frames(settings.fps) or PEAK_SECONDS - look / settings.fps > PEAK_TOLERANCE_S:
        raise ValueError(f"clips of {CLIP_SECONDS:g} s at {settings.fps:g} frames per second have no frame near "
                         f"{PEAK_SECONDS:g} s; give fps: 1 or more")  # fmt: skip
    classes = classes_of(settings)
    if classes[0] != "BL1" or len(classes) < 2 or list(classes) != sorted(set(classes) & set(CLASS_ID)):
        raise ValueError("classes of a biovid database must be BL1 and then some of PA1, PA2, PA3, PA4 in this order, "
                         f"got {', '.join(classes)}")  # fmt: skip
    painful = settings.sequences * (len(classes) - 1)
    if painful > 80 or settings.participants > 9000:
        raise ValueError("a biovid database has at most 80 painful clips of a person and 9000 participants, got "
                         f"{painful} and {settings.participants}")  # fmt: skip


def classes_of(settings: Synthetic) -> tuple[str, ...]:
    """The heats that are applied, from none upwards."""
    return settings.classes or USUAL


def trial_of(classes: Sequence[str], class_name: str, clip: int, *, clips: int) -> int:
    """Number of a clip in its name: painful ones from 1, baseline ones from 81.

    >>> trial_of(("BL1", "PA1", "PA4"), "PA4", 2, clips=8), trial_of(("BL1", "PA4"), "BL1", 0, clips=8)
    (11, 81)
    """
    return FIRST_BASELINE + clip if class_name == "BL1" else 1 + (classes.index(class_name) - 1) * clips + clip


def tasks(settings: Synthetic) -> int:
    """One piece per participant."""
    return settings.participants


def non_reactive(job: Job) -> set[int]:
    """Numbers of the participants who show nothing."""
    order = job.streams.rng("non-reactive participants").permutation(job.settings.participants)
    return {int(number) for number in order[: job.settings.non_reactive]}


def participant_id(person: Identity, number: int) -> str:
    """An invented id with sex and age, such as ``990007_w_34``."""
    return f"{FIRST_ID + number}_{'m' if person.sex == 'm' else 'w'}_{person.age_years:02d}"


def write(job: Job, number: int) -> Part:
    """Render all clips of one participant."""
    settings, streams, part = job.settings, job.streams.at(number), Part()
    person = draw_identity(streams)
    participant = participant_id(person, number)
    part.participants.append(participant)
    recording = draw_recording(streams, LABORATORY, settings.size)
    classes = classes_of(settings)
    courses = heat_courses(
        streams,
        planting.rates_of(settings, eyes_closed_is_pain=False),
        clips=settings.sequences,
        fps=settings.fps,
        confounding=settings.confounding,
        reactive=number not in non_reactive(job),
        heats=[CLASS_ID[name] / CLASS_ID["PA4"] for name in classes],
    )
    for index, course in enumerate(courses):
        class_name, clip = classes[index // settings.sequences], index % settings.sequences
        sample = f"{participant}-{class_name}-{trial_of(classes, class_name, clip, clips=settings.sequences):03d}"
        path = Path("video", participant, f"{sample}.mp4")
        frames = list(shoot_course(person, recording, course, streams.at(index), masks=job.masks))
        _write_video(job.root / path, [frame.image for frame in frames], settings.fps)
        part.files += 1
        part.lines.append((str(number + 1), participant, str(CLASS_ID[class_name]), class_name, sample))
        for offset, frame in enumerate(frames):
            part.add(
                truth_row(
                    f"{participant}/{sample}/{offset}",
                    participant=participant,
                    sequence=sample,
                    frame_index=offset,
                    path=path,
                    actions=course.actions[offset],
                    shown={concept: bool(flags[offset]) for concept, flags in course.shown.items()},
                ),
                frame,
            )
    return part


def finish(job: Job, parts: Sequence[Part]) -> int:
    """The list of clips and the list of people who show nothing."""
    lines = [line for part in parts for line in part.lines]
    rows = [HEADER, *((*line[:4], str(sample + 1), line[4]) for sample, line in enumerate(lines))]
    save_text_file(job.root / "starting_point" / "samples.csv", "".join("\t".join(row) + "\n" for row in rows))
    ids = [parts[number].participants[0] for number in sorted(non_reactive(job))]
    save_text_file(job.root / "starting_point" / "non_reactive.txt", "".join(f"{name}\n" for name in ids))
    return 2


def _write_video(path: Path, images: Sequence[UInt8[np.ndarray, "size size 3"]], fps: float) -> None:
    """Write a clip with the mp4v codec, which OpenCV brings along."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    try:
        if not writer.isOpened():
            raise DataError(f"OpenCV cannot write mp4v video to {path}; install opencv-python-headless 4.13 or later")
        for image in images:
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


LAYOUT = Layout(check, tasks, write, finish, LABORATORY)
