"""A datasheet per database (after Gebru et al. 2021), written from what was found in it and nothing else.

Counts with the reasons of exclusion, classes per part, preprocessing, consent, the owner's licence as the study tells
it. What nobody stated is said to be not stated. No path and no name of a participant is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from painlens import consent, tables
from painlens.databases import READERS, rules_of
from painlens.datasheet.croissant import write_croissant
from painlens.datasheet.flow import Flow, flow_of, flow_svg
from painlens.doctor.tree import published_counts
from painlens.metrics import in_reading_order
from painlens.splits import PARTS
from painlens.study import Database, Faces
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of

__all__ = ["Flow", "Found", "datasheet_text", "flow_of", "flow_svg", "found_in", "write_datasheets"]

FOLDER = "datasheets"
_NOT_STATED = "not stated"
# rule of frames -> the settings that it asks
_SETTINGS_OF = {
    "collapse-runs": ("longest",),
    "cut-runs": ("longest",),
    "at-time": ("seconds",),
    "stride": ("step",),
    "last-k": ("count",),
    "peak": ("count", "by"),
}
_LABELS_OWNED = "- Labels are those of the owner under the study's rule; nobody checked them here."
_LABELS_RENDERED = (
    "- Labels and concepts are planted by the study's settings: they test the method and say nothing about real people."
)


@dataclass(frozen=True)
class Found:
    """Tables of one database of a run."""

    name: str
    database: Database
    frames: pd.DataFrame
    faces: pd.DataFrame
    split: pd.DataFrame


def found_in(run: RunFolder, name: str) -> Found:
    """The tables of a database.

    Raises
    ------
    DataError
        The run has no such database, or its steps have not run.
    """
    databases = databases_of(run.study())
    if name not in databases:
        raise DataError(f"the run has no database '{name}'; it has {', '.join(databases)}")
    frames, faces, split = (
        tables.load_table(run.folder(schema.name, name) / f"{schema.name}.parquet", schema)
        for schema in (tables.FRAMES, tables.FACES, tables.SPLIT)
    )
    return Found(name, databases[name], frames, faces, split)


def write_datasheets(run: RunFolder, *, only: str = "", croissant: bool = False) -> list[Path]:
    """Write `datasheets/<database>.md` and `.svg` into a run, and Croissant metadata on request; returns the files.

    Raises
    ------
    DataError
        A table is missing, or the counts of its tables contradict each other.
    """
    study, folder, written = run.study(), run.root / FOLDER, []
    for name in [only] if only else list(databases_of(study)):
        found = found_in(run, name)
        flow = flow_of(found.frames, found.faces, found.split)
        page, picture = folder / f"{name}.md", folder / f"{name}.svg"
        tables.save_text(flow_svg(flow, title=f"From the files of {name} to its test faces"), picture)
        tables.save_text(datasheet_text(found, flow, study.faces), page)
        written += [page, picture]
        if croissant:
            about = f"{_kind(found.database)}; {flow.stages[0].frames} frames, {flow.stages[2].frames} faces."
            written += write_croissant(name, _rows(found), found.database, description=about, folder=folder)
    return written


def datasheet_text(found: Found, flow: Flow, settings: Faces) -> str:
    """The datasheet as Markdown."""
    database = found.database
    lines = [
        f"# Datasheet: {found.name}\n",
        f"{_kind(database)}. Written by painlens from one copy of the database; counts are those of this copy.\n",
        "## Composition\n",
        f"![From the files to the test faces]({found.name}.svg)\n",
        _table(("step", "frames", "participants"), [(s.title, s.frames, s.participants) for s in flow.stages]),
        "Left out, with reasons:\n",
        _table(("step", "reason", "frames"), [(s.title, r, n) for s in flow.stages for r, n in s.lost.items()]),
        *_published(found),
        "## Classes\n",
        *_rules(found),
        _classes(found),
        "Participants: " + ", ".join(f"{part} {people:,}" for part, (people, _) in flow.parts.items()) + ".\n",
        "## People\n",
        *_people(found),
        "## Preprocessing\n",
        *_preprocessing(found, settings),
        "## Consent\n",
        *_consent(found),
        "## Licence and citation\n",
        *_rights(found),
        *_owner_says(database),
        "\n## Limits\n",
        _LABELS_RENDERED if database.synthetic else _LABELS_OWNED,
        "- Frames of one recording are alike: count participants, not frames, where a number is judged.",
        "",
    ]
    return "\n".join(lines)


def _kind(database: Database) -> str:
    if database.synthetic is not None:
        return f"Rendered faces of people who do not exist, in the layout of reader `{database.reader}`"
    return f"An owner's folder, read as `{database.reader}`"


def _published(found: Found) -> list[str]:
    counts = published_counts(found.frames, found.database)
    if not counts:
        return []
    rows = [(count.what, count.published, count.found) for count in counts]
    return ["Published for the whole database:\n", _table(("what", "published", "found"), rows)]


def _rules(found: Found) -> list[str]:
    """How the owner's labels became classes, and which frames were chosen."""
    rules, chosen = rules_of(found.database, found.name), found.database.frames
    said = [f"- {name}: `{condition}`" for name, condition in rules.items()] or ["- the owner's column `label`"]
    changed = chosen.model_dump(mode="json", exclude_defaults=True)
    own = chosen.model_dump(mode="json", include=set(_SETTINGS_OF.get(chosen.rule, ())))
    settings = own | {name: changed[name] for name in ("duplicates", "exclude") if name in changed}
    how = ", ".join(f"{name} {value}" for name, value in settings.items())
    return [*said, f"- frames: {chosen.rule}{f' ({how})' if how else ''}", ""]


