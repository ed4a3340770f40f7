"""Pictures, clips and text files, drawn with numpy and OpenCV: no faces but one cartoon."""

from pathlib import Path

import cv2
import numpy as np
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
