"""The whole demo from an empty run folder: seconds, peak memory, and what it decided."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil


def watch(process: psutil.Process, peak: list[int], stop: threading.Event) -> None:
    """Largest sum of resident memory over the process and its children, in bytes (shared pages counted once each)."""
    while not stop.wait(0.25):
        total = 0
        for one in [process, *process.children(recursive=True)]:
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total)


def main() -> None:
    """Print ``demo.seconds``, ``demo.peak_gib`` and ``demo.exit_code``."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "-m", "painlens", "demo", "--run", str(Path(folder) / "demo")]
        child = subprocess.Popen(command, stdout=sys.stderr)
        peak, stop = [0], threading.Event()
        watcher = threading.Thread(target=watch, args=(psutil.Process(child.pid), peak, stop))
        watcher.start()
        code = child.wait()
        seconds = time.perf_counter() - started
        stop.set()
        watcher.join()
    for figure, value, unit in (
        ("demo.seconds", seconds, "s"),
        ("demo.peak_gib", peak[0] / 2**30, "GiB"),
        ("demo.exit_code", code, "code"),
    ):
        print(json.dumps({"figure": figure, "value": value, "unit": unit}))


if __name__ == "__main__":
    main()
