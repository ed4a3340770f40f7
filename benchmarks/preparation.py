"""How long a rerun on an unchanged database of 50,000 frames takes to decide that there is nothing to do.

A folder in UNBC-McMaster's layout is made (a picture, a score and a list of action units per frame: 150,000 files), its
frames are listed and its faces cropped once; then ``painlens frames`` and ``painlens faces`` are called again, each as
a process of its own, and the plan of ``painlens run`` is asked. The figure is the longest of the three, from the start
of the process to its end.

``prepare.nothing_to_do_seconds`` must stay at or below 3, ``prepare.vs_decode_detect`` at or above .85.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from painlens.databases import read_frames
from painlens.databases.pictures import FrameSource
from painlens.faces import prepare_faces
from painlens.faces.detectors import detector_of
from painlens.faces.pieces import Piece, pieces_of
from painlens.faces.workers import in_order
from painlens.study import Database, Faces, Synthetic
from painlens.synthetic import synthesize

FRAMES = 50_000
PER_SEQUENCE = 200
STUDY = """
study: nothing-to-do
databases:
  many: {reader: unbc, root: DATA, split: {test: 2, validation: 1}}
  same: {reader: unbc, root: DATA, split: {test: 2, validation: 1}}
faces: {detector: none, size: 32, landmarks: template}
"""


def write_database(root: Path, frames: int) -> None:
    """A small picture and its labels per frame, in 25 participants."""
    picture = cv2.imencode(".png", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
    for sequence in range(frames // PER_SEQUENCE):
        place = Path(f"{sequence % 25:03d}-aa{sequence % 25:03d}", f"aa{sequence % 25:03d}t{sequence // 25}aaaff")
        images, scores, units = (root / kind / place for kind in ("Images", "Frame_Labels/PSPI", "Frame_Labels/FACS"))
        for folder in (images, scores, units):
            folder.mkdir(parents=True)
        for number in range(1, PER_SEQUENCE + 1):
            stem = f"{place.name}{number:03d}"
            (images / f"{stem}.png").write_bytes(picture + bytes(str(number), "ascii"))
            (scores / f"{stem}_facs.txt").write_text(f"   {float(number % 3):.7e}\n")
            (units / f"{stem}_facs.txt").touch()


def seconds_of(*command: str) -> tuple[float, str]:
    """Wall-clock seconds of a command, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "painlens", *command], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def decode_and_detect(piece: Piece) -> int:
    """Decode some frames and look for faces, nothing else: what `vs_decode_detect` compares with."""
    source, detector = FrameSource(piece.root), detector_of(piece.settings.detector)
    found = sum(len(detector.boxes(source.frame(frame.path, frame.frame_index))) for frame in piece.frames)
    source.close()
    return found


def vs_decode_detect(folder: Path, *, participants: int = 4, rounds: int = 3) -> float:
    """Throughput of the whole face step as a share of that of decoder and detector alone.

    The step decodes, detects, crops, places landmarks and regions, and stores. Both use all cores, in turns; the
    median of the rounds counts. Pictures are rendered faces of 320 pixels in UNBC-McMaster's layout, with its
    landmark files.
    """
    settings = Synthetic(seed=1, participants=participants, sequences=6, seconds=6, fps=4, size=320, twins=0)
    root = folder / "root"
    synthesize(settings, reader="unbc", name="bench", root=root, truth=folder / "truth")
    frames = read_frames(Database.model_validate({"reader": "unbc", "root": root}), name="bench", root=root)
    faces, cores = Faces(detector="haar", size=224), os.cpu_count() or 1
    ratios = []
    for number in range(rounds):
        began = time.perf_counter()
        found = sum(in_order(decode_and_detect, pieces_of(frames, root, faces, None), workers=cores))
        alone = time.perf_counter() - began
        began = time.perf_counter()
        table = prepare_faces(frames, root=root, settings=faces, store=folder / f"{number}.h5", workers=cores).faces
        whole = time.perf_counter() - began
        if int(table["found"].sum()) > found:
            sys.exit("the face step found faces that the detector did not")
        print(f"{len(frames)} frames: alone {alone:.2f} s, whole step {whole:.2f} s", file=sys.stderr)
        ratios.append(alone / whole)
    return float(np.median(ratios))


def main() -> None:
    """Print the figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--rounds", type=int, default=3, help="the fastest of these counts for each command")
    parser.add_argument("--only", choices=("nothing-to-do", "throughput"), help="one of the two figures")
    options = parser.parse_args()
    if options.only != "nothing-to-do":
        with tempfile.TemporaryDirectory() as folder:
            ratio = vs_decode_detect(Path(folder), rounds=options.rounds)
        print(json.dumps({"figure": "prepare.vs_decode_detect", "value": ratio, "unit": "ratio"}))
    if options.only == "throughput":
        return
    with tempfile.TemporaryDirectory() as folder:
        data, run, study = Path(folder) / "data", Path(folder) / "run", Path(folder) / "study.yaml"
        write_database(data, options.frames)
        study.write_text(STUDY.replace("DATA", str(data)))
        seconds_of("run", str(study), "--run", str(run), "--dry-run")  # writes the resolved study
        first = {stage: seconds_of(stage, str(run), "-d", "many")[0] for stage in ("frames", "faces")}
        times: dict[str, float] = {}
        for _ in range(options.rounds):
            for stage in ("frames", "faces"):
                again, said = seconds_of(stage, str(run), "-d", "many")
                if "up to date" not in said:
                    sys.exit(f"{stage} ran again although nothing changed: {said}")
                times[stage] = min(times.get(stage, again), again)
            again, said = seconds_of("run", str(run), "--dry-run")
            if "frames/database=many " in said or "faces/database=many " in said:
                sys.exit(f"the plan wants to run again although nothing changed: {said}")
            times["plan"] = min(times.get("plan", again), again)
    shown = {name: round(value, 2) for name, value in times.items()}
    print(f"first time: {first}; nothing to do: {shown}", file=sys.stderr)
    print(json.dumps({"figure": "prepare.nothing_to_do_seconds", "value": max(times.values()), "unit": "s"}))


if __name__ == "__main__":
    main()
