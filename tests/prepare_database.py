"""A process that prepares a database, to be started twice, killed, or run out of disk: ROOT STORE [LIMIT_BYTES]."""

import resource
import sys
import time
from pathlib import Path

from painlens.databases import read_frames
from painlens.faces import prepare_faces
from painlens.study import Database, Faces


def main() -> None:
    """Prepare the manifest database of a folder; the word `started` says that the first faces are being written."""
    root, store = Path(sys.argv[1]), Path(sys.argv[2])
    database = Database.model_validate({"reader": "manifest", "root": root})
    frames = read_frames(database, name="mine", root=root)
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))

    def slow(done: int, total: int, note: str = "") -> None:  # noqa: ARG001 - the shape of Progress
        if done:
            print("started", flush=True)
            time.sleep(0.3)

    prepare_faces(frames, root=root, settings=Faces(detector="none", size=64), store=store, progress=slow)


if __name__ == "__main__":
    main()
