"""A person at the annotation screen: tasks to label, windows, keys, and what was stored of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from annotation_server import Prepared, Served
from browser import Watched, sign_in
from painlens.annotations.tasks import Face, Plan, TrainingPicture, create_task

OFFLINE = "Failed to load resource"  # what Chromium says about a request that could not be made


def make_task(run: Prepared, *, faces: int = 24, training: int = 0, annotators: int = 2) -> str:
    """A fresh task over the run's faces."""
    with run.store() as connection:
        rows = connection.execute(
            "SELECT database, frame_id, participant FROM item WHERE task_id = ? AND kind = 'face' LIMIT ?",
            (run.task, faces),
        ).fetchall()
        picture = _picture()
        lessons = [TrainingPicture(f"lesson-{n}", "yes", picture) for n in range(training)]
        return create_task(
            connection, concept="eyes-closed", question="Are both eyes closed?", guideline="Yes if they are.",
            faces=[Face(*row) for row in rows], plan=Plan(annotators, 0, "answer", 3), created_by="rob",
            training=lessons,
        )  # fmt: skip


def _picture() -> bytes:
    import numpy as np

    from painlens.web.pictures import face_picture

    return face_picture(np.full((32, 32, 3), 120, np.uint8), 0)


@contextmanager
def seat(browser: Browser, address: str, run: Prepared, person: str, **options: object) -> Iterator[Watched]:
    """A signed-in person's browser window; requests to other hosts and script errors fail the test."""
    context = browser.new_context(**options)  # pyright: ignore[reportArgumentType] - Playwright's own options
    watched = Watched(context)
    try:
        sign_in(watched.page, address, run.tokens[person])
        yield watched
        assert watched.foreign == []
        assert [e for e in watched.errors if OFFLINE not in e] == []
    finally:
        context.close()


@contextmanager
def annotating(browser: Browser, server: Served, run: Prepared, task: str) -> Iterator[Page]:
    """Anna's window on a task."""
    with seat(browser, server.address, run, "anna") as watched:
        watched.page.goto(f"{server.address}/annotate/{task}")
        yield watched.page


def wait_for_face(page: Page, other_than: str = "") -> str:
    """The painted face's id, once keys count for it."""
    page.wait_for_function(
        "other => { const f = document.querySelector('.stage .face');"
        " return f && f.dataset.painted && f.dataset.item !== other }",
        arg=other_than,
    )
    page.wait_for_timeout(110)  # longer than any key is refused for being too early
    return str(page.get_attribute(".stage .face", "data-item"))


def wait_saved(page: Page) -> None:
    """Until nothing is on its way."""
    page.wait_for_function("() => document.querySelector('[data-part=saved]').dataset.unsaved === '0'")


def wait_for_progress(page: Page, told: str) -> None:
    """Until the page says how far the person is; it may say so a moment after the answer was saved."""
    page.wait_for_function("told => document.querySelector('[data-part=progress-text]').textContent === told", arg=told)


def events(run: Prepared, task: str, person: str = "anna") -> list[tuple[str, str, str | None]]:
    """Stored kind, item and value of a person's events."""
    with run.store() as connection:
        rows = connection.execute(
            "SELECT kind, item_id, value FROM event WHERE task_id = ? AND person = ? ORDER BY event_id", (task, person)
        )
        return [tuple(row) for row in rows]


def label(page: Page, keys: str) -> list[tuple[str, str, str | None]]:
    """Answer faces with keys; what should be stored."""
    words = {"y": "yes", "n": "no", "u": "unsure", "1": "yes", "2": "no", "3": "unsure"}
    expected, shown = [], ""
    for key in keys:
        shown = wait_for_face(page, shown)
        page.keyboard.press(key)
        expected.append(("label", shown, words[key]))
    return expected


def label_more(page: Page, before: list[tuple[str, str, str | None]], keys: str) -> list[tuple[str, str, str | None]]:
    """Go on answering after the last face."""
    wait_for_face(page, before[-1][1])
    return label(page, keys)


def tab_to(page: Page, selector: str, *, back: bool = False) -> None:
    """Press Tab until an element has the focus, which must be visible."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"Tab never reaches {selector}")
