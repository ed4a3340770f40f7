"""Preparation of databases: throughput, memory, a rerun where nothing changed, a folder of a million files.

* ``prepare.vs_decode_detect``: throughput of the face step over that of decoder and detector alone, on the same cores.
* ``prepare.memory_four_times``: peak memory of the face step, its workers included, on 8,000 frames over that on 2,000.
* ``prepare.nothing_to_do_seconds``: a folder in UNBC-McMaster's layout is made (50,000 frames; a picture, a score and a
  list of action units each: 150,000 files), its frames are listed and its faces cropped once; then ``painlens frames``
  and ``painlens faces`` are called again, each as a process of its own, and the plan of ``painlens run`` is asked. The
  figure is the longest of the three, from the start of the process to its end.
* ``prepare.million_files_seconds``: ``painlens frames``, first time, on classes with a million files in one folder.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from painlens.databases import read_frames
from painlens.databases.pictures import FrameSource
from painlens.faces import prepare_faces
from painlens.faces.detectors import detector_of
from painlens.faces.pieces import Piece, pieces_of
from painlens.faces.workers import in_order
from painlens.study import Database, Faces, Synthetic, load_study
from painlens.synthetic import synthesize
from painlens.tables import FRAMES as FRAMES_TABLE
from painlens.tables import load_table
from painlens.workflow.run_folder import prepare_run

FRAMES = 50_000
PER_SEQUENCE = 200
UNCHANGED = """
study: nothing-to-do
databases:
  many: {reader: unbc, root: DATA, split: {test: 2, validation: 1}}
  same: {reader: unbc, root: DATA, split: {test: 2, validation: 1}}
faces: {detector: none, size: 32, landmarks: template}
"""
CROWDED = """
study: crowded
databases:
  many: {reader: imagefolder, root: DATA, layout: {participant: "/(p[0-9]+)_"}, split: {test: 2, validation: 1}}
  same: {reader: imagefolder, root: DATA, layout: {participant: "/(p[0-9]+)_"}, split: {test: 2, validation: 1}}
faces: {detector: none, size: 32, landmarks: template}
"""


def write_database(root: Path, frames: int) -> None:
    """A small picture and its labels per frame, in 25 participants; sequences of `PER_SEQUENCE` frames."""
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


def memory_four_times(folder: Path, *, frames: int) -> float:
    """Peak resident memory of the face step on four times as many frames over that on `frames`."""
    peaks: list[float] = []
    for count in (frames, 4 * frames):
        root = folder / str(count)
        write_database(root, count)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
            peaks.append(one.submit(peak_mib, root, folder / f"{count}.h5").result())
        shutil.rmtree(root)
    print(f"peak memory: {peaks[0]:.0f} MiB of {frames} frames, {peaks[1]:.0f} MiB of {4 * frames}", file=sys.stderr)
    return peaks[1] / peaks[0]


def peak_mib(root: Path, store: Path) -> float:
    """Peak memory of the face step in this process, plus that of its largest worker for each of them."""
    frames = read_frames(Database.model_validate({"reader": "unbc", "root": root}), name="bench", root=root)
    settings, cores = Faces(detector="none", size=224, landmarks="template"), os.cpu_count() or 1
    prepare_faces(frames, root=root, settings=settings, store=store, workers=cores)
    own, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + cores * workers) / 1024


def nothing_to_do(folder: Path, *, frames: int, rounds: int) -> float:
    """Seconds of the longest of three commands on an unchanged database; the fastest round counts for each."""
    data, run, study = folder / "data", folder / "run", folder / "study.yaml"
    write_database(data, frames)
    study.write_text(UNCHANGED.replace("DATA", str(data)))
    prepare_run(load_study(study), run)
    first = {stage: seconds_of(stage, str(run), "-d", "many")[0] for stage in ("frames", "faces")}
    times: dict[str, float] = {}
    for _ in range(rounds):
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
    return max(times.values())


def million_files(folder: Path, *, files: int) -> float:
    """Seconds of listing the frames of a folder of classes, one of which holds all files but one."""
    picture = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    data, run, study = folder / "data", folder / "run", folder / "study.yaml"
    for name, count in (("no-pain", files - 1), ("pain", 1)):
        (data / name).mkdir(parents=True)
        for number in range(count):
            (data / name / f"p{number % 50:02d}_{number:07d}.png").write_bytes(picture)
    study.write_text(CROWDED.replace("DATA", str(data)))
    prepare_run(load_study(study), run)
    seconds, said = seconds_of("frames", str(run), "-d", "many")
    print(said, file=sys.stderr)
    if len(load_table(run / "frames" / "database=many" / "frames.parquet", FRAMES_TABLE)) != files:
        sys.exit("files were lost")
    return seconds


MEASURES = {
    "throughput": ("prepare.vs_decode_detect", "ratio"),
    "memory": ("prepare.memory_four_times", "ratio"),
    "nothing-to-do": ("prepare.nothing_to_do_seconds", "s"),
    "million": ("prepare.million_files_seconds", "s"),
}


def main() -> None:
    """Print the figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--frames", type=int, help=f"unchanged frames ({FRAMES:,}); frames of the memory's base (2,000)"
    )
    parser.add_argument("--files", type=int, default=1_000_000, help="in one folder")
    parser.add_argument("--rounds", type=int, default=3, help="of throughput, and of the commands with nothing to do")
    parser.add_argument("--only", choices=MEASURES, help="one of the figures")
    options = parser.parse_args()
    measure: dict[str, Callable[[Path], float]] = {
        "throughput": partial(vs_decode_detect, rounds=options.rounds),
        "memory": partial(memory_four_times, frames=options.frames or 2_000),
        "nothing-to-do": partial(nothing_to_do, frames=options.frames or FRAMES, rounds=options.rounds),
        "million": partial(million_files, files=options.files),
    }
    for name in [options.only] if options.only else list(MEASURES):
        with tempfile.TemporaryDirectory() as folder:
            value = measure[name](Path(folder))
        figure, unit = MEASURES[name]
        print(json.dumps({"figure": figure, "value": value, "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
