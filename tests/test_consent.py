"""One gate for everybody who writes pixels; withdrawals; reports without a face; no metadata and no path in them."""

import ast
import base64
import io
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import layouts
import painlens
from painlens.consent import (
    WITHDRAWN,
    consent_flags,
    gate_of,
    permitted,
    refused,
    settle_withdrawals,
    summary,
    withdrawn_people,
    without_paths,
)
from painlens.databases.pictures import load_image
from painlens.report import write_report
from painlens.report.consent import report_gate
from painlens.report.pictures import data_address, png_bytes
from painlens.study import Consent, Database, parse_study
from painlens.tables import DataError
from report_fixture import small_inputs, small_study

PACKAGE = Path(painlens.__file__).parent
# Modules that turn arrays into picture files or addresses. Whoever adds one lets the gate decide first, and adds it.
WRITERS = {
    "report/pictures.py": "faces come from report.consent.shown_examples",
    "report/figures/canvas.py": "plots of numbers",
    "training/curves.py": "plots of numbers",
    "differences/strips.py": "an encoder; who calls it asks the gate (next test)",
    "web/pictures.py": "faces come from web.run, which asks web.consent",
    "annotations/training.py": "rendered faces",
    "synthetic/layout.py": "an encoder of rendered faces; who calls it is found too",
    "synthetic/affectnet.py": "rendered faces",
    "synthetic/unbc.py": "rendered faces",
    "synthetic/posed.py": "rendered faces",
    "synthetic/twins.py": "rendered faces",
    "synthetic/sheets.py": "rendered faces",
}
ENCODERS = re.compile(
    r"\bimencode\(|\bimwrite\(|\bsave_picture\(|(?<!np)\.save\(\w*(?:stream|path|temporary|buffer)|savefig\(|imsave\("
)


def faces(**flags: list[str]) -> pd.DataFrame:
    """Four faces of three people in two databases."""
    table = pd.DataFrame(
        {"database": ["a", "a", "a", "b"], "frame_id": ["1", "2", "3", "1"], "participant": ["p", "p", "q", "p"]}
    )
    return table.assign(**({"consent_display": ["true"] * 4, "consent_publish": ["true"] * 4} | flags))


# The gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["false", "unknown", "", "True", "yes", None])
def test_only_the_word_true_opens(flag: str | None) -> None:
    table = faces(consent_publish=["true", "true", flag, "true"])  # pyright: ignore[reportArgumentType] - missing
    assert permitted(table, "publish").tolist() == [True, True, False, True]


def test_unknown_faces_are_withheld_and_counted() -> None:
    gate = gate_of(faces(), "publish")
    chosen = gate.select([("a", "1"), ("a", "9"), ("c", "1")], lambda key: key)
    assert chosen.items == (("a", "1"),)
    assert chosen.withheld == 2
    assert not gate.allows("b", "2")


def test_purposes_do_not_open_each_other() -> None:
    table = faces(consent_publish=["unknown"] * 4)
    assert permitted(table, "display").all()
    assert not permitted(table, "publish").any()


def test_withdrawal_closes_all_faces_of_one_person_in_one_database() -> None:
    assert permitted(faces(), "display", withdrawn=[("a", "p")]).tolist() == [False, False, True, True]


def test_present_list_of_the_study_counts_before_the_tables_are_made_again() -> None:
    settings = {"a": Consent(publish=("q",)), "b": Consent(publish="none")}
    assert permitted(faces(), "publish", settings=settings).tolist() == [False, False, True, True]
    assert not permitted(faces(), "publish", settings={}).any()


def test_gate_for_nobody_is_shut() -> None:
    assert not gate_of(faces(), "display", nobody=True).allowed


def test_unknown_purpose_is_refused() -> None:
    with pytest.raises(DataError, match="consent must be display or publish, got 'sell'"):
        permitted(faces(), "sell")  # pyright: ignore[reportArgumentType] - the point of the test


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pqr"), st.sampled_from(["true", "false", "unknown"]))),
    st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from("pqr"))),
)
def test_nothing_but_consent_opens_the_gate(rows: list[tuple[str, str, str]], withdrawn: set[tuple[str, str]]) -> None:
    table = pd.DataFrame(rows, columns=["database", "participant", "consent_publish"])
    may = permitted(table, "publish", withdrawn=withdrawn)
    expected = [flag == "true" and (database, person) not in withdrawn for database, person, flag in rows]
    assert may.tolist() == expected


