"""Inspect and notebook in a real Chromium: requests, filters, keys, viewer, consent, accessibility, widths."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from painlens.web.index_file import index_of
from painlens.workflow.run_folder import RunFolder
from web_browser import Served, Watched, axe_findings, browser, served, sign_in, watched
from web_run import made_run

pytestmark = pytest.mark.browser
READY = "() => document.documentElement.dataset.viewer === 'ready'"
IDLE = "() => !document.getElementById('results').hasAttribute('aria-busy')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = made_run(tmp_path_factory.mktemp("web") / "run", faces=60, people=12, size=48, withheld=("clinical-p001",))
    index_of(RunFolder(run), separate_process=False)
    with served(run, "researcher", "annotator", "adjudicator") as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def watch(chromium: Any) -> Iterator[Watched]:
    with watched(chromium) as started:
        yield started


@pytest.fixture
def page(watch: Watched, server: Served) -> Any:
    signed = watch.page()
    sign_in(signed, server, "researcher")
    assert signed.url == f"{server.address}/inspect"
    return signed


def tiles(page: Any) -> list[str]:
    return page.eval_on_selector_all("#tiles .tile", "list => list.map(tile => tile.dataset.id)")


def focused(page: Any) -> str:
    return page.evaluate("() => document.activeElement.closest('.tile')?.dataset.id ?? ''")


def test_a_wrong_token_is_told_beside_the_field(watch: Watched, server: Served) -> None:
    page = watch.page()
    page.goto(server.address)
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-error")
    assert page.get_attribute("#token", "aria-describedby") == "token-error"
    watch.expect_errors("403")


def test_one_request_per_tile_and_nothing_leaves_the_machine(page: Any, watch: Watched, server: Served) -> None:
    watch.requests.clear()
    page.goto(f"{server.address}/inspect")
    page.evaluate("async () => { for (const i of document.images) { i.loading = 'eager'; } }")
    page.wait_for_load_state("networkidle")
    assert page.eval_on_selector_all("#tiles img", "list => list.every(i => i.complete && i.naturalWidth > 0)")
    strips = [address for address in watch.requests if "/strip/" in address]
    assert len(strips) == len(set(strips)) == len(tiles(page)) == 55
    assert len(watch.requests) <= len(strips) + 20


def test_filters_live_in_the_url_and_survive_reload_and_back(page: Any) -> None:
    page.select_option("select[name=database]", "clinical")
    page.wait_for_url("**/inspect?database=clinical")
    page.wait_for_function(IDLE)
    clinical = tiles(page)
    page.select_option("select[name=sort]", "pa")
    page.wait_for_url("**/inspect?database=clinical&sort=pa")
    page.wait_for_function(IDLE)
    assert sorted(tiles(page)) == sorted(clinical)
    assert tiles(page) != clinical
    ordered = tiles(page)
    page.reload()
    assert tiles(page) == ordered
    assert page.input_value("select[name=sort]") == "pa"
    page.go_back()
    page.wait_for_url("**/inspect?database=clinical")
    page.wait_for_function(f"() => document.querySelector('.tile').dataset.id === '{clinical[0]}'")
    assert tiles(page) == clinical
    assert page.input_value("select[name=sort]") == "order"
    page.click("text=Clear")
    page.wait_for_url(re.compile(r"/inspect$"))


def test_filters_work_without_scripts(chromium: Any, server: Served) -> None:
    with watched(chromium, java_script_enabled=False) as watch:
        page = watch.page()
        sign_in(page, server, "researcher")
        page.select_option("select[name=label]", "pain")
        page.click("text=Apply")
        assert "label=pain" in page.url
        assert page.inner_text("#count").startswith("27 faces")


def test_the_earlier_result_stays_when_the_server_does_not_answer(page: Any, watch: Watched) -> None:
    before = tiles(page)
    watch.context.set_offline(True)
    page.select_option("select[name=label]", "pain")
    page.wait_for_selector("#failed")
    assert tiles(page) == before
    watch.context.set_offline(False)
    page.click("#failed button")
    page.wait_for_url("**label=pain**")
    page.wait_for_function(IDLE)
    assert len(tiles(page)) == 27
    watch.expect_errors("ERR_INTERNET_DISCONNECTED|Failed to load")


def test_keys_walk_the_tiles_turn_pages_and_open_a_face(page: Any, server: Served) -> None:
    page.goto(f"{server.address}/inspect?per=50")
    names = tiles(page)
    for key, expected in (("j", 0), ("j", 1), ("ArrowRight", 2), ("k", 1), ("ArrowLeft", 0), ("ArrowDown", 2)):
        page.keyboard.press(key)
        assert focused(page) == names[expected], key
    page.keyboard.press("x")
    assert page.is_checked(f'input[value="{names[2]}"]')
    assert "1 ticked face" in page.inner_text("#picked")
    page.keyboard.press("n")
    page.wait_for_url("**page=2")
    page.wait_for_function(IDLE)
    assert not set(tiles(page)) & set(names)
    page.keyboard.press("Enter")
    page.wait_for_url("**/inspect/i/**page=2")
    page.wait_for_function(READY)
    page.keyboard.press("Escape")
    page.wait_for_url("**/inspect?per=50&page=2")


def test_single_keys_can_be_switched_off(page: Any) -> None:
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.click("#help button")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("j")
    assert focused(page) == ""
    page.keyboard.press("ArrowRight")
    assert focused(page) == tiles(page)[0]


def test_typing_in_a_field_triggers_nothing(page: Any) -> None:
    page.focus("input[name=a_min]")
    address = page.url
    page.keyboard.type("0.5")
    page.keyboard.press("n")
    assert page.url == address
    assert focused(page) == ""


def open_face(page: Any, server: Served, query: str = "") -> None:
    page.goto(f"{server.address}/inspect{query}")
    page.click("#tiles .strip >> nth=1")
    page.wait_for_function(READY)


def pixels(page: Any, panel: str) -> list[int]:
    """Some pixels of a panel."""
    return page.evaluate(
        """id => { const c = document.querySelector(`#panel-${id} canvas`);
        return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 401 === 0); }""",
        panel,
    )


def test_the_viewer_links_zoom_and_reacts_to_its_controls(page: Any, server: Served) -> None:
    open_face(page, server, "?norm=max")
    whole = {panel: pixels(page, panel) for panel in ("face", "a", "a-over-b")}
    page.keyboard.press("+")
    page.wait_for_function("() => document.getElementById('zoom-told').textContent === '1.5×'")
    assert all(pixels(page, panel) != before for panel, before in whole.items())
    page.keyboard.press("0")
    page.wait_for_function("() => document.getElementById('zoom-told').textContent === '1×'")
    assert {panel: pixels(page, panel) for panel in whole} == whole
    page.keyboard.press("[")
    page.wait_for_function("() => document.getElementById('opacity-told').textContent === '90 %'")
    assert pixels(page, "face") == whole["face"]
    assert pixels(page, "a") != whole["a"]
    page.keyboard.press("]")
    page.keyboard.press("c")
    assert page.input_value("#signed") == "berlin"
    page.wait_for_timeout(50)
    assert pixels(page, "a") != whole["a"]
    page.keyboard.press("r")
    page.wait_for_timeout(50)
    assert pixels(page, "face") != whole["face"]


def test_the_viewer_reads_values_and_tells_its_scale(page: Any, server: Served) -> None:
    open_face(page, server, "?norm=max&scope=face")
    width = page.evaluate("() => document.querySelector('#panel-a canvas').clientWidth")
    page.hover("#panel-a canvas", position={"x": 0.3 * width, "y": 0.42 * width})
    reading = page.inner_text("#reading")
    assert re.search(r"eyes\s+A \+0\.\d+\s+B [+−]0\.\d+", reading), reading
    told = page.inner_text("#signed-told")
    assert re.search(r"−0\.\d+ to \+0\.\d+ of the largest pixel, of this face", told), told
    page.select_option("#scope", "all")
    assert "common to all faces" in page.inner_text("#signed-told")


def test_arrows_follow_the_filtered_order(page: Any, server: Served) -> None:
    page.goto(f"{server.address}/inspect?label=pain&sort=disagreement")
    order = tiles(page)
    page.click("#tiles .strip >> nth=0")
    page.wait_for_function(READY)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/inspect/i/{order[1]}?**")
    page.wait_for_function(READY)  # a key that comes before the page's script is nobody's
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/inspect/i/{order[0]}?**")


def test_from_ticked_faces_to_a_frozen_hypothesis(page: Any, server: Served) -> None:
    page.goto(f"{server.address}/inspect?region=eyes&sort=difference")
    for number in range(3):
        page.check(f"#tiles input[name=face] >> nth={number}")
    page.click("text=Write a hypothesis")
    page.wait_for_url("**/notebook/new?**")
    assert page.locator(".evidence img").count() == 3
    page.fill("#statement", "The clinical model looks at the eyes.")
    page.click("button:text-is('Keep')")
    page.wait_for_url("**/notebook#h-*")
    own = page.locator(".hypothesis", has_text="The clinical model looks at the eyes.")
    assert own.locator(".frozen").count() == 0
    page.click("text=/^Freeze \\d+ hypothes[ie]s$/")  # all that are open, those of other tests too
    own.locator(".frozen").wait_for()
    assert "region=eyes&sort=difference" in (own.locator("text=open in Inspect").get_attribute("href") or "")


PAGES = ("/inspect", "/inspect?region=eyes&database=clinical", "FACE", "/inspect/mean", "/notebook", "/notebook/new",
         "/people", "/consent", "/log")  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Any, server: Served, scheme: str) -> None:
    with watched(chromium, color_scheme=scheme) as watch:
        page = watch.page()
        page.goto(f"{server.address}/sign-in")
        found = {"/sign-in": axe_findings(page)}
        sign_in(page, server, "researcher")
        for path in PAGES:
            if path == "FACE":
                open_face(page, server)
            else:
                page.goto(f"{server.address}{path}")
            found[path] = axe_findings(page)
        assert {path: findings for path, findings in found.items() if findings} == {}


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_no_page_is_wider_than_the_window(chromium: Any, server: Served, width: int) -> None:
    with watched(chromium, viewport={"width": width, "height": 800}) as watch:
        page = watch.page()
        sign_in(page, server, "researcher")
        for path in PAGES:
            if path == "FACE":
                open_face(page, server)
            else:
                page.goto(f"{server.address}{path}")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path


def test_a_walk_with_the_keyboard_alone(chromium: Any, server: Served) -> None:
    """From the sign-in page to a kept hypothesis without a pointer; focus is always visible."""
    with watched(chromium) as watch:
        page = watch.page()
        page.goto(f"{server.address}/sign-in")
        page.wait_for_function("() => document.activeElement.id === 'token'")
        page.keyboard.type(server.tokens["researcher"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/inspect")
        page.wait_for_load_state("networkidle")  # the scripts listen, the strips are there
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "main"
        page.keyboard.press("j")
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
        assert float(outline.removesuffix("px")) >= 2
        assert focused(page) == tiles(page)[0]
        page.keyboard.press("Enter")
        page.wait_for_url("**/inspect/i/**")
        page.wait_for_function(READY)
        page.keyboard.press("h")
        page.wait_for_url("**/notebook/new?**")
        _tab_to(page, "statement")
        page.keyboard.type("Written with keys alone.")
        for _ in range(3):
            page.keyboard.press("Tab")
        _tab_to(page, "", text="Keep")
        page.keyboard.press("Enter")
        page.wait_for_url("**/notebook#h-*")
        assert "Written with keys alone." in page.inner_text("main")


def _tab_to(page: Any, element: str, text: str = "") -> None:
    for _ in range(40):
        at = page.evaluate("() => [document.activeElement.id, document.activeElement.textContent]")
        if (element and at[0] == element) or (text and at[1] == text):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way with Tab to {element or text}")


def test_a_withdrawal_takes_the_face_off_the_page(tmp_path: Path, chromium: Any) -> None:
    """In a run of its own: a withdrawal cannot be taken back, and the other tests count faces."""
    run = made_run(tmp_path / "run", faces=12, people=4, seeds=1, withheld=())
    with served(run, "researcher") as server, watched(chromium) as watch:
        page = watch.page()
        sign_in(page, server, "researcher")
        page.goto(f"{server.address}/inspect?participant=clinical-p001")
        name = tiles(page)[0]
        page.goto(f"{server.address}/consent")
        page.click("text=Withdraw consent of clinical-p001")
        page.wait_for_selector(".notice")
        page.goto(f"{server.address}/inspect?participant=clinical-p001")
        assert tiles(page) == []
        answer = page.request.get(f"{server.address}/inspect/strip/{name}.webp")
        assert answer.status == 404
        assert watch.strays == []


@pytest.mark.parametrize("role", ["annotator", "adjudicator"])
def test_other_roles_see_no_way_to_models(chromium: Any, server: Served, role: str) -> None:
    with watched(chromium) as watch:
        page = watch.page()
        sign_in(page, server, role)
        links = page.eval_on_selector_all("a[href]", "list => list.map(a => new URL(a.href).pathname)")
        assert all(
            path in ("/", "/inspect/sign-in") or path.startswith(("/annotate", "/adjudicate")) for path in links
        ), links
        page.goto(f"{server.address}/inspect")
        assert "Not allowed" in page.inner_text("main")
        watch.expect_errors("403")


def test_a_killed_server_keeps_people_and_hypotheses(tmp_path: Path, chromium: Any) -> None:
    run = made_run(tmp_path / "run", faces=8, people=4, seeds=1)
    with served(run, "researcher") as first, watched(chromium) as watch:
        page = watch.page()
        sign_in(page, first, "researcher")
        page.goto(f"{first.address}/notebook/new")
        page.fill("#statement", "Kept before the kill.")
        page.click("button:text-is('Keep')")
        page.wait_for_url("**/notebook#h-*")
        first.process.kill()
        first.process.wait()
    with served(run) as second, watched(chromium) as watch:
        page = watch.page()
        second.tokens["researcher"] = first.tokens["researcher"]
        sign_in(page, second, "researcher")
        page.goto(f"{second.address}/notebook")
        assert "Kept before the kill." in page.inner_text("main")
