"""How fast faces are rendered: whole participants of the clinical layout at 128 px, by one process.

The time covers all that `painlens synthesize` does for a participant: drawing the person, rendering, landmarks, labels,
PNG files. Compilation happens before the clock starts.

``synthesize.faces_per_second_per_core`` must reach 60.
"""

import json
import tempfile
import time
from pathlib import Path

from painlens.study import Synthetic
from painlens.synthetic import synthesize

PARTICIPANTS, SEQUENCES, SECONDS, FPS = 6, 4, 6.0, 4


def faces_per_second(folder: Path, *, participants: int) -> float:
    """Frames per second of one process over whole participants."""
    settings = Synthetic(
        seed=1, participants=participants, sequences=SEQUENCES, seconds=SECONDS, fps=FPS, size=128, twins=0
    )
    began = time.perf_counter()
    counts = synthesize(settings, reader="unbc", name="bench", root=folder / "root", truth=folder / "truth")
    return counts["frames"] / (time.perf_counter() - began)


def main() -> None:
    """Print the figure."""
    with tempfile.TemporaryDirectory() as folder:
        faces_per_second(Path(folder) / "warm-up", participants=2)
        rate = faces_per_second(Path(folder) / "timed", participants=PARTICIPANTS)
    print(json.dumps({"figure": "synthesize.faces_per_second_per_core", "value": rate, "unit": "faces/s"}))


if __name__ == "__main__":
    main()
