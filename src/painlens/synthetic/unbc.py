"""Rendered sequences of a clinical examination in the layout of the UNBC-McMaster archive.

Participant ids have the archive's form and are invented. Frames of neutral faces have an empty FACS file, sequences
do not all start at frame 1, and numbers are written in scientific notation, as in the archive.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int

from painlens.study import Synthetic
from painlens.synthetic import planting
from painlens.synthetic.actions import COLUMN, pspi
from painlens.synthetic.courses import Course, clinical_courses
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.layout import Job, Layout, Part, save_picture, save_text_file, shoot_course, truth_row
from painlens.synthetic.recording import CLINIC, draw_recording
from painlens.synthetic.streams import Streams

CODED = (4, 6, 7, 9, 10, 12, 20, 25, 26, 43)  # action units that the archive codes
WITHOUT_INNER_CORNERS = [*range(60), 61, 62, 63, 65, 66, 67]  # its 66 points of the 68
MOVEMENTS = ("aa", "af", "ae", "ai")
FIRST_ID, LAST_ID = 201, 999
COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def check(settings: Synthetic) -> None:
    """Settings that this layout cannot honour are errors."""
    planting.rates_of(settings, eyes_closed_is_pain=True)
    if settings.non_reactive:
        raise ValueError("non_reactive belongs to databases labelled by a stimulus (biovid); a unbc database labels "
                         f"what the face shows; got {settings.non_reactive}, set it to 0")  # fmt: skip
    if settings.classes:
        raise ValueError("a unbc database shows what PSPI says, it has no classes of its own; got "
                         f"{', '.join(settings.classes)}; choose levels with the database's own 'classes'")  # fmt: skip
    if settings.participants > LAST_ID - FIRST_ID + 1:
        raise ValueError(f"a unbc database has at most {LAST_ID - FIRST_ID + 1} participants, "
                         f"got {settings.participants}")  # fmt: skip
    if frames_of(settings) < 2:
        raise ValueError(f"seconds * fps must give at least 2 frames, got {settings.seconds:g} * {settings.fps:g}")


def frames_of(settings: Synthetic) -> int:
    """Frames of a sequence."""
    return min(980, round(settings.seconds * settings.fps))


def tasks(settings: Synthetic) -> int:
    """One piece per participant."""
    return settings.participants


def participant_id(streams: Streams, number: int) -> str:
    """An invented id such as ``203-kd203``."""
    letters = "".join(chr(97 + letter) for letter in streams.rng("initials").integers(0, 26, 2))
    return f"{FIRST_ID + number:03d}-{letters}{FIRST_ID + number:03d}"


def sequence_name(participant: str, number: int) -> str:
    """The archive's form: test occasion, movement, affected or unaffected limb.

    Examples
    --------
    >>> sequence_name("203-kd203", 0), sequence_name("203-kd203", 9)
    ('kd203t1aaaff', 'kd203t2aaaff')
    """
    test, rest = number % 2 + 1, number // 2
    movement = MOVEMENTS[rest % 4]
    limb = ("aff", "unaff")[(number + rest // 4) % 2]
    series = rest // 8
    prefix = chr(97 + series - 1) if series else ""
    return f"{participant[4:]}t{test}{prefix}{movement}{limb}"


def write(job: Job, number: int) -> Part:
    """Render all sequences of one participant."""
    settings, streams, part = job.settings, job.streams.at(number), Part()
    participant = participant_id(streams, number)
    part.participants.append(participant)
    person = draw_identity(streams)
    courses = clinical_courses(
        streams,
        planting.rates_of(settings, eyes_closed_is_pain=True),
        sequences=settings.sequences,
        frames=frames_of(settings),
        fps=settings.fps,
        confounding=settings.confounding,
    )
    occasions = [draw_recording(streams.at(occasion), CLINIC, settings.size) for occasion in (0, 1)]
    for index, course in enumerate(courses):
        name, place = sequence_name(participant, index), streams.at(index)
        first = int(place.rng("first frame").integers(1, 18))
        frames = shoot_course(person, occasions[index % 2], course, place, masks=job.masks)
        for offset, frame in enumerate(frames):
            stem = f"{name}{first + offset:03d}"
            image = Path("Images", participant, name, f"{stem}.png")
            save_picture(job.root / image, frame.image, COMPRESSION)
            _write_labels(job.root, Path(participant, name, stem), course.coded[offset], frame.points)
            part.add(
                truth_row(
                    f"{participant}/{name}/{first + offset:03d}",
                    participant=participant,
                    sequence=name,
                    frame_index=first + offset,
                    path=image,
                    actions=course.actions[offset],
                    shown={concept: bool(flags[offset]) for concept, flags in course.shown.items()},
                ),
                frame,
            )
            part.files += 4
        part.files += _write_ratings(job.root, Path(participant, name), course, place)
    return part


def finish(job: Job, parts: Sequence[Part]) -> int:  # noqa: ARG001 - the shape of Layout.finish
    """The archive has no lists."""
    return 0


def _write_labels(root: Path, stem: Path, coded: Int[np.ndarray, " unit"], points: Float[np.ndarray, "68 2"]) -> None:
    """PSPI, FACS and landmark file of one frame."""
    save_text_file(root / "Frame_Labels" / "PSPI" / f"{stem}_facs.txt", f"   {pspi(coded):.7e}\n")
    lines = [
        f"   {unit:.7e}   {coded[COLUMN[unit]]:.7e}   {0:.7e}   {0:.7e}\n" for unit in CODED if coded[COLUMN[unit]] > 0
    ]
    save_text_file(root / "Frame_Labels" / "FACS" / f"{stem}_facs.txt", "".join(lines))
    rows = [f"   {x:.7e}   {y:.7e}\n" for x, y in points[WITHOUT_INNER_CORNERS]]
    save_text_file(root / "AAM_landmarks" / f"{stem}_aam.txt", "".join(rows))


def _write_ratings(root: Path, stem: Path, course: Course, streams: Streams) -> int:
    """Ratings of a whole sequence: by the person (VAS, AFF, SEN) and by an observer (OPR)."""
    rng = streams.rng("ratings")
    worst = float(pspi(course.coded).max())
    felt = float(np.clip(0.8 * worst + rng.normal(0.5, 1.2), 0, 10))
    ratings = {
        "VAS": round(felt, 1),
        "OPR": float(np.clip(round(worst / 2.5 + rng.normal(0, 0.5)), 0, 5)),
        "AFF": float(np.clip(round(1.3 * felt + rng.normal(0, 1)), 0, 14)),
        "SEN": float(np.clip(round(1.4 * felt + rng.normal(0, 1)), 0, 14)),
    }
    for scale, value in ratings.items():
        save_text_file(root / "Sequence_Labels" / scale / f"{stem}.txt", f"   {value:.7e}\n")
    return len(ratings)


LAYOUT = Layout(check, tasks, write, finish, CLINIC)