def _classes(found: Found) -> str:
    faces = found.faces[found.faces["found"].astype(bool)]
    part = faces["participant"].map(dict(zip(found.split["participant"], found.split["part"], strict=True)))
    counts = pd.crosstab(faces["label"], part)
    used = [name for name in PARTS if name in counts]
    counts = counts.loc[list(in_reading_order(counts.index))]
    numbers = counts[used].to_numpy(dtype=int)
    rows = [(str(label), *own) for label, own in zip(counts.index, numbers.tolist(), strict=True)]
    return _table(("class", *(f"faces in {name}" for name in used)), rows)


def _people(found: Found) -> list[str]:
    people = found.faces[found.faces["found"].astype(bool)].drop_duplicates("participant")
    said = [f"- Participants with a face: {len(people):,}"]
    if "sex" in people and people["sex"].notna().any():
        counts = people["sex"].fillna("unknown").value_counts()
        said.append("- Sex: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if "age" in people and people["age"].notna().any():
        ages = people["age"].dropna()
        said.append(f"- Age: {ages.min():.0f} to {ages.max():.0f} years, median {ages.median():.0f}")
    return [*said, ""]


def _preprocessing(found: Found, settings: Faces) -> list[str]:
    faces = found.faces
    shown = faces[faces["found"].astype(bool)]
    several = int((shown["n_boxes"] > 1).sum())
    sources = ", ".join(f"{name} {count:,}" for name, count in shown["landmarks"].value_counts().items())
    detector = str(faces["detector"].iloc[0]) if len(faces) else _NOT_STATED
    return [
        f"- Detector: {detector}; the largest of several boxes was taken on {several:,} frames",
        f"- Crop: {settings.size} × {settings.size} pixels, margin {settings.margin:g}, alignment: {settings.align}",
        f"- Landmarks: {sources or 'none'}",
        "",
    ]


def _consent(found: Found) -> list[str]:
    kept = found.frames[found.frames["kept"].astype(bool)]
    rows = []
    for row in consent.summary(kept).to_dict("records"):
        counts = [int(row[f"participants {word}"]) for word in ("true", "unknown", "false")]
        rows.append((str(row["purpose"]), *counts))
    table = _table(("purpose", "participants who agreed", "unknown (counts as no)", "refused"), rows)
    said = "A face is shown only where its participant agreed."
    if found.database.synthetic is not None:
        said = "These people do not exist: nobody had to agree. What the study allows for them:"
    return [f"{said}\n", table]


def _rights(found: Found) -> list[str]:
    """Licence and citation as the study states them."""
    database, none = found.database, found.database.synthetic is not None
    stated = {"licence": database.licence, "citation": database.citation}
    missing = "none needed, rendered by painlens" if none else "{} (databases.{}.{})"
    return [
        f"- {what.capitalize()}: {text or missing.format(_NOT_STATED, found.name, what)}"
        for what, text in stated.items()
    ]


def _owner_says(database: Database) -> list[str]:
    """What the reader's own documentation says about licence, consent and citation."""
    told = (READERS[database.reader].__doc__ or "").strip().split("\n\n")
    about = [part.replace("\n", " ") for part in told if "Licence" in part or "Citation" in part]
    return [f"- The reader's notes: {' '.join(about)}"] if about and database.synthetic is None else []


def _table(headings: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return "None.\n"
    lines = [headings, tuple("---" for _ in headings), *rows]
    cells = ["| " + " | ".join(_cell(value) for value in line) + " |" for line in lines]
    return "\n".join(cells) + "\n"


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _rows(found: Found) -> pd.DataFrame:
    """A row per frame for export: pseudonyms in the order of appearance, no id, no path."""
    frames = found.frames.reset_index(drop=True)
    faces = found.faces.set_index("frame_id")
    numbers = pd.factorize(frames["participant"].fillna(""))[0]
    seen = frames["frame_id"].map(faces["found"]).astype("boolean").fillna(value=False)
    refusal = frames["frame_id"].map(faces["reason"]).astype("object").fillna("")
    reason = frames["reason"].astype("object").fillna("").where(~frames["kept"].astype(bool), refusal)
    part = dict(zip(found.split["participant"], found.split["part"], strict=True))
    return pd.DataFrame(
        {
            "row": range(len(frames)),
            "participant": [f"p{number:04d}" for number in numbers],
            "label": frames["label"].astype("object").fillna(""),
            "kept": frames["kept"].astype(bool),
            "reason": consent.without_paths(reason.astype(str)),
            "found": seen.astype(bool),
            "part": [str(part.get(who, "")) for who in frames["participant"]],
            "consent_display": frames["consent_display"].astype(str),
            "consent_publish": frames["consent_publish"].astype(str),
        }
    )
