"""Datasheets: every frame is told, nobody is named, the Croissant export loads."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from painlens import tables
from painlens.datasheet import Found, datasheet_text, flow_of, flow_svg, write_datasheets
from painlens.study import Database, Faces, parse_study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder, prepare_run

PEOPLE = ("042-ll042", "043-jh043", "047-jl047", "048-aa048")


def material() -> Found:
    """Four people with four frames each: one frame per person excluded, one face not found."""
    rows = [
        {
            "frame_id": f"{who}/s/{number}", "participant": who, "sequence": f"{who}/s",
            "path": f"Images/{who}/{number}.png", "frame_index": number, "time_s": None,
            "label": ("pain", "no-pain")[number % 2], "kept": number > 0,
            "reason": "" if number else f"image cannot be decoded: Images/{who}/0.png: truncated",
            "consent_display": "true", "consent_publish": "true" if who == PEOPLE[0] else "unknown",
            "sex": "f", "age": 40.0,
        }
        for who in PEOPLE for number in range(4)
    ]  # fmt: skip
    frames = tables.conform(pd.DataFrame(rows).assign(database="clinical"), tables.FRAMES)
    kept = frames[frames["kept"]].reset_index(drop=True)
    found = kept["frame_id"] != f"{PEOPLE[1]}/s/3"
    faces = kept[["frame_id", "database", "participant", "sequence", "label", "sex", "age"]].assign(
        found=found, reason=["" if ok else "no face detected" for ok in found],
        row=pd.Series(range(len(kept)), dtype="Int64").where(found), n_boxes=1, box_x=0.0, box_y=0.0, box_w=9.0,
        box_h=9.0, detector="haar", landmarks="mesh", consent_display="true", consent_publish=kept["consent_publish"],
    )  # fmt: skip
    parts = ["test", "train", "train", "validation"]
    split = pd.DataFrame({"database": "clinical", "participant": PEOPLE, "part": parts, "faces": [3, 2, 3, 3]})
    database = Database.model_validate({"reader": "unbc", "root": "/data/owner", "licence": "agreement | 2011"})
    return Found("clinical", database, frames, tables.conform(faces, tables.FACES), tables.conform(split, tables.SPLIT))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with the tables of the material."""
    found = material()
    study = parse_study({"study": "s", "databases": {n: found.database.model_dump() for n in ("clinical", "other")}})
    folder = prepare_run(study, tmp_path / "run")
    for schema, table in ((tables.FRAMES, found.frames), (tables.FACES, found.faces), (tables.SPLIT, found.split)):
        tables.save_table(table, folder.folder(schema.name, "clinical") / f"{schema.name}.parquet", schema)
    return folder


def test_every_frame_is_told() -> None:
    found = material()
    flow = flow_of(found.frames, found.faces, found.split)
    listed, usable, shown = flow.stages
    assert (listed.frames, usable.frames, shown.frames) == (16, 12, 11)
    assert usable.lost == {"image cannot be decoded: …: truncated": 4}
    assert shown.lost == {"no face detected": 1}
    assert flow.parts == {"train": (2, 5), "validation": (1, 3), "test": (1, 3)}


def test_tables_of_different_runs_are_refused() -> None:
    found = material()
    with pytest.raises(DataError, match="12 kept frames and rows of faces went in, 11 are told"):
        flow_of(found.frames, found.faces.iloc[1:], found.split)
    with pytest.raises(DataError, match="11 faces went in, 8 are told"):
        flow_of(found.frames, found.faces, found.split.iloc[1:])


def test_picture_shows_the_counts_and_is_well_formed() -> None:
    found = material()
    text = flow_svg(flow_of(found.frames, found.faces, found.split), title="a < b")
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for expected in ("16 of 4 participants", "4 left out", "11 of 4 participants", "5 faces of 2 participants"):
        assert expected in words
    height = float(root.attrib["height"])
    boxes = [e.attrib for e in root.iter("{http://www.w3.org/2000/svg}rect") if "x" in e.attrib]
    assert all(float(box["y"]) + float(box["height"]) <= height for box in boxes)


