"""The page that is written: what it asks for, how it is built, whether its numbers are those of the tables."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from painlens.report import EXPORTED, numbers, write_report
from report_fixture import made_inputs
from report_page import Page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(made_inputs(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def without_pictures(text: str) -> str:
    return re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "data:", text)


def test_page_names_no_other_address(text: str) -> None:
    assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]|url\((?!#)|@import", without_pictures(text))


def test_page_has_no_script(page: Page) -> None:
    assert not page.all("script")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_policy_allows_only_what_is_in_the_page(page: Page) -> None:
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_pictures_are_inside_the_page(page: Page) -> None:
    sources = [image["src"] for image in page.all("img")] + [source["srcset"] for source in page.all("source")]
    assert sources
    assert all(source.startswith("data:image/webp;base64,") for source in sources)


def test_ids_are_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_inner_address_has_its_place(page: Page, text: str) -> None:
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    asked = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
    assert asked
    assert set(asked) <= ids


def test_every_table_has_a_caption(page: Page) -> None:
    assert page.tables
    assert all(len(table["caption"]) == 1 and table["caption"][0] for table in page.tables)


def test_every_heading_of_a_table_has_a_scope(page: Page) -> None:
    assert {cell.get("scope") for cell in page.all("th")} == {"col", "colgroup", "row", "rowgroup"}


def test_headings_are_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_figures_are_described(page: Page) -> None:
    drawings = [attrs for attrs in page.all("svg") if attrs.get("role") == "img"]
    assert len(drawings) == len(page.all("svg"))
    assert all(len(attrs["aria-label"]) > 30 for attrs in drawings)


def test_verdict_comes_first(text: str) -> None:
    assert re.findall(r'<section id="([a-z]+)"', text) == [
        "verdict", "compared", "performance", "drop", "looking", "trust", "concepts", "certificate", "training", "made",
        "limits",
    ]  # fmt: skip


def test_every_statement_is_on_the_page(text: str) -> None:
    inputs = made_inputs()
    assert len(inputs.statements) == 3
    for statement in inputs.statements:
        start = statement.headline.split("(")[0].replace("'", "&#39;")
        assert start in text


def test_published_test_is_called_a_replication(text: str) -> None:
    assert "<h3>Replication, not inferential</h3>" in text


def test_numbers_of_table_1_are_those_of_the_metrics(page: Page) -> None:
    metrics = made_inputs().metrics
    own = metrics[(metrics["model"] == "clinical") & (metrics["replicate"] == "mean")].set_index(
        ["database", "measure"]
    )
    names = [f"{k}:{c}" for k in ("precision", "recall", "f1") for c in ("no-pain", "pain", "macro")] + ["accuracy"]
    expected = [numbers.number(own.loc[(d, n), "value"]) for d in ("clinical", "experimental") for n in names]  # pyright: ignore[reportArgumentType] - one cell
    (table,) = [t for t in page.tables if t["caption"][0].startswith("Table 1.")]
    assert table["td"][-20:] == expected


def test_numbers_of_the_agreement_are_those_of_the_verdicts(page: Page) -> None:
    verdicts = made_inputs().verdicts
    first = verdicts["measure"] == "decodability:participants"  # the table goes from being there to being used
    row = verdicts[first & (verdicts["claim"] == "databases")].iloc[0]
    (table,) = [t for t in page.tables if t["caption"][0].startswith("All measures")]
    difference = numbers.signed(row["difference"]) + numbers.interval(row["low"], row["high"], sign=True)
    assert table["td"][:3] == [numbers.number(row["value_a"]), numbers.number(row["value_b"]), difference]


def test_every_table_lies_beside_the_page(written: Path) -> None:
    names = {path.stem for path in (written.parent / "tables").glob("*.csv")} - set(EXPORTED)
    found = {path.stem for path in (written.parent / "tables").glob("*.tex")}
    assert names == found
    assert {"table-1", "table-2", "verdicts-by-claim", "decodability-by-network", "metrics-by-model"} <= names


def test_exported_table_is_unrounded(written: Path) -> None:
    exported = pd.read_csv(written.parent / "tables" / "verdicts.csv")
    np.testing.assert_allclose(exported["difference"], made_inputs().verdicts["difference"], rtol=1e-9)


def test_faces_that_may_be_published_are_one_picture_beside_the_page(written: Path) -> None:
    assert (written.parent / "figures" / "figure-1.png").read_bytes().startswith(b"\x89PNG")


def test_same_inputs_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_report(made_inputs(), tmp_path)
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    earlier = {path.relative_to(written.parent): path.read_bytes() for path in written.parent.rglob("*.*")}
    assert files == earlier


def test_words_of_the_study_are_escaped(text: str) -> None:
    assert "Made-up numbers &amp; drawings" in text
    assert "eyes-closed &lt;seen&gt;" in text


@pytest.fixture(scope="module")
def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return path


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_page_in_a_browser(chromium: str, written: Path, width: int, scheme: str) -> None:
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    told: list[str] = []
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # pyright: ignore[reportArgumentType] - one of two words
        )
        shown = context.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: told.append(message.text))
        shown.goto(written.as_uri())
        shown.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
        overflow = shown.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        blank = shown.evaluate("() => [...document.images].filter(one => !one.naturalWidth).length")
        browser.close()
    assert [url for url in asked if not url.startswith("data:")] == [written.as_uri()]
    assert told == []
    assert overflow <= 0
    assert blank == 0


@pytest.mark.browser
def test_printed_page_fits_its_paper(chromium: str, written: Path) -> None:
    from playwright.sync_api import sync_playwright

    paper_px = (673, 986)  # A4 without the margins of the style sheet, 96 pixels per inch
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        shown = browser.new_page(viewport={"width": paper_px[0], "height": paper_px[1]})
        shown.emulate_media(media="print")
        shown.goto(written.as_uri())
        height = shown.evaluate("() => document.documentElement.scrollHeight")
        beyond = shown.evaluate(
            "width => [...document.querySelectorAll('table, figure, svg, img, p')]"
            ".filter(one => one.getBoundingClientRect().right > width + 1).map(one => one.tagName)",
            paper_px[0],
        )
        pages = len(re.findall(rb"/Type\s*/Page\b", shown.pdf(format="A4", print_background=True)))
        browser.close()
    assert beyond == []
    # What must not be broken moves to the next page and leaves gaps, but no empty pages.
    assert height / paper_px[1] <= pages <= 1.4 * height / paper_px[1] + 1
