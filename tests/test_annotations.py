"""Concept labels: from the truth, from a file, and every mistake a label file can hold."""

from pathlib import Path

import pandas as pd
import pytest

from painlens.annotations import labels_from_file, labels_from_truth
from painlens.tables import DataError

FACES = pd.DataFrame(
    [
        {"database": d, "frame_id": f"{d}/{n}", "participant": f"p{n}", "label": "pain"}
        for d in ("clinical", "experimental")
        for n in range(3)
    ]
)


def truth(database: str) -> pd.DataFrame:
    """Truth of one database: the concept is present on every second frame."""
    return pd.DataFrame(
        {"frame_id": [f"{database}/{n}" for n in range(5)], "concept:smile": [n % 2 == 1 for n in range(5)]}
    )


def write(folder: Path, *rows: str) -> Path:
    """A label file with these rows."""
    path = folder / "labels.csv"
    path.write_text("\n".join(["database,frame_id,concept,value", *rows]), encoding="utf-8")
    return path


def test_truth_labels_follow_the_frame_and_not_the_row() -> None:
    shuffled = {d: truth(d).sample(frac=1, random_state=1) for d in ("clinical", "experimental")}
    labels = labels_from_truth(FACES, shuffled, "smile")
    assert labels["value"].tolist() == [False, True, False] * 2
    assert set(labels["source"]) == {"truth"}


def test_a_database_without_truth_is_refused() -> None:
    with pytest.raises(DataError, match=r"'experimental' is not rendered; give concepts\.smile\.labels"):
        labels_from_truth(FACES, {"clinical": truth("clinical")}, "smile")


def test_an_unknown_concept_names_the_known_ones() -> None:
    with pytest.raises(DataError, match="knows no concept 'frown', only smile"):
        labels_from_truth(FACES, {d: truth(d) for d in ("clinical", "experimental")}, "frown")


def test_a_frame_without_truth_is_refused() -> None:
    with pytest.raises(DataError, match="does not hold frame clinical/2"):
        labels_from_truth(FACES, {"clinical": truth("clinical")[:2], "experimental": truth("experimental")}, "smile")


def test_answers_of_people_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path, "clinical,clinical/0,smile,Yes", "clinical,clinical/1,smile,0", "clinical,clinical/2,smile,unsure"
    )
    labels = labels_from_file(FACES, path, "smile").set_index("frame_id")["value"]
    assert labels["clinical/0"] is True or bool(labels["clinical/0"])
    assert not labels["clinical/1"]
    assert labels[["clinical/2", "experimental/0"]].isna().all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["clinical,clinical/0,smile,perhaps"], r"line 2: value must be yes, no or unsure, got 'perhaps'"),
        (["clinical,clinical/0,smile,1", "clinical,clinical/0,smile,0"], r"line 3: frame clinical/0 is labelled twice"),
        (["clinical,clinical/9,smile,1"], r"labels 1 frames that are no test faces"),
        (["clinical,clinical/0,frown,1"], r"no row with concept 'smile'; it has \['frown'\]"),
    ],
)
def test_mistakes_in_a_label_file_are_named(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_from_file(FACES, write(tmp_path, *rows), "smile")


def test_a_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label file of concept 'smile' is missing"):
        labels_from_file(FACES, tmp_path / "none.csv", "smile")


def test_a_label_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,answer\nx,1\n")
    with pytest.raises(DataError, match="must have the columns"):
        labels_from_file(FACES, path, "smile")


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(DataError, match="not a CSV file"):
        labels_from_file(FACES, path, "smile")
