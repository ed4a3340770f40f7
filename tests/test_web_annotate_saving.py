"""No answer is lost in a real browser: without a connection, after a kill, in two windows, when consent ends."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response

from annotating import (
    annotating,
    events,
    label,
    label_more,
    make_task,
    seat,
    wait_for_face,
    wait_for_progress,
    wait_saved,
)
from annotation_server import Prepared, Served, prepared_run
from browser import Watched, needs_chromium, sign_in
from painlens.web import consent

pytestmark = [pytest.mark.browser, needs_chromium]
pytest_plugins = ["annotating_fixtures"]


def test_without_a_connection_work_goes_on_and_is_shown_as_unsaved(
    browser: Browser, server: Served, run: Prepared
) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        expected = label(page, "y")
        wait_saved(page)
        page.wait_for_timeout(600)  # pictures are fetched ahead
        page.context.set_offline(True)
        expected += label_more(page, expected, "nunyy")
        assert page.inner_text("[data-part=saved]") == "5 unsaved"
        page.wait_for_selector("[data-part=connection]:not([hidden])")
        assert len(events(run, task)) == 1
        page.context.set_offline(False)
        wait_saved(page)
        assert page.inner_text("[data-part=saved]") == "All saved"
        assert events(run, task) == expected


def test_unsaved_answers_survive_a_closed_window(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run)
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, server.address, run.tokens["anna"])
    page.goto(f"{server.address}/annotate/{task}")
    page.route("**/answers", lambda route: route.abort())
    expected = label(page, "ynn")
    assert events(run, task) == []
    page.close(run_before_unload=False)
    page = context.new_page()
    page.goto(f"{server.address}/annotate/{task}")
    wait_for_face(page)
    wait_saved(page)
    assert events(run, task) == expected
    wait_for_progress(page, "3 of 24")
    context.close()


def test_no_acknowledged_answer_is_lost_when_the_server_is_killed(browser: Browser, tmp_path: Path) -> None:
    """`kill -9` in the middle of a burst; the browser goes on, the server comes back, everything is there once."""
    run = prepared_run(tmp_path / "run", faces=24)
    served = Served(run.root).start()
    try:
        with seat(browser, served.address, run, "anna") as watched:
            page = watched.page
            acknowledged: list[str] = []

            def note(response: Response) -> None:
                if response.url.endswith("/answers") and response.ok:
                    acknowledged.extend(o["nonce"] for o in response.json()["outcomes"] if o["state"] == "stored")

            page.on("response", note)
            page.goto(f"{served.address}/annotate/{run.task}")
            expected = label(page, "ynyn")
            page.wait_for_timeout(800)
            served.kill()
            expected += label_more(page, expected, "uyn")
            assert page.inner_text("[data-part=saved]").endswith("unsaved")
            served.start()
            wait_saved(page)
            assert events(run, run.task) == expected
            with run.store() as connection:
                stored = {row[0] for row in connection.execute("SELECT nonce FROM event")}
            assert acknowledged
            assert set(acknowledged) <= stored
    finally:
        served.kill()


def test_two_annotators_and_two_tabs_at_once(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run, faces=8)
    with seat(browser, server.address, run, "anna") as anna, seat(browser, server.address, run, "ben") as ben:
        second_tab = anna.page.context.new_page()
        for page in (anna.page, ben.page, second_tab):
            page.goto(f"{server.address}/annotate/{task}")
        shown = {id(page): "" for page in (anna.page, ben.page, second_tab)}
        given: dict[str, list[str]] = {"anna": [], "ben": []}
        for n in range(4):
            for name, page in (("anna", anna.page), ("ben", ben.page), ("anna", second_tab)):
                shown[id(page)] = wait_for_face(page, shown[id(page)])
                page.keyboard.press("y" if n % 2 else "n")
                given[name].append(shown[id(page)])
        for page in (anna.page, ben.page, second_tab):
            wait_saved(page)
        assert [item for _, item, _ in events(run, task, "ben")] == given["ben"]
        assert sorted(item for _, item, _ in events(run, task, "anna")) == sorted(given["anna"])
        orders = [[item for _, item, _ in events(run, task, name)] for name in ("anna", "ben")]
        assert orders[0] != orders[1]


def test_a_withdrawn_face_leaves_the_screen(browser: Browser, tmp_path: Path) -> None:
    run = prepared_run(tmp_path / "run", faces=12)
    served = Served(run.root).start()
    try:
        with seat(browser, served.address, run, "anna") as watched:
            page = watched.page
            page.goto(f"{served.address}/annotate/{run.task}")
            shown = wait_for_face(page)
            with run.store() as connection:
                row = connection.execute("SELECT * FROM item WHERE item_id = ?", (shown,)).fetchone()
                consent.withdraw(connection, row["database"], row["participant"], by="rob", now=0.0)
            following = wait_for_face(page, shown)
            assert "withdrawn" in page.inner_text("[data-part=note]")
            with run.store() as connection:
                other = connection.execute("SELECT * FROM item WHERE item_id = ?", (following,)).fetchone()
            assert (other["database"], other["participant"]) != (row["database"], row["participant"])
    finally:
        served.kill()
