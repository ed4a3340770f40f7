"""Run the benchmarks one after the other and write ``benchmarks/results.json``: ``make bench``.

``python -m benchmarks training attribution`` runs only these. Nothing else should run on the machine meanwhile.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks._wanted import WANTED

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
NAMES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def machine() -> str:
    """Processor, cores and Python in a few words."""
    import os

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def run(name: str) -> dict[str, dict[str, object]]:
    """Figures of one benchmark, which runs in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    print(f"{name} ...", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent)
    figures = figures_of(done.stdout, name)
    for figure, own in figures.items():
        wanted = WANTED.get(figure)
        bound = "" if wanted is None else f" (wanted: {wanted})"
        missed = " MISSED" if wanted is not None and not wanted.holds(float(str(own["value"]))) else ""
        print(f"  {figure} = {own['value']:.4g} {own['unit']}{bound}{missed}", flush=True)
    return figures


def figures_of(printed: str, name: str) -> dict[str, dict[str, object]]:
    """Figures among the lines that a benchmark printed.

    Raises
    ------
    ValueError
        A JSON line is no figure, or there is not one.
    """
    figures: dict[str, dict[str, object]] = {}
    for line in printed.splitlines():
        if not line.startswith("{"):
            continue
        found = json.loads(line)
        missing = {"figure", "value", "unit"} - set(found)
        if missing:
            raise ValueError(f"benchmark '{name}' printed a line without {', '.join(sorted(missing))}: {line}")
        own = {"value": found["value"], "unit": found["unit"], "command": f"make bench ({name})"}
        figures[found["figure"]] = {**own, "machine": machine()}
    if not figures:
        raise ValueError(f"benchmark '{name}' printed no figure")
    return figures


def main() -> None:
    """Run the named benchmarks, or all; figures of others stay in the file as they were."""
    names = sys.argv[1:] or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names:
        figures.update(run(name))
    RESULTS.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n")
    print(RESULTS)


if __name__ == "__main__":
    main()
