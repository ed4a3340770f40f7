"""Annotating in a real browser: a key counts for the face that was seen; the pages are for everybody."""

import time

import pytest
from playwright.sync_api import Browser

from annotating import (
    annotating,
    events,
    label,
    make_task,
    seat,
    tab_to,
    wait_for_face,
    wait_for_progress,
    wait_saved,
)
from annotation_server import Prepared, Served
from browser import Watched, needs_chromium
from painlens.annotations.tasks import take_place

pytestmark = [pytest.mark.browser, needs_chromium]
pytest_plugins = ["annotating_fixtures"]


def test_keys_label_the_face_on_the_screen_and_advance(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        expected = label(page, "ynu123")
        wait_saved(page)
        assert events(run, task) == expected
        wait_for_progress(page, "6 of 24")
        assert page.locator(".recent li").count() == 5


def test_undo_brings_back_the_face_also_after_a_reload(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        first, second = label(page, "yn")
        wait_saved(page)
        page.reload()
        third = wait_for_face(page)
        page.keyboard.press("Control+z")
        assert wait_for_face(page, third) == second[1]
        page.keyboard.press("Backspace")
        assert wait_for_face(page, second[1]) == first[1]
        page.keyboard.press("u")
        assert wait_for_face(page, first[1]) == second[1]
        wait_saved(page)
    kinds = [kind for kind, _, _ in events(run, task)]
    assert kinds == ["label", "label", "undo", "undo", "label"]
    with run.store() as connection:
        current = connection.execute("SELECT item_id, value FROM current_answer WHERE task_id = ?", (task,)).fetchall()
    assert [tuple(row) for row in current] == [(first[1], "unsure")]


# Lists of faces arrive late, as they were when they were asked for.
LATE_LISTS = """() => {
  const send = window.fetch;
  window.fetch = async (...args) => {
    const response = await send(...args);
    if (response.url.includes('/queue')) await new Promise(done => setTimeout(done, 1200));
    return response;
  };
}"""


def test_a_list_from_before_an_undo_does_not_take_the_face_away(
    browser: Browser, server: Served, run: Prepared
) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        last = label(page, "yn")[-1][1]
        wait_saved(page)
        page.wait_for_timeout(300)
        page.evaluate(LATE_LISTS)
        fourth = wait_for_face(page, last)
        page.keyboard.press("s")  # skipping asks for a new list, on which the last face stands as answered
        wait_for_face(page, fourth)
        page.keyboard.press("Control+z")
        assert wait_for_face(page, fourth) == last
        wait_saved(page)
        page.wait_for_timeout(2000)
        assert page.get_attribute(".stage .face", "data-item") == last
        assert page.inner_text("[data-part=note]") == ""


def test_an_earlier_decision_can_be_changed(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        given = label(page, "yyy")
        now = wait_for_face(page, given[-1][1])
        page.locator(".recent button").nth(2).click()
        assert wait_for_face(page, now) == given[0][1]
        page.keyboard.press("n")
        assert wait_for_face(page, given[0][1]) == now  # and back to where one was
        wait_saved(page)
        with run.store() as connection:
            row = connection.execute("SELECT value FROM current_answer WHERE item_id = ?", (given[0][1],)).fetchone()
        assert row[0] == "no"


def test_a_burst_of_keys_never_labels_an_unseen_face(browser: Browser, server: Served, run: Prepared) -> None:
    """Keys are pressed as fast as the browser takes them, while pictures come slowly."""
    task = make_task(run)
    with seat(browser, server.address, run, "anna") as watched:
        page = watched.page
        page.route("**/picture/**", lambda route: (time.sleep(0.05), route.continue_()))
        page.goto(f"{server.address}/annotate/{task}")
        page.evaluate(
            """() => {
              window.painted = [];
              new MutationObserver(() => {
                const face = document.querySelector('.stage .face');
                if (face && face.dataset.painted && window.painted.at(-1)?.item !== face.dataset.item)
                  window.painted.push({ item: face.dataset.item, at: performance.now() });
              }).observe(document.querySelector('[data-part=stage]'),
                         { subtree: true, childList: true, attributes: true });
            }"""
        )
        for _ in range(150):
            page.keyboard.press("y")
        wait_saved(page)
        painted = {one["item"] for one in page.evaluate("() => window.painted")}
        page.unroute_all(behavior="ignoreErrors")
    stored = events(run, task)
    assert stored
    assert {item for _, item, _ in stored} <= painted
    assert len(stored) == len({item for _, item, _ in stored})
    assert len(stored) < 150
    with run.store() as connection:
        fastest = connection.execute("SELECT min(elapsed_ms) FROM event WHERE task_id = ?", (task,)).fetchone()[0]
    assert fastest >= 80  # each answer came after its face had been on the screen


def test_a_held_key_answers_once(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        shown = wait_for_face(page)
        for _ in range(12):
            page.keyboard.down("y")  # without a release Chromium reports repeats
            page.wait_for_timeout(40)
        page.keyboard.up("y")
        wait_saved(page)
        assert events(run, task) == [("label", shown, "yes")]


def test_keys_are_left_alone_with_modifiers_in_fields_and_when_switched_off(
    browser: Browser, server: Served, run: Prepared
) -> None:
    task = make_task(run)
    with annotating(browser, server, run, task) as page:
        shown = wait_for_face(page)
        for keys in ("Control+y", "Alt+n", "Meta+y"):
            page.keyboard.press(keys)
        page.keyboard.press("?")
        page.locator("[data-key-of=yes]").press("n")
        assert "already does something else" in page.inner_text("[data-part=keys-note]")
        page.locator("[data-key-of=yes]").press("j")
        page.locator("[data-part=keys-on]").uncheck()
        page.locator("h1").click()
        page.keyboard.press("j")
        page.wait_for_timeout(150)
        assert events(run, task) == []
        page.locator("[data-part=keys-on]").check()
        page.locator("[data-part=keys-on]").blur()
        page.keyboard.press("j")
        wait_for_face(page, shown)
        wait_saved(page)
        assert events(run, task) == [("label", shown, "yes")]


def test_training_gives_feedback_and_then_the_real_faces_come(browser: Browser, server: Served, run: Prepared) -> None:
    task = make_task(run, faces=4, training=2)
    with annotating(browser, server, run, task) as page:
        shown = wait_for_face(page)
        page.keyboard.press("n")
        page.wait_for_selector("[data-part=feedback]:not([hidden])")
        assert page.inner_text("[data-part=feedback-text]") == "You said no; the answer is yes."
        page.keyboard.press("y")  # nothing to answer now
        page.keyboard.press("Enter")
        wait_for_face(page, shown)
        page.keyboard.press("y")
        page.wait_for_selector("[data-part=feedback]:not([hidden])")
        assert page.inner_text("[data-part=feedback-title]") == "Right"
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-part=finished]:not([hidden])")
        assert "right on 1 of 2" in page.inner_text("[data-part=finished-text]")
        page.click("[data-part~=begin]")
        label(page, "yyyy")
        page.wait_for_selector("[data-part=finished]:not([hidden])")
        assert page.inner_text("[data-part=finished-title]") == "All faces are done"
    assert len(events(run, task)) == 6


def test_an_adjudicator_decides_in_the_same_way(browser: Browser, server: Served, run: Prepared) -> None:
    from annotation_cases import say
    from painlens.annotations.tasks import find_task

    task = make_task(run, faces=4)
    with run.store() as connection:
        found = find_task(connection, task)
        assert found is not None
        items = [row[0] for row in connection.execute("SELECT item_id FROM item WHERE task_id = ?", (task,))]
        say(connection, found, "anna", dict.fromkeys(items, "yes"))
        say(connection, found, "ben", dict.fromkeys(items[:2], "no") | dict.fromkeys(items[2:], "yes"))
    with seat(browser, server.address, run, "cleo") as watched:
        page = watched.page
        page.goto(f"{server.address}/adjudicate/{task}")
        shown = wait_for_face(page)
        assert sorted(page.locator(".given li").all_inner_texts()) in (
            ["Answer 1: No", "Answer 2: Yes"], ["Answer 1: Yes", "Answer 2: No"],
        )  # fmt: skip
        page.keyboard.press("n")
        wait_for_face(page, shown)
        page.keyboard.press("y")
        page.wait_for_selector("[data-part=finished]:not([hidden])")
        wait_saved(page)
    with run.store() as connection:
        states = connection.execute("SELECT item_id, state FROM final_label WHERE task_id = ?", (task,)).fetchall()
    assert sorted(row["state"] for row in states) == ["adjudicated", "adjudicated", "agreed", "agreed"]
    assert len(events(run, task, "cleo")) == 2


def test_a_keyboard_alone_is_enough(browser: Browser, server: Served, run: Prepared) -> None:
    """From the sign-in to an answer with Tab, Enter and Space, single keys switched off."""
    task = make_task(run, faces=4)
    context = browser.new_context()
    page = Watched(context).page
    page.goto(f"{server.address}/sign-in")
    tab_to(page, "input[name=token]")
    page.keyboard.type(run.tokens["anna"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotate")
    tab_to(page, f"a[href='/annotate/{task}']")
    page.keyboard.press("Enter")
    shown = wait_for_face(page)
    tab_to(page, "[data-part=help] summary")
    page.keyboard.press("Enter")
    tab_to(page, "[data-part=keys-on]")
    page.keyboard.press("Space")
    page.keyboard.press("y")
    tab_to(page, "[data-action=unsure]", back=True)
    page.keyboard.press("Enter")
    wait_for_face(page, shown)
    wait_saved(page)
    assert events(run, task) == [("label", shown, "unsure")]
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_pages_are_accessible_and_fit_the_window(
    browser: Browser, server: Served, run: Prepared, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    task = make_task(run, faces=6)
    with run.store() as connection:
        from painlens.annotations.tasks import find_task

        found = find_task(connection, task)
        assert found is not None
        take_place(connection, found, "ben")
    pages = {
        "anna": ("/annotate", f"/annotate/{task}"),
        "cleo": ("/adjudicate",),
        "rob": ("/tasks", "/tasks/new", f"/tasks/{task}"),
    }
    for person, addresses in pages.items():
        window = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
        with seat(browser, server.address, run, person, **window) as watched:
            for address in addresses:
                watched.page.goto(f"{server.address}{address}")
                if address == f"/annotate/{task}":
                    label(watched.page, "yn")
                    wait_for_face(watched.page)
                found_by_axe = axe.run(watched.page).response["violations"]
                serious = [
                    f"{address}: {v['id']}: {v['nodes'][0]['html']}"
                    for v in found_by_axe
                    if v["impact"] in ("serious", "critical")
                ]
                assert not serious
                overflow = watched.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
                assert overflow <= 0, address
