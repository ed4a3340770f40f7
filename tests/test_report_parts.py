"""Colours, pictures, tables and figures of the report, each by itself."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painlens.report import colours, numbers, pictures
from painlens.report.blocks import tables_of
from painlens.report.figures import difference_plot, errors_plot
from painlens.report.sections import build_sections
from painlens.report.tables import Cell, Column, Table, escape, real, to_csv, to_latex, whole, words
from painlens.tables import DataError
from report_fixture import made_inputs, made_study


def test_opposite_values_take_opposite_colours() -> None:
    rgb = colours.colourise(np.array([[-2.0, 2.0]]), 2.0, colours.SIGNED)
    table = colours.colour_table(colours.SIGNED)
    assert rgb[0, 0].tolist() == table[0].tolist()
    assert rgb[0, 1].tolist() == table[255].tolist()


@pytest.mark.parametrize("name", [colours.SIGNED, colours.SIGNED_ON_DARK])
def test_zero_of_a_signed_map_has_hardly_a_hue(name: str) -> None:
    red, _, blue = colours.colourise(np.zeros((1, 1)), 1.0, name)[0, 0].astype(int)
    assert abs(red - blue) < 20


def test_positive_is_red_and_negative_is_blue_in_both_dresses() -> None:
    for name in (colours.SIGNED, colours.SIGNED_ON_DARK):
        low, high = colours.colourise(np.array([[-0.6, 0.6]]), 1.0, name)[0].astype(int)
        assert low[2] > low[0]
        assert high[0] > high[2]


def test_signs_of_the_default_map_are_equally_light() -> None:
    def imbalance(name: str) -> float:
        linear = (colours.colour_table(name) / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722]
        lightness = 116 * np.cbrt(linear)
        return float(np.abs(lightness[:96] - lightness[::-1][:96]).mean())

    assert imbalance(colours.SIGNED) < imbalance("seismic") / 2


def test_one_sided_map_shows_nothing_below_zero() -> None:
    rgb = colours.colourise(np.array([[-5.0, 0.0]]), 1.0, colours.ONE_SIDED)
    assert rgb[0, 0].tolist() == rgb[0, 1].tolist() == colours.colour_table(colours.ONE_SIDED)[0].tolist()


def test_map_of_zeros_can_be_coloured() -> None:
    rgb = colours.colourise(np.zeros((2, 2)), colours.scale_of(np.zeros((2, 2))), colours.SIGNED)
    assert len(np.unique(rgb.reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("name", ["jet", "cmr.redshift"])
def test_maps_that_mislead_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="a colour map must be one of RdBu_r, berlin, inferno"):
        colours.colour_table(name)


def test_paper_colours_are_there() -> None:
    assert set(colours.LITERATURE) <= set(colours.NAMES)


def test_overlay_of_no_opacity_is_the_face_in_grey() -> None:
    face = np.full((2, 2, 3), 90, np.uint8)
    assert (colours.overlay(face, np.ones((2, 2)), 1.0, colours.SIGNED, opacity=0.0) == 90).all()


def test_swapped_models_swap_their_panels() -> None:
    example = made_inputs().examples[0]
    swapped = replace(
        example, model_a=example.model_b, model_b=example.model_a, map_a=example.map_b, map_b=example.map_a
    )
    own, other = (
        pictures.example_strip(one, normalisation="paper", target="pain").pictures for one in (example, swapped)
    )
    assert own[1] == other[2]
    assert own[3] == other[4]


def test_both_directions_share_their_printed_scale() -> None:
    example = made_inputs().examples[0]
    strip = pictures.example_strip(example, normalisation="paper", target="pain")
    assert [name for name, _ in strip.scales] == ["maps", "differences"]
    found = example.map_a.astype(float) - example.map_b
    expected = numbers.significant(float(np.quantile(np.abs(found), 0.995)))
    assert strip.scales[1][1].high == f"{expected} logit per pixel"


def test_pictures_carry_no_metadata() -> None:
    import base64
    import io

    from PIL import Image

    address = pictures.data_address(made_inputs().examples[0].face)
    image = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    assert not image.getexif()
    assert np.array_equal(np.asarray(image), made_inputs().examples[0].face)  # small crops lose nothing


def test_figure_1_has_five_panels_in_a_row() -> None:
    picture = pictures.figure_1(made_inputs().examples[:2], normalisation="paper", panel=50)
    assert picture is not None
    assert picture.shape == (2 * 50 + 4, 5 * 50 + 4 * 4, 3)


def test_figure_1_of_nobody_is_none() -> None:
    assert pictures.figure_1((), normalisation="paper") is None


@given(st.floats(-2, 2))
def test_printed_number_is_the_rounded_number(value: float) -> None:
    text = numbers.number(value).replace(numbers.MINUS, "-")
    assert float(text) == pytest.approx(value, abs=0.00501)
    assert not text.startswith(("0.", "-0."))


@given(st.floats(0, 10, exclude_min=True))
def test_difference_of_opposite_sign_is_printed_alike(value: float) -> None:
    assert numbers.signed(-value) == numbers.signed(value).replace("+", numbers.MINUS)


@given(st.floats(1e-9, 1e9))
def test_significant_figures_stay_near_the_value(value: float) -> None:
    text = numbers.significant(value).replace(numbers.MINUS, "-")
    assert float(text) == pytest.approx(value, rel=0.051)


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA])
def test_missing_number_is_a_dash(value: object) -> None:
    assert real(value).text == numbers.MISSING


def small_table(name: str = "a_b & 50 %") -> Table:
    columns = (Column("model"), Column("value", "group_1"), Column("faces", "group_1"))
    rows = ((words(name), real(0.804, 0.75, 0.86), whole(1200)), (words("b"), real(None), whole(3)))
    return Table("small", "Caption with 100 % & more", columns, rows, note="A note_here.")


def test_csv_keeps_every_digit_and_the_interval() -> None:
    assert to_csv(small_table("x")).splitlines() == [
        "model,group_1 value,group_1 value low,group_1 value high,group_1 faces",
        "x,0.804,0.75,0.86,1200",
        "b,,,,3",
    ]


def assert_latex_is_whole(text: str) -> None:
    begun, ended = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
    assert sorted(begun) == sorted(ended)
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "%" not in bare
    assert "#" not in bare
    assert bare.isascii()


def test_latex_of_awkward_words_is_whole() -> None:
    assert_latex_is_whole(to_latex(small_table()))


def test_latex_rows_have_as_many_cells_as_columns() -> None:
    text = to_latex(small_table())
    spec = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert spec is not None
    assert spec[1] == "lrr"
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [2, 2]


def test_latex_of_every_table_of_a_report_is_whole() -> None:
    concept = {"eyes_closed": {"definition": "50 % & more", "region": "eyes"}}
    study = made_study(("one", "two_three"), concepts=concept, replication={"seeds": 1, "half_splits": 0}, expect={})
    for table in tables_of(build_sections(made_inputs(study))):
        assert_latex_is_whole(to_latex(table))


@given(st.text(alphabet="a\\&%$#_{}~^<>|−–×±", max_size=12))
def test_escaped_text_is_balanced(text: str) -> None:
    assert_latex_is_whole(escape(text))


def test_equal_first_headings_are_merged() -> None:
    cells = [(words(a), words(b), whole(1)) for a, b in (("x", "1"), ("x", "2"), ("y", "1"))]
    table = Table("t", "c", (Column("a"), Column("b"), Column("n")), tuple(cells), headers=2)
    assert table.spans == (2, 0, 1)


def test_column_of_dashes_is_no_column_of_numbers() -> None:
    table = Table("t", "c", (Column("a"), Column("b")), ((words("x"), Cell(numbers.MISSING)),))
    assert table.number_columns == (False, False)


def headline() -> pd.DataFrame:
    verdicts = made_inputs().verdicts
    return verdicts[(verdicts["measure"] == "auroc") & (verdicts["concept"] == "eyes-closed")]


def test_figure_is_the_same_every_time() -> None:
    first, second = (difference_plot(headline(), 0.3, axis="AUROC", name="v") for _ in range(2))
    assert first == second


def test_figure_follows_the_colours_of_the_page() -> None:
    plot = difference_plot(headline(), 0.3, axis="AUROC", name="v")
    assert "var(--ink)" in plot.inline
    assert not re.search(r"#[0-9a-f]{6}\b", plot.inline)


def test_figure_has_real_text_and_no_date() -> None:
    plot = difference_plot(headline(), 0.3, axis="AUROC", name="v")
    assert ">the databases</text>" in plot.svg
    assert "dc:date" not in plot.svg


def test_figure_says_in_words_what_it_shows() -> None:
    rows = headline()
    plot = difference_plot(rows, 0.3, axis="AUROC", name="v")
    assert f"these networks: {numbers.signed(rows['difference'].iloc[0])}" in plot.description
    assert "planted truth: +.30 probability" in plot.description
    assert ">+.30 probability</text>" in plot.inline  # its unit is not that of the axis
    assert plot.description.replace("'", "&#39;") in plot.inline.replace("'", "&#39;")


def test_every_series_has_its_colour_in_both_dresses() -> None:
    from painlens.report.figures.canvas import SERIES
    from painlens.report.page import TEMPLATES

    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    for number, colour in enumerate(SERIES):
        assert len(re.findall(rf"--series-{number}: #", style)) == 2
        assert f"--series-{number}: {colour};" in style


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lightness = []
    for colour in (one, other):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lightness.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(lightness) / min(lightness)


@pytest.mark.parametrize("dress", [0, 1])
def test_text_can_be_read_on_every_ground(dress: int) -> None:
    from painlens.report.page import TEMPLATES

    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    colours_of = {name: re.findall(rf"--{name}: (#[0-9a-f]{{6}})", style)[dress] for name in (
        "ground", "panel", "ink", "quiet", "accent", "caution", *(f"series-{i}" for i in range(6)),
    )}  # fmt: skip
    for name in ("ink", "quiet", "accent"):
        assert min(contrast(colours_of[name], colours_of[ground]) for ground in ("ground", "panel")) >= 4.5
    for i in range(6):
        assert contrast(colours_of[f"series-{i}"], colours_of["ground"]) >= 3


def test_errors_figure_without_faces_of_one_kind() -> None:
    inputs = made_inputs()
    kept = inputs.errors[~((inputs.errors["label"] == "no-pain") & inputs.errors["present"])]
    assert "with," not in errors_plot(kept, "eyes-closed", inputs.databases).description.split("no pain: ")[1][:12]
