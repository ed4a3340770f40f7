"""Time and memory of the web interface on made-up runs: first tile, filter, requests, memory of the server.

``python -m benchmarks web`` needs Chromium and Playwright. A run is made in a temporary folder, the real server is
started as a process of its own, and a real browser opens it.

With 1,500 faces ``web.first_tile_s`` must stay at or below 1.5, ``web.filter_s`` at or below 1, ``web.server_mb`` at
or below 150, ``web.requests_per_tile`` at 1; the figures with 10000 in their names are those of 10,000 faces.
"""

import json
import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

TESTS = Path(__file__).parents[1] / "tests"
LOADS = 5
SIZES = (1500, 10_000)
FIRST = "() => { const i = document.querySelector('#tiles img'); return i && i.complete && i.naturalWidth > 0; }"


UNITS = {"s": "s", "mb": "MB", "tile": "requests"}


def main() -> None:
    """Print one line of JSON per figure."""
    sys.path.insert(0, str(TESTS))
    for faces in SIZES:
        for name, value in _measure(faces).items():
            figure = f"web.{name}" if faces == SIZES[0] else f"web.{faces}.{name}"
            print(json.dumps({"figure": figure, "value": value, "unit": UNITS[name.rsplit("_", 1)[1]]}), flush=True)


def _measure(faces: int) -> dict[str, float]:
    """Figures of a run with so many faces of 64 pixels, two models, one seed."""
    made_run, browser_tools = import_module("web_run").made_run, import_module("web_browser")
    with tempfile.TemporaryDirectory() as place:
        run = made_run(Path(place) / "run", faces=faces, people=40, seeds=1, size=64, withheld=())
        with browser_tools.served(run, "researcher") as server, browser_tools.browser() as chromium:
            process = psutil.Process(server.process.pid)
            with browser_tools.watched(chromium) as watch:
                page = watch.page()
                browser_tools.sign_in(page, server, "researcher")
            first = [_first_tile(browser_tools, chromium, server) for _ in range(LOADS)]
            filters, requests, tiles = _filter(browser_tools, chromium, server)
            return {
                "first_tile_s": statistics.median(first),
                "first_tile_worst_s": max(first),
                "filter_s": statistics.median(filters),
                "filter_worst_s": max(filters),
                "requests_per_tile": requests / tiles,
                "server_mb": process.memory_info().rss / 2**20,
            }


def _first_tile(tools: Any, chromium: Any, server: Any) -> float:
    """Seconds from asking for the gallery until the first tile's picture is there; a new browser context each time."""
    with tools.watched(chromium) as watch:
        page = watch.page()
        tools.sign_in(page, server, "researcher")
        page.goto("about:blank")
        begun = time.perf_counter()
        page.goto(f"{server.address}/inspect", wait_until="commit")
        page.wait_for_function(FIRST, polling=10)
        return time.perf_counter() - begun


def _filter(tools: Any, chromium: Any, server: Any) -> tuple[list[float], int, int]:
    """Seconds from choosing a filter until its first tile is there; picture requests and tiles of a whole page."""
    times = []
    with tools.watched(chromium) as watch:
        page = watch.page()
        tools.sign_in(page, server, "researcher")
        page.wait_for_function(FIRST)
        for label in ("pain", "no-pain", "", "pain", ""):
            page.wait_for_load_state("networkidle")
            page.evaluate("() => document.querySelector('#results').dataset.old = 'yes'")
            begun = time.perf_counter()
            page.select_option("select[name=label]", label)
            page.wait_for_function(f"() => !document.querySelector('#results').dataset.old && ({FIRST})()", polling=10)
            times.append(time.perf_counter() - begun)
        watch.requests.clear()
        page.goto(f"{server.address}/inspect?sort=pa")
        page.evaluate("() => { for (const i of document.images) i.loading = 'eager'; }")
        page.wait_for_load_state("networkidle")
        tiles = page.locator("#tiles .tile").count()
        strips = sum("/strip/" in address for address in watch.requests)
        return times, strips, tiles


if __name__ == "__main__":
    main()
