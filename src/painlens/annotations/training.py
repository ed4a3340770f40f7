"""Training pictures: rendered faces whose truth is known, for the round before the real ones.

The people appear in no database. Rendering needs compiled code and much memory, so the web server lets a process of its
own do it (`python -m painlens.annotations.training CONCEPT NUMBER SEED`).
"""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import cast

import numpy as np

from painlens.annotations.store import StoreError
from painlens.annotations.tasks import TrainingPicture

SIZE = 256  # pixels
RENDERED_SIZE = 320
SHARE_YES = 0.5
QUALITY = 90
FOREHEAD = 0.35  # of the height of the landmarks, which end at the brows
MARGIN = 1.05


def render_training(concept: str, number: int, *, seed: int) -> list[TrainingPicture]:
    """Faces with and without a concept, half and half in a drawn order; none for concepts that cannot be rendered."""
    import cv2  # here and below: the web server imports this module, and OpenCV takes memory

    from painlens.synthetic import CONCEPTS, LAYOUTS
    from painlens.synthetic.streams import Streams
    from painlens.synthetic.twins import draw_twins

    if concept not in CONCEPTS:
        return []
    present = np.arange(number) < round(number * SHARE_YES)
    np.random.default_rng(seed).shuffle(present)
    style = LAYOUTS["unbc"].style
    pictures = []
    for index, shown in enumerate(present):
        twins = draw_twins(Streams(seed, f"training/{concept}"), concept, index, style=style, size=RENDERED_SIZE)
        face = _face(twins.images()[int(shown)], twins.shown if shown else twins.without)
        encoded, data = cv2.imencode(
            ".webp", cv2.cvtColor(face, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
        )
        if not encoded:
            raise StoreError("OpenCV cannot write WebP pictures; reinstall opencv-python-headless")
        pictures.append(TrainingPicture(f"{concept}-{index:02d}", "yes" if shown else "no", data.tobytes()))
    return pictures


def render_training_elsewhere(concept: str, number: int, *, seed: int) -> list[TrainingPicture]:
    """The same in a process of its own, whose memory is given back."""
    if number == 0:
        return []
    command = [sys.executable, "-m", "painlens.annotations.training", concept, str(number), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StoreError(f"the training faces could not be rendered: {last}")
    return [
        TrainingPicture(one["name"], one["truth"], base64.b64decode(one["picture"])) for one in json.loads(done.stdout)
    ]


def _face(image: np.ndarray, shot: object) -> np.ndarray:
    """The face of a rendered frame, uint8 RGB (SIZE, SIZE, 3): a square about its landmarks and the forehead."""
    import cv2

    from painlens.synthetic.render import Shot, landmarks

    points = landmarks(cast(Shot, shot))
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    top -= FOREHEAD * (bottom - top)
    side = min(round(MARGIN * float(max(right - left, bottom - top))), *image.shape[:2])
    x, y = (
        int(np.clip(round(float(centre) - side / 2), 0, length - side))
        for centre, length in (((left + right) / 2, image.shape[1]), ((top + bottom) / 2, image.shape[0]))
    )
    return np.asarray(cv2.resize(image[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA))


def main(arguments: Sequence[str]) -> None:
    """Print training pictures as JSON."""
    concept, number, seed = arguments
    pictures = render_training(concept, int(number), seed=int(seed))
    listed = [{"name": p.name, "truth": p.truth, "picture": base64.b64encode(p.picture).decode()} for p in pictures]
    sys.stdout.write(json.dumps(listed))


if __name__ == "__main__":
    main(sys.argv[1:])
