"""Tiny databases in the owners' layouts, drawn with numpy and OpenCV: no faces, only labels and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

WIDTH, HEIGHT = 40, 30


def picture(number: int = 0, *, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A picture, uint8 RGB, whose mean grey level tells its number (0..24)."""
    image = np.full((height, width, 3), 10 * number + 5, np.uint8)
    image[: height // 2, : width // 2, 0] = 255
    return image


def save_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write RGB pixels in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def save_clip(path: Path, *, frames: int, fps: float, width: int = 64, height: int = 48) -> None:
    """Write a video whose frame number k has the grey level 8 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    for number in range(frames):
        writer.write(np.full((height, width, 3), min(8 * number, 255), np.uint8))
    writer.release()


def write_text(path: Path, text: str) -> None:
    """Write a text file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def points66(scale: float = 1.0) -> NDArray[np.float64]:
    """Coordinates (66, 2) in which x tells the number of the point."""
    return np.column_stack([np.arange(66.0) * scale, np.arange(66.0)[::-1] * scale]).astype(np.float64)


def write_unbc(
    root: Path,
    sequences: Mapping[str, Sequence[float | None]],
    *,
    images: str = "Images",
    labels: str = "Frame_Labels",
    first: int = 1,
) -> None:
    """UNBC-McMaster: '<participant>/<sequence>' -> PSPI of its frames (None: an empty label file)."""
    for place, scores in sequences.items():
        sequence = place.split("/")[1]
        write_text(root / images / ".DS_Store", "x")
        write_text(root / images / place / ".DS_Store", "x")
        write_text(root / "Sequence_Labels" / "VAS" / f"{place}.txt", "  3.5000000e+00\n")
        for number, score in enumerate(scores, start=first):
            stem = f"{sequence}{number:03d}"
            save_picture(root / images / place / f"{stem}.png", picture(number % 20))
            score_text = "" if score is None else f"   {score:.7e}\n"
            write_text(root / labels / "PSPI" / place / f"{stem}_facs.txt", score_text)
            units = f"   4.0000000e+00   {score:.7e}   0.0000000e+00   0.0000000e+00\n" if score else ""
            write_text(root / labels / "FACS" / place / f"{stem}_facs.txt", units)
            lines = [f"   {x:.7e}   {y:.7e}" for x, y in points66(0.5)]
            write_text(root / "AAM_landmarks" / place / f"{stem}_aam.txt", "\n".join(lines) + "\n")


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


AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def affectnet_row(
    path: str, expression: int | str, *, box: tuple[int, ...] = (4, 3, 20, 20), valence: str = "0"
) -> str:
    """One line of a list of AffectNet."""
    landmarks = ";".join(f"{x};{y}" for x, y in zip(np.arange(68) * 0.5, np.arange(68) * 0.25, strict=True))
    return ",".join([path, *map(str, box), landmarks, str(expression), valence, "0.5"])


def write_affectnet(
    root: Path,
    training: Sequence[str],
    validation: Sequence[str],
    *,
    images: str = "Manually_Annotated_Images",
    headers: tuple[str, str] = (AFFECTNET_HEADER, AFFECTNET_HEADER),
) -> None:
    """AffectNet, 11 categories: lines of both lists (none: no file), and a picture for each line."""
    for name, lines, header in zip(("training", "validation"), (training, validation), headers, strict=True):
        if not lines:
            continue
        text = "\n".join([header, *lines] if header else lines) + "\n"
        write_text(root / "Manually_Annotated_file_lists" / f"{name}.csv", text)
        for line in lines:
            save_picture(root / images / line.split(",")[0], picture(3))


def write_manifest(root: Path, rows: Sequence[Mapping[str, object]], *, name: str = "manifest.csv") -> pd.DataFrame:
    """A manifest of the rows, and a picture for every image that it names."""
    table = pd.DataFrame(list(rows))
    root.mkdir(parents=True, exist_ok=True)
    for path in table["path"].dropna():
        if Path(str(path)).suffix == ".png" and not str(path).startswith((".", "/")):
            save_picture(root / str(path), picture(2))
    if name.endswith(".parquet"):
        table.to_parquet(root / name, index=False)
    else:
        table.to_csv(root / name, index=False, sep="\t" if name.endswith(".tsv") else ",")
    return table


def cartoon(width: int, height: int, *, centre: tuple[int, int], side: int) -> NDArray[np.uint8]:
    """A drawn face that Haar cascades find: uint8 RGB; `side` is about that of its box."""
    image = np.full((height, width, 3), 90, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(centre[0] + x * side), round(centre[1] + y * side)

    def length(share: float) -> int:
        return max(1, round(share * side))

    cv2.ellipse(image, at(0, 0.02), (length(0.42), length(0.56)), 0, 0, 360, (225, 190, 165), -1, cv2.LINE_AA)
    for x in (-0.2, 0.2):
        cv2.ellipse(image, at(x, -0.10), (length(0.12), length(0.07)), 0, 0, 360, (150, 110, 95), -1, cv2.LINE_AA)
        cv2.ellipse(image, at(x, -0.10), (length(0.09), length(0.035)), 0, 0, 360, (235, 235, 235), -1, cv2.LINE_AA)
        cv2.circle(image, at(x, -0.10), length(0.035), (40, 25, 20), -1, cv2.LINE_AA)
        cv2.line(image, at(x - 0.11, -0.22), at(x + 0.11, -0.22), (60, 40, 30), length(0.04), cv2.LINE_AA)
    cv2.ellipse(image, at(0, 0.13), (length(0.07), length(0.03)), 0, 0, 360, (150, 105, 90), -1, cv2.LINE_AA)
    cv2.ellipse(image, at(0, 0.30), (length(0.15), length(0.035)), 0, 0, 360, (130, 50, 50), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.5, side / 80)), np.uint8)
