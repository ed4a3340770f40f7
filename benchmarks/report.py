"""The report of a run with 1,500 test faces: how large it is, how long it takes, how soon a browser shows it.

The run is a comparison of two small networks with random weights on rendered faces of 224 pixels, all of which may be
published, with one concept; nothing of it depends on how good the networks are. Its report is written by `painlens
report` as a process of its own, from its start to its end, and opened from the file in Chromium, each time in a new
context; the page is there when everything in it has been laid out and decoded (the event ``load``).

``report.mb`` must stay at or below 15, ``report.seconds`` at or below 20, ``report.first_view_s`` at or below 1.5.

    python -m benchmarks.report [--faces 1500] [--size 224] [--run FOLDER]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from statistics import median

from benchmarks.compare import comparison, timed_comparison
from painlens.study import Backbone
from painlens.workflow.compiling import compile_concept_test
from painlens.workflow.memory import keep_freed_memory
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job

TESTS = Path(__file__).parents[1] / "tests"
LOADS = 5
PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length > 0"


def made_run(folder: Path, faces: int, size: int) -> RunFolder:
    """A finished comparison."""
    keep_freed_memory()
    compile_concept_test()
    study = comparison(folder, faces, size, Backbone(name="compact"))
    run, steps = timed_comparison(study, folder / "run")
    print({name or "whole run": round(value, 1) for name, value in steps.items()}, file=sys.stderr, flush=True)
    return run


def seconds_to_write(run: RunFolder) -> float:
    """Seconds of `painlens report`, which has to write the report anew."""
    run.manifest(Job("report")).unlink()
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "painlens", "report", str(run.root)], check=True, stdout=sys.stderr)
    return time.perf_counter() - began


def seconds_to_view(page: Path) -> list[float]:
    """Seconds from asking for the file until the page is whole and painted."""
    sys.path.insert(0, str(TESTS))
    times = []
    with import_module("browser").chromium() as chromium:
        for _ in range(LOADS):
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            opened = context.new_page()
            began = time.perf_counter()
            opened.goto(page.resolve().as_uri(), wait_until="load")
            opened.wait_for_function(PAINTED, polling=10)
            times.append(time.perf_counter() - began)
            context.close()
    return times


def main() -> None:
    """Print the figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1500)
    parser.add_argument("--size", type=int, default=224, help="side of a face in pixels")
    parser.add_argument("--run", type=Path, help="a finished run; its report is written again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(options.run) if options.run else made_run(Path(folder), options.faces, options.size)
        seconds = seconds_to_write(run)
        megabytes = run.report.stat().st_size / 1e6
        views = seconds_to_view(run.report)
    print(f"first views: {[round(value, 2) for value in views]}", file=sys.stderr)
    for figure, value, unit in (
        ("mb", megabytes, "MB"),
        ("seconds", seconds, "s"),
        ("first_view_s", median(views), "s"),
    ):
        print(json.dumps({"figure": f"report.{figure}", "value": round(value, 4), "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
