"""Concept labels of test faces: from the truth of rendered databases, or from a file that people made.

A label says whether a person can see the concept on the face: present, absent, or nobody could tell.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.tables import CONCEPTS, DataError, conform

TRUTH_PREFIX = "concept:"  # columns of a rendered database's truth table
WORDS = {
    "1": True, "1.0": True, "yes": True, "true": True, "y": True, "present": True,
    "0": False, "0.0": False, "no": False, "false": False, "n": False, "absent": False,
    "": None, "unsure": None, "nan": None, "na": None,
}  # fmt: skip


def labels_from_truth(faces: pd.DataFrame, truths: Mapping[str, pd.DataFrame], concept: str) -> pd.DataFrame:
    """CONCEPTS rows of test faces from the truth tables of their rendered databases.

    Parameters
    ----------
    faces
        FACES rows of the test faces of all databases.
    truths
        Database -> its truth table with ``frame_id`` and ``concept:<name>``; databases without truth are left out.

    Raises
    ------
    DataError
        A database has no truth or its truth does not know the concept or a face.
    """
    parts = []
    for database, rows in faces.groupby("database", sort=False):
        if database not in truths:
            raise DataError(
                f"concept '{concept}' takes its labels from the truth, but database '{database}' is not rendered; give "
                f"concepts.{concept}.labels a CSV file with the columns database, frame_id, concept, value"
            )
        truth = truths[str(database)].set_index("frame_id")
        column = f"{TRUTH_PREFIX}{concept}"
        if column not in truth.columns:
            known = [c.removeprefix(TRUTH_PREFIX) for c in truth.columns if c.startswith(TRUTH_PREFIX)]
            raise DataError(f"the truth of '{database}' knows no concept '{concept}', only {', '.join(known)}")
        absent = rows.loc[~rows["frame_id"].isin(truth.index), "frame_id"]
        if len(absent):
            raise DataError(f"the truth of '{database}' does not hold frame {absent.iloc[0]}; run `synthesize` again")
        value = truth.loc[rows["frame_id"], column].to_numpy()
        parts.append(_rows(rows, concept, source="truth").assign(value=value))
    return conform(pd.concat(parts, ignore_index=True), CONCEPTS)


def labels_from_file(faces: pd.DataFrame, path: Path, concept: str) -> pd.DataFrame:
    """CONCEPTS rows of test faces from a CSV file with the columns database, frame_id, concept, value.

    ``value`` is yes/no, true/false, 1/0, or empty or ``unsure`` where nobody could tell. Faces without a row stay
    unlabelled.

    Raises
    ------
    DataError
        The file is missing or lacks a column, a value is no answer, a face has two labels, or the file labels a frame
        that is no test face of the study.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"the label file of concept '{concept}' is missing: {path}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file with columns database, frame_id, concept, value: {error}") from None
    missing = {"database", "frame_id", "concept", "value"} - set(table.columns)
    if missing:
        raise DataError(
            f"{path} must have the columns database, frame_id, concept, value; {sorted(missing)} are missing"
        )
    own = table[table["concept"] == concept]
    if own.empty:
        raise DataError(f"{path} has no row with concept '{concept}'; it has {sorted(table['concept'].unique())}")
    answers = own["value"].str.strip().str.lower()
    line = pd.Series(range(2, len(table) + 2), index=table.index)[
        own.index
    ]  # of the file, whose first line is the header
    wrong = ~answers.isin(list(WORDS))
    if wrong.any():
        raise DataError(
            f"{path}, line {line[wrong].iloc[0]}: value must be yes, no or unsure, got '{own['value'][wrong].iloc[0]}'"
        )
    key = ["database", "frame_id"]
    doubled = own.duplicated(key)
    if doubled.any():
        raise DataError(
            f"{path}, line {line[doubled].iloc[0]}: frame {own['frame_id'][doubled].iloc[0]} is labelled twice"
        )
    known = pd.MultiIndex.from_frame(faces[key].astype(str))
    unknown = ~pd.MultiIndex.from_frame(own[key]).isin(known)
    if unknown.any():
        raise DataError(
            f"{path} labels {int(unknown.sum())} frames that are no test faces of this study, e.g. "
            f"{own[key][unknown].iloc[0].tolist()}; compare database and frame_id with faces.parquet"
        )
    values = pd.Series([WORDS[a] for a in answers], index=pd.MultiIndex.from_frame(own[key]), dtype="boolean")
    labelled = _rows(faces, concept, source=path.name).assign(value=values.reindex(known).to_numpy())
    return conform(labelled, CONCEPTS)


def labels_from_store(faces: pd.DataFrame, path: Path, concept: str) -> pd.DataFrame:
    """CONCEPTS rows of test faces from what a run took from an annotation store.

    Parameters
    ----------
    path
        CSV as `painlens.annotations.exchange.labels_csv` writes it, of one concept. Faces without a final label stay
        unlabelled, all of them if there is no row: a run may start before people have annotated.

    Raises
    ------
    DataError
        The file is missing or names a frame that is no test face of the study.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `painlens run` takes the labels from the store") from None
    if table.empty:
        unlabelled = _rows(faces, concept, source="annotations").assign(value=pd.array([None] * len(faces), "boolean"))
        return conform(unlabelled, CONCEPTS)
    return labels_from_file(faces, path, concept).assign(source="annotations")


def _rows(faces: pd.DataFrame, concept: str, *, source: str) -> pd.DataFrame:
    """The columns that a label takes over from its face."""
    return (
        faces[["database", "frame_id", "participant", "label"]]
        .reset_index(drop=True)
        .assign(concept=concept, source=source)
    )