def test_page_tells_consent_licence_and_what_is_not_stated() -> None:
    found = material()
    text = datasheet_text(found, flow_of(found.frames, found.faces, found.split), Faces())
    assert "| publish | 1 | 3 | 0 |" in text
    assert "- Licence: agreement | 2011" in text
    assert "- Citation: not stated (databases.clinical.citation)" in text
    assert "| participants | 25 | 4 |" in text
    assert "- Landmarks: mesh 11" in text
    assert "| pain | 2 | 1 | 1 |" in text or "| pain |" in text


def test_classes_stand_in_their_order_beside_their_rules() -> None:
    found = material()
    names = {"pain": "strong", "no-pain": "none"}
    levels = found.database.model_copy(update={"classes": "pain-levels"})
    tables_ = {
        name: getattr(found, name).assign(label=getattr(found, name)["label"].map(names))
        for name in ("frames", "faces")
    }
    told = replace(found, database=levels, **tables_)
    lines = datasheet_text(told, flow_of(told.frames, told.faces, told.split), Faces()).splitlines()
    assert [line.split(":")[0] for line in lines if "`pspi" in line] == ["- none", "- trace", "- weak", "- strong"]
    rows = [line.split(" | ")[0] for line in lines if line.startswith(("| none |", "| strong |"))]
    assert rows == ["| none", "| strong"]
    assert "Participants: train 2, validation 1, test 1." in lines


def test_page_of_rendered_people_asks_for_no_licence_and_no_consent() -> None:
    found = material()
    database = Database.model_validate({"reader": "unbc", "synthetic": {"seed": 1}})
    text = datasheet_text(replace(found, database=database), flow_of(found.frames, found.faces, found.split), Faces())
    assert "not stated" not in text
    assert "These people do not exist" in text
    assert "nobody checked them" not in text


def test_nobody_is_named_and_no_path_is_told(run: RunFolder) -> None:
    written = write_datasheets(run, only="clinical", croissant=True)
    assert {path.name for path in written} == {
        "clinical.md", "clinical.svg", "clinical.csv", "clinical.croissant.json",
    }  # fmt: skip
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not any(who in text for who in PEOPLE), path.name
        assert "Images/" not in text
        assert "/data/owner" not in text
        assert run.root.as_posix() not in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library that mlcroissant uses
def test_croissant_metadata_load_with_the_formats_own_library(run: RunFolder) -> None:
    import mlcroissant

    write_datasheets(run, only="clinical", croissant=True)
    path = run.root / "datasheets" / "clinical.croissant.json"
    dataset = mlcroissant.Dataset(jsonld=str(path))
    records = list(dataset.records("frame"))
    assert len(records) == 16
    assert {record["frame/participant"] for record in records} == {b"p0000", b"p0001", b"p0002", b"p0003"}
    assert json.loads(path.read_text())["license"]
    assert not re.search(r"\.(png|jpg|h5|mp4)", path.read_text())


def test_export_keeps_frames_and_reasons(run: RunFolder) -> None:
    write_datasheets(run, only="clinical", croissant=True)
    rows = pd.read_csv(run.root / "datasheets" / "clinical.csv", keep_default_na=False)
    assert (~rows["kept"]).sum() == 4
    assert rows.loc[rows["kept"] & ~rows["found"], "reason"].tolist() == ["no face detected"]
    assert rows.groupby("part")["found"].sum().to_dict() == {"test": 3, "train": 5, "validation": 3}


def test_unknown_database_and_missing_tables_are_told(run: RunFolder) -> None:
    with pytest.raises(DataError, match="no database 'clinic'; it has clinical, other"):
        write_datasheets(run, only="clinic")
    with pytest.raises(DataError, match="table 'frames' not found"):
        write_datasheets(run, only="other")
