"""Which people, frames and faces took part, and which did not and why."""

import pandas as pd

from painlens.concept_test.verdicts import FEW_PARTICIPANTS
from painlens.consent import without_paths
from painlens.report.blocks import Block, Folded, Section, TableBlock, Text
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Column, Table, whole, words
from painlens.splits import sizes_of

PARTS = ("train", "validation", "test")
_SHOWN_REASONS = 8  # most frequent reasons of a database; the rest is summed


def compared(inputs: ReportInputs) -> Section:
    """From frames to parts, with the reasons of exclusion and the consent."""
    elsewhere = (
        "The models were trained elsewhere and answer the same faces. painlens cannot know whether they have seen "
        "these people in training; if one has, what is said about it holds for people it knows."
    )
    blocks: list[Block] = [
        Text((elsewhere if inputs.study.models else _design(inputs),)),
        TableBlock(_flow(inputs)),
    ]  # fmt: skip
    few = test_participants(inputs)
    if 0 < sum(few.values()) < FEW_PARTICIPANTS:
        rest = (
            "."
            if inputs.study.replication.cross_fitting or inputs.study.models
            else ", or rotate them through the test part."
        )
        blocks.append(
            Text((f"Only {sum(few.values())} test participants in all. Below {FEW_PARTICIPANTS} the intervals may be a "
                  f"little too short; test more people{rest}",), kind="caution")
        )  # fmt: skip
    reasons = _reasons(inputs)
    if reasons.rows:
        blocks.append(Folded("Why frames were left out", (TableBlock(reasons),)))
    blocks.append(TableBlock(_consent(inputs)))
    return Section("compared", "What was compared", tuple(blocks))


def _design(inputs: ReportInputs) -> str:
    """Who trains and who tests."""
    folds = inputs.study.replication.cross_fitting
    if not folds:
        return (
            "Every person is in one part only. A network learns from the training people of its own database; every "
            "network is tested on the test people of every database."
        )
    return (
        f"Cross-fitting: the people of each database rotate through the test part in {folds} folds, so that everybody "
        "is tested once. Each fold has networks of its own, which were trained without the people whom they are tested "
        "on; the networks of all folds together stand for one seed, or one half. Faces are compared within a fold, and "
        "the folds are pooled. Of training and validation the table tells the mean over the folds."
    )


def test_participants(inputs: ReportInputs) -> dict[str, int]:
    """Test people of every database of the study."""
    split = inputs.split
    tested = split[split["part"] == "test"]
    return {name: int((tested["database"] == name).sum()) for name in inputs.databases}


def test_faces(inputs: ReportInputs) -> pd.DataFrame:
    """Rows of FACES that were tested."""
    found = inputs.faces[inputs.faces["found"].fillna(value=False).astype(bool)]
    tested = inputs.split.loc[inputs.split["part"] == "test", ["database", "participant"]]
    return found.merge(tested, on=["database", "participant"])


def _names(inputs: ReportInputs) -> list[str]:
    """Databases of the study, then others that came along, such as the emotion database."""
    others = sorted({str(name) for name in inputs.frames["database"]} - set(inputs.databases))
    return [*inputs.databases, *others]


def _flow(inputs: ReportInputs) -> Table:
    columns = [Column("database"), *(Column(t, "found") for t in ("people", "frames")), Column("frames kept")]
    columns.append(Column("faces found"))
    columns += [Column(title, part) for part in PARTS for title in ("people", "faces")]
    rows = []
    for name in _names(inputs):
        frames = inputs.frames[inputs.frames["database"] == name]
        faces = inputs.faces[inputs.faces["database"] == name]
        split = inputs.split[inputs.split["database"] == name]
        cells = [words(name), whole(frames["participant"].nunique()), whole(len(frames))]
        cells += [whole(frames["kept"].sum()), whole(faces["found"].sum())]
        sizes = sizes_of(split)
        for part in PARTS:
            cells += [whole(number) for number in sizes[part]]
        rows.append(tuple(cells))
    return Table("flow", "From frames to the parts of the split", tuple(columns), tuple(rows))


def _reasons(inputs: ReportInputs) -> Table:
    rows = []
    for name in _names(inputs):
        frames = inputs.frames[(inputs.frames["database"] == name) & ~inputs.frames["kept"].fillna(value=False)]
        faces = inputs.faces[(inputs.faces["database"] == name) & ~inputs.faces["found"].fillna(value=False)]
        for step, reasons in (("frames", frames["reason"]), ("faces", faces["reason"])):
            told = pd.Series(without_paths(reasons.fillna("no reason given").astype(str)), dtype="str")
            counts = told.value_counts().sort_index()
            counts = counts.sort_values(ascending=False, kind="stable")
            rows += [(words(name), words(step), words(r), whole(n)) for r, n in counts.head(_SHOWN_REASONS).items()]
            if len(counts) > _SHOWN_REASONS:
                rest = counts.iloc[_SHOWN_REASONS:]
                rows.append((words(name), words(step), words(f"{len(rest)} other reasons"), whole(rest.sum())))
    columns = (Column("database"), Column("step"), Column("reason"), Column("frames"))
    return Table("excluded", "Frames that were left out, by reason", columns, tuple(rows), headers=2)


def _consent(inputs: ReportInputs) -> Table:
    tested = test_faces(inputs)
    rows = []
    for name in inputs.databases:
        own = tested[tested["database"] == name]
        cells = [words(name), words("rendered" if name in inputs.rendered else "people"), whole(len(own))]
        for flag in ("consent_publish", "consent_display"):
            values = own[flag].fillna("unknown").astype(str)
            cells += [whole((values == "true").sum()), whole((values != "true").sum())]
        rows.append(tuple(cells))
    columns = (
        Column("database"), Column("faces are of"), Column("test faces"),
        Column("yes", "may be published"), Column("no or unknown", "may be published"),
        Column("yes", "may be shown in the lab"), Column("no or unknown", "may be shown in the lab"),
    )  # fmt: skip
    note = "This page shows only faces that may be published. Unknown counts as no."
    if inputs.study.report.faces == "none":
        note = "This page shows no face, whoever agreed: the study says so (report.faces)."
    return Table("consent", "Consent of the test faces", columns, tuple(rows), note=note)