def test_summary_counts_a_person_under_the_most_cautious_flag() -> None:
    table = faces(consent_publish=["true", "false", "unknown", "true"])
    counts = summary(table)
    row = counts[(counts["database"] == "a") & (counts["purpose"] == "publish")].iloc[0].to_dict()
    assert (row["participants false"], row["participants unknown"], row["participants true"]) == (1, 1, 0)
    assert (row["faces true"], row["faces false"], row["faces unknown"]) == (1, 1, 1)


def test_server_and_report_ask_one_rule_without_pandas() -> None:
    code = "import sys, painlens.consent; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert not refused("a", "p", "display", {"a": Consent(display=("p",))}, ())
    assert refused("a", "q", "display", {"a": Consent(display=("p",))}, ())


# Flags ------------------------------------------------------------------------------------------------------------


def test_consent_is_unknown_by_default_for_owners_databases() -> None:
    database = Database.model_validate({"reader": "unbc", "root": "/data"})
    for who in (database.consent.display, database.consent.publish):
        assert set(consent_flags(pd.Series(["p", "q"]), who)) == {"unknown"}


def test_rendered_people_may_be_looked_at_but_not_published_unasked() -> None:
    database = Database.model_validate({"reader": "unbc", "synthetic": {}})
    assert (database.consent.display, database.consent.publish) == ("all", "none")
    named = Database.model_validate({"reader": "unbc", "synthetic": {}, "consent": {"display": "none"}})
    assert named.consent.display == "none"


def test_an_owners_no_is_never_overruled() -> None:
    owner = pd.Series(["no", "1", None])
    assert consent_flags(pd.Series(["p", "q", "r"]), "all", owner=owner).tolist() == ["false", "true", "true"]


# Withdrawals ------------------------------------------------------------------------------------------------------


def record_withdrawal(run: Path, *people: tuple[str, str]) -> None:
    with closing(sqlite3.connect(run / "annotations.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE withdrawal (database TEXT, participant TEXT)")
        connection.executemany("INSERT INTO withdrawal VALUES (?, ?)", people)


def test_withdrawals_of_the_annotators_database_are_known(tmp_path: Path) -> None:
    record_withdrawal(tmp_path, ("a", "p"), ("b", "q"))
    assert withdrawn_people(tmp_path) == {("a", "p"), ("b", "q")}


def test_list_of_withdrawals_is_written_once_and_only_if_needed(tmp_path: Path) -> None:
    settle_withdrawals(tmp_path)
    assert not (tmp_path / WITHDRAWN).exists()
    record_withdrawal(tmp_path, ("a", "p"))
    settle_withdrawals(tmp_path)
    written = (tmp_path / WITHDRAWN).stat().st_mtime_ns
    settle_withdrawals(tmp_path)
    assert (tmp_path / WITHDRAWN).stat().st_mtime_ns == written
    (tmp_path / "annotations.sqlite").unlink()
    assert withdrawn_people(tmp_path) == {("a", "p")}


def test_broken_database_of_withdrawals_is_no_consent(tmp_path: Path) -> None:
    (tmp_path / "annotations.sqlite").mkdir()
    assert withdrawn_people(tmp_path) == frozenset()
    (tmp_path / "annotations.sqlite").rmdir()
    (tmp_path / "annotations.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises((DataError, sqlite3.DatabaseError)):
        withdrawn_people(tmp_path)


def test_withdrawn_face_leaves_the_report(tmp_path: Path) -> None:
    inputs = small_inputs()
    first, *others = inputs.examples
    row = inputs.faces[(inputs.faces["database"] == first.database) & (inputs.faces["frame_id"] == first.frame_id)]
    gone = frozenset({(first.database, str(row["participant"].iloc[0]))})
    text = write_report(replace(inputs, withdrawn=gone), tmp_path).read_text(encoding="utf-8")
    assert data_address(first.face) not in text
    assert any(data_address(other.face) in text for other in others)


# Reports ----------------------------------------------------------------------------------------------------------


def test_study_without_faces_is_reported_without_a_single_one(tmp_path: Path) -> None:
    inputs = replace(small_inputs(), study=small_study(report={"faces": "none"}))
    assert not report_gate(inputs).allowed
    text = write_report(inputs, tmp_path).read_text(encoding="utf-8")
    assert f"{len(inputs.examples)} faces are not shown: the study shows no face." in text
    assert "This page shows no face, whoever agreed" in text
    assert not any(data_address(example.face) in text for example in inputs.examples)
    assert not list(tmp_path.rglob("*.png"))
    shown = re.findall(r"data:image/webp;base64,([A-Za-z0-9+/=]+)", text)
    for picture in shown:  # mean maps and scales stay: none of them is a face
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float)
        for example in inputs.examples:
            assert pixels.shape != example.face.shape or np.abs(pixels - example.face).mean() > 12


def test_paths_of_the_owner_are_not_told_in_the_report(tmp_path: Path) -> None:
    inputs = small_inputs()
    reason = "image cannot be decoded: Images/042-ll042/secret clip/x001.png: truncated"
    frames = inputs.frames.copy()
    frames.loc[frames.index[:2], ["kept", "reason"]] = [False, reason]
    write_report(replace(inputs, frames=frames), tmp_path)
    files = [path for path in tmp_path.rglob("*.*") if path.is_file() and path.suffix != ".png"]
    written = "\n".join(path.read_text("utf-8") for path in files)
    assert "image cannot be decoded: …: truncated" in written
    for word in ("042-ll042", "secret clip", "x001.png"):
        assert word not in written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listed twice", "listed twice"),
        ("PSPI is 17, outside 0..16", "PSPI is 17, outside 0..16"),
        ("no rule matches (class_name = a/b c)", "no rule matches (class_name = …"),
        ("video not found: video/071309_w_21/071309_w_21-BL1-081.mp4", "video not found: …"),
        ("looks like p1/s 2/003.jpg", "looks like …"),
        ("not listed in samples.csv", "not listed in samples.csv"),
        ("not listed in p1/samples.csv", "not listed in …"),
        (r"image not found: D:\faces\p1.PNG", "image not found: …"),
    ],
)
def test_texts_lose_names_of_files_and_nothing_else(text: str, told: str) -> None:
    assert without_paths([text])[0].startswith(told.rstrip("…")) or without_paths([text]) == [told]
    assert "p1" not in without_paths([text])[0]
    assert "w_21" not in without_paths([text])[0]


