"""Annotating in a browser: from the key to the stored row and to the next face; kills; two writers.

Prints JSON lines ``{"figure", "value", "unit", ...}``:

* ``web.key_to_row_p95_ms``: from the browser's key event to the commit of its row, by the clocks of one machine;
* ``web.key_to_next_p95_ms``: from the key event until the next face is painted;
* ``web.labels_lost``: acknowledged labels that are gone after `--kills` times ``kill -9`` of the server in a burst;
* ``web.lock_errors``, ``web.two_writers_s``: two processes, `--labels` single commits together.

    python -m benchmarks.annotation [--keys 150] [--kills 20] [--labels 3000] [--only latency|kills|writers]
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Browser, Page  # noqa: E402

from annotation_cases import items_of, new_store, new_task  # noqa: E402  # pyright: ignore[reportMissingImports]
from annotation_server import Prepared, Served, prepared_run  # noqa: E402  # pyright: ignore[reportMissingImports]
from browser import Watched, chromium, sign_in  # noqa: E402  # pyright: ignore[reportMissingImports]
from painlens.annotations import keeping, store  # noqa: E402
from painlens.annotations.events import Answer, append  # noqa: E402

# Runs in the page: times every key event and the moment at which the face after it was painted.
TIMED = """() => {
  window.keyAt = []; window.nextAt = [];
  addEventListener('keydown', e => {
    window.keyAt.push(performance.timeOrigin + e.timeStamp); window.waits = true;
  }, true);
  const look = now => {
    const face = document.querySelector('.stage .face');
    if (window.waits && face && face.dataset.painted && face.dataset.item !== window.lastItem) {
      window.nextAt.push(performance.timeOrigin + now); window.waits = false;
    }
    if (face && face.dataset.painted && !window.waits) window.lastItem = face.dataset.item;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

# Runs in the page: tells which answers the server acknowledged, as the page itself learns it.
ACKNOWLEDGED = """
  const send = window.fetch;
  window.fetch = async (...args) => {
    const response = await send(...args);
    if (response.ok && response.url.endsWith('/answers')) {
      const told = await response.clone().json();
      window.acknowledge(told.outcomes.filter(o => o.state === 'stored').map(o => o.nonce));
    }
    return response;
  };
"""


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=150)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--labels", type=int, default=3000)
    parser.add_argument("--only", choices=("latency", "kills", "writers"))
    options = parser.parse_args()
    wanted = (options.only,) if options.only else ("latency", "kills", "writers")
    with tempfile.TemporaryDirectory() as folder:
        if "writers" in wanted:
            writers(Path(folder), options.labels)
        if "latency" in wanted or "kills" in wanted:
            run = prepared_run(Path(folder) / "run", faces=2 * (options.keys + 60 * options.kills), size=224)
            with chromium() as browser:
                if "latency" in wanted:
                    latency(browser, run, options.keys)
                if "kills" in wanted:
                    kills(browser, run, options.kills)


def seat(browser: Browser, served: Served, run: Prepared, person: str) -> Page:
    """A signed-in window on the task."""
    page = Watched(browser.new_context()).page
    sign_in(page, served.address, run.tokens[person])
    page.goto(f"{served.address}/annotate/{run.task}")
    return page


def wait_for_face(page: Page, other_than: str) -> str:
    """Id of the next painted face."""
    page.wait_for_function(
        "other => { const f = document.querySelector('.stage .face');"
        " return f && f.dataset.painted && f.dataset.item !== other }",
        arg=other_than,
    )
    return str(page.get_attribute(".stage .face", "data-item"))


def wait_saved(page: Page) -> None:
    """Until nothing is on its way."""
    page.wait_for_function("() => document.querySelector('[data-part=saved]').dataset.unsaved === '0'", timeout=60_000)


def latency(browser: Browser, run: Prepared, keys: int) -> None:
    """About two answers a second, as a quick person gives them."""
    served = Served(run.root).start()
    try:
        page = seat(browser, served, run, "anna")
        shown = wait_for_face(page, "")
        page.wait_for_timeout(3000)
        page.evaluate(TIMED)
        page.wait_for_timeout(200)
        for _ in range(keys):
            page.keyboard.press("y")
            shown = wait_for_face(page, shown)
            page.wait_for_timeout(350)
        wait_saved(page)
        pressed, painted = np.array(page.evaluate("() => window.keyAt")), np.array(page.evaluate("() => window.nextAt"))
        page.context.close()
    finally:
        served.kill()
    with run.store() as connection:
        rows = connection.execute(
            "SELECT created_at FROM event WHERE person = 'anna' AND kind = 'label' ORDER BY event_id"
        )
        stored = np.array([datetime.fromisoformat(row[0]).timestamp() * 1000 for row in rows])
    if not len(pressed) == len(painted) == len(stored) == keys:
        raise RuntimeError(f"{keys} keys gave {len(stored)} rows, {len(painted)} faces and {len(pressed)} key events")
    commit = commit_ms(run)
    for name, spans in (("key_to_row", stored - pressed + commit), ("key_to_next", painted - pressed)):
        p50, p95 = np.percentile(spans, [50, 95])
        report(f"web.{name}_p95_ms", float(p95), "ms", p50=float(p50), most=float(spans.max()), keys=keys)


def commit_ms(run: Prepared) -> float:
    """Time from a row's stamp to the end of its commit: 95th percentile of single commits in this file."""
    spans = []
    with run.store() as connection:
        item = connection.execute("SELECT item_id FROM item WHERE kind = 'face' LIMIT 1").fetchone()[0]
        for n in range(50):
            start = time.perf_counter()
            append(
                connection, [Answer(f"commit-{n:012d}", item, "flag")], person="anna", task_id=run.task, part="annotate"
            )
            spans.append((time.perf_counter() - start) * 1000)
    return float(np.percentile(spans, 95))


def kills(browser: Browser, run: Prepared, times: int) -> None:
    """Kill the server in a burst of answers, again and again; the browser goes on meanwhile."""
    served = Served(run.root).start()
    acknowledged: set[str] = set()
    pressed = 0
    rng = np.random.default_rng(0)
    page = seat(browser, served, run, "ben")

    page.context.expose_function("acknowledge", lambda nonces: acknowledged.update(nonces))
    page.context.add_init_script(ACKNOWLEDGED)
    page.reload()
    try:
        shown = ""
        for _ in range(times):
            shown = wait_for_face(page, "")
            page.wait_for_timeout(500)
            deadline = time.monotonic() + float(rng.uniform(0.3, 1.5))
            while time.monotonic() < deadline:
                shown, pressed = answer(page, shown, pressed)
            served.kill()
            for _ in range(3):
                shown, pressed = answer(page, shown, pressed)
            served.start()
            wait_saved(page)
    finally:
        served.kill()
    with run.store() as connection:
        stored = {row[0] for row in connection.execute("SELECT nonce FROM event WHERE person = 'ben'")}
        problems = keeping.problems_of(connection)
    report("web.labels_lost", len(acknowledged - stored), "labels", kills=times, acknowledged=len(acknowledged),
           stored=len(stored), pressed=pressed, problems=len(problems))  # fmt: skip


def answer(page: Page, shown: str, pressed: int) -> tuple[str, int]:
    """One key for the painted face."""
    page.wait_for_timeout(90)
    before = page.get_attribute(".stage .face", "data-item") or shown
    page.keyboard.press("n")
    return wait_for_face(page, before), pressed + 1


def write(path: Path, task_id: str, item: str, person: str, number: int) -> None:
    """Single commits of one writer."""
    connection = store.connect(path)
    for n in range(number):
        append(
            connection,
            [Answer(f"{person}-{n:016d}", item, "label", "yes")],
            person=person,
            task_id=task_id,
            part="annotate",
        )
    connection.close()


def writers(folder: Path, labels: int) -> None:
    """Two processes that write at once."""
    connection = new_store(folder)
    task = new_task(connection, 3)
    item = items_of(connection, task)[0]
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=write, args=(folder / store.FILE, task.task_id, item, name, labels // 2))
        for name in ("anna", "ben")
    ]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    count = connection.execute("SELECT count(*) FROM event").fetchone()[0]
    problems = keeping.problems_of(connection)
    failed = sum(worker.exitcode != 0 for worker in workers)
    connection.close()
    report("web.lock_errors", failed, "errors", stored=count, wanted=labels, problems=len(problems))
    report("web.two_writers_s", seconds, "s", labels=labels)


def report(figure: str, value: float, unit: str, **details: float) -> None:
    """One JSON line."""
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit} | details))


if __name__ == "__main__":
    main()
