"""Which face detector finds more: turned heads, false alarms, time, and how well its box sits.

Rendered faces of 224 pixels, the same people at every angle, and pictures of backgrounds without anybody.
``python -m benchmarks.detectors FOLDER`` adds the photographs of a folder with a ``manifest.csv`` (column `path`, and
`face_x0` ... `face_y1` where the box of the face is known).
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.pictures import load_image
from painlens.faces import DETECTORS, Detector
from painlens.synthetic.actions import expression_row
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.recording import CLINIC, draw_recording
from painlens.synthetic.render import Motion, develop, landmarks, rendered_size, take
from painlens.synthetic.streams import Streams

PEOPLE, SIZE = 40, 224
ANGLES_DEG = (0, 15, 25, 35, 45)
NAMES = ("haar", "blazeface")


def rendered(angle_deg: float) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """A picture of each person with the head turned, half of them to either side, and its landmarks."""
    found = []
    for number in range(PEOPLE):
        streams = Streams(5, "detectors").at(number)
        person, recording = draw_identity(streams), draw_recording(streams, CLINIC, SIZE)
        yaw = np.radians(angle_deg) * (-1 if number % 2 else 1) - recording.pose[0]
        shot = take(person, recording, Expression(expression_row({})), Motion(yaw=float(yaw)))
        found.append((np.asarray(develop(shot, streams)), np.asarray(landmarks(shot), np.float64)))
    return found


def empty_pictures() -> list[NDArray[np.uint8]]:
    """Backgrounds of recordings, without a person."""
    side = rendered_size(SIZE)
    step = np.linspace(0, side - 1, SIZE).astype(int)
    pictures = []
    for number in range(4 * PEOPLE):
        background = draw_recording(Streams(6, "detectors").at(number), CLINIC, SIZE).background
        pictures.append((background[step][:, step].clip(0, 1) ** 0.85 * 255).astype(np.uint8))
    return pictures


def right(boxes: NDArray[np.float64], points: NDArray[np.float64]) -> bool:
    """Whether the largest box has its centre on the face and covers most of its inner landmarks."""
    if not len(boxes):
        return False
    x, y, width, height = boxes[0]
    inner = points[17:]
    held = ((inner >= (x, y)) & (inner <= (x + width, y + height))).all(axis=1).mean()
    centre, (low, high) = np.array([x + width / 2, y + height / 2]), (inner.min(axis=0), inner.max(axis=0))
    return bool(held >= 0.9 and ((centre >= low) & (centre <= high)).all())


def overlap(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    low = np.maximum(box[:2], other[:2])
    high = np.minimum(box[:2] + box[2:], other[:2] + other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    return common / (float(box[2] * box[3] + other[2] * other[3]) - common)


def photographs(folder: Path, detector: Detector) -> dict[str, float]:
    """Share found, share with several boxes, and milliseconds a picture over the photographs of a folder."""
    listed = pd.read_csv(folder / "manifest.csv")
    found, several, seconds = 0, 0, 0.0
    for path in listed["path"]:
        image = load_image(folder / str(path))
        began = time.perf_counter()
        boxes = detector.boxes(image)
        seconds += time.perf_counter() - began
        found, several = found + (len(boxes) > 0), several + (len(boxes) > 1)
    count = len(listed)
    return {"photographs found": found / count, "several boxes": several / count, "ms": 1000 * seconds / count}


def report(name: str, value: float, unit: str) -> None:
    """One figure."""
    print(json.dumps({"figure": f"detectors.{name}", "value": value, "unit": unit}), flush=True)


def main() -> None:
    """Print the figures of both detectors."""
    empty = empty_pictures()
    turned = {angle: rendered(angle) for angle in ANGLES_DEG}
    for name in NAMES:
        detector = DETECTORS[name]()
        began = time.perf_counter()
        for angle, pictures in turned.items():
            share = np.mean([right(detector.boxes(image), points) for image, points in pictures])
            report(f"{name}.found_at_{angle}_deg", float(share), "share of faces")
        report(f"{name}.ms", 1000 * (time.perf_counter() - began) / (PEOPLE * len(turned)), "ms a picture")
        alarms = np.mean([len(detector.boxes(image)) > 0 for image in empty])
        report(f"{name}.false_alarms", float(alarms), "share of empty pictures")
        for folder in map(Path, sys.argv[1:]):
            for figure, value in photographs(folder, detector).items():
                report(f"{name}.{figure.replace(' ', '_')}", value, "ms a picture" if figure == "ms" else "share")


if __name__ == "__main__":
    main()