def test_metadata_of_a_photograph_never_leave_it(tmp_path: Path) -> None:
    image = Image.fromarray(layouts.cartoon(64, 64, centre=(32, 32), side=30))
    exif = Image.Exif()
    exif[0x010E] = "taken of patient 042 at 52.5N 13.4E"
    image.save(tmp_path / "face.jpg", exif=exif, comment=b"patient 042")
    assert b"patient 042" in (tmp_path / "face.jpg").read_bytes()
    pixels = load_image(tmp_path / "face.jpg")
    address = base64.b64decode(data_address(pixels).split(",")[1])
    for written in (address, png_bytes(pixels)):
        assert b"patient" not in written
        assert not Image.open(io.BytesIO(written)).getexif()


# Structure --------------------------------------------------------------------------------------------------------


def test_every_writer_of_pictures_is_known() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if ENCODERS.search(path.read_text(encoding="utf-8"))
    }
    assert found <= set(WRITERS), "a new writer of pixels must ask painlens.consent; then add it to WRITERS"


def test_whoever_makes_strips_of_faces_asks_the_gate() -> None:
    """Strips are encoded from arrays, so their callers decide; a caller without the gate is a leak."""
    makers = re.compile(r"differences\.strips|from painlens\.differences import [^\n]*\bstrips\b")
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if makers.search(text) and path.parent.name != "differences":
            assert "consent" in text, f"{path.name} makes strips of faces without asking painlens.consent"


def test_nobody_reads_the_flags_past_the_gate() -> None:
    """Modules that compare a consent flag themselves would be a second gate."""
    allowed = {"consent.py", "report/consent.py"}
    compared = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and re.search(r"consent_(publish|display)", ast.unparse(node)):
                compared.add(path.relative_to(PACKAGE).as_posix())
    counted = {"report/sections/compared.py", "web/index_builder.py"}  # counts for a table; the index for web.consent
    assert compared <= allowed | counted


def test_study_may_forbid_faces() -> None:
    databases = {name: {"reader": "unbc", "synthetic": {}} for name in "ab"}
    assert parse_study({"study": "s", "databases": databases, "report": {"faces": "none"}}).report.faces == "none"
