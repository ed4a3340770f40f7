"""Labels in and out as CSV: every event (long), the label that counts per face (wide), and labels made elsewhere."""

import csv
import io
import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from painlens.annotations.events import Answer, append
from painlens.annotations.store import StoreError
from painlens.annotations.tasks import Face, Plan, create_task, find_task, take_place

EVENT_COLUMNS = (
    "event_id", "created_at", "annotator", "part", "task_id", "concept", "database", "frame_id", "participant",
    "item_kind", "kind", "value", "note", "nonce", "supersedes", "elapsed_ms", "guideline", "version", "chain",
)  # fmt: skip
LABEL_COLUMNS = (
    "concept", "database", "frame_id", "participant", "value", "state", "answers", "yes", "no", "unsure", "task_id",
)  # fmt: skip
IMPORT_COLUMNS = ("database", "frame_id", "concept", "value")
WORDS = {
    "1": "yes", "1.0": "yes", "yes": "yes", "true": "yes", "y": "yes", "present": "yes",
    "0": "no", "0.0": "no", "no": "no", "false": "no", "n": "no", "absent": "no",
    "": "unsure", "unsure": "unsure", "nan": "unsure", "na": "unsure",
}  # fmt: skip
_IMPORT_BATCH = 500
_OPEN = ("incomplete", "disagreement")


def events_csv(connection: sqlite3.Connection, *, task_id: str | None = None, names: bool = False) -> str:
    """Every event as one CSV row, in the order in which they happened; those about forgotten people are left out.

    Parameters
    ----------
    task_id
        Of one task only.
    names
        With the names of the people instead of ``annotator-1``, ``annotator-2`` ...: names are personal data.
    """
    rows = connection.execute(
        "SELECT e.*, t.concept, i.database, i.frame_id, i.participant, i.kind AS item_kind FROM event e"
        " JOIN task t USING (task_id) JOIN present_item i USING (item_id)"
        " WHERE ?1 IS NULL OR e.task_id = ?1 ORDER BY event_id",
        (task_id,),
    )
    aliases = {} if names else _aliases(connection)
    return _csv(EVENT_COLUMNS, (dict(row) | {"annotator": aliases.get(row["person"], row["person"])} for row in rows))


def labels_csv(connection: sqlite3.Connection, *, task_id: str | None = None, concept: str | None = None) -> str:
    """One row per face with the label that counts; an empty value where there is none yet.

    The columns database, frame_id, concept and value are those that a study's ``labels`` file needs.
    """
    return _csv(LABEL_COLUMNS, final_labels(connection, task_id=task_id, concept=concept))


def final_labels(
    connection: sqlite3.Connection, *, task_id: str | None = None, concept: str | None = None
) -> list[dict[str, object]]:
    """Rows of `labels_csv`, sorted; where two tasks label one face with one concept, the later task counts."""
    rows = connection.execute(
        "SELECT f.*, f.undecided AS unsure FROM final_label f JOIN task t USING (task_id)"
        " WHERE (?1 IS NULL OR f.task_id = ?1) AND (?2 IS NULL OR f.concept = ?2) ORDER BY t.rowid",
        (task_id, concept),
    )
    latest: dict[tuple[str, str, str], dict[str, object]] = {}
    for row in rows:
        key = (row["concept"], row["database"], row["frame_id"])
        # An unfinished later task does not hide what an earlier one has settled.
        if key not in latest or row["value"] is not None:
            latest[key] = {name: row[name] for name in LABEL_COLUMNS}
    return [latest[key] for key in sorted(latest)]


def import_labels(
    connection: sqlite3.Connection, path: Path, faces: Sequence[Face], *, created_by: str, question: str = ""
) -> dict[str, int]:
    """Take over labels that were made elsewhere, one task per concept; concept -> number of answers that were new.

    Parameters
    ----------
    path
        CSV with database, frame_id, concept, value, and ``annotator`` where several people answered. Importing the
        same file again adds nothing.
    faces
        The study's test faces.

    Raises
    ------
    StoreError
        A column is missing, an answer is none, or a row names a face that the study does not test; the file's line is
        named and nothing is imported.
    """
    rows = _read(path, {(face.database, face.frame_id) for face in faces})
    digest = sha256(path.read_bytes()).hexdigest()
    counts = {}
    for concept in dict.fromkeys(row["concept"] for row in rows):
        own = [row for row in rows if row["concept"] == concept]
        counts[concept] = _import_concept(connection, own, faces, origin=f"import:{path.name}:{digest[:16]}",
                                          created_by=created_by, question=question)  # fmt: skip
    return counts


def _import_concept(
    connection: sqlite3.Connection,
    rows: list[dict[str, str]],
    faces: Sequence[Face],
    *,
    origin: str,
    created_by: str,
    question: str,
) -> int:
    """Answers to one concept; the number of new ones."""
    concept = rows[0]["concept"]
    people = list(dict.fromkeys(row["annotator"] for row in rows))
    known = connection.execute(
        "SELECT task_id FROM task WHERE origin = ? AND concept = ?", (origin, concept)
    ).fetchone()
    if known is None:
        named = {(row["database"], row["frame_id"]) for row in rows}
        plan = Plan(annotators=len(people), repeats=0.0, unsure="answer", seed=0, origin=origin)
        task_id = create_task(
            connection, concept=concept, question=question or concept, guideline=f"Labels made elsewhere: {origin}",
            faces=[face for face in faces if (face.database, face.frame_id) in named], plan=plan,
            created_by=created_by,
        )  # fmt: skip
    else:
        task_id = known[0]
    task = find_task(connection, task_id)
    assert task is not None
    items = {
        (row["database"], row["frame_id"]): row["item_id"]
        for row in connection.execute("SELECT * FROM present_item WHERE task_id = ?", (task_id,))
    }
    new = 0
    for person in people:
        take_place(connection, task, person)
        answers = [
            Answer(
                nonce=sha256(f"{origin}/{concept}/{person}/{row['database']}/{row['frame_id']}".encode()).hexdigest(),
                item_id=items[(row["database"], row["frame_id"])],
                kind="label",
                value=row["value"],
            )
            for row in rows
            if row["annotator"] == person
        ]
        for first in range(0, len(answers), _IMPORT_BATCH):
            done = append(
                connection, answers[first : first + _IMPORT_BATCH], person=person, task_id=task_id, part="annotate"
            )
            refused = [one.reason for one in done if one.state == "refused"]
            if refused:
                raise StoreError(f"{len(refused)} answers of '{person}' were refused: {refused[0]}")
            new += sum(one.state == "stored" for one in done)
    return new


def _read(path: Path, known: set[tuple[str, str]]) -> list[dict[str, str]]:
    """The checked rows of a label file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StoreError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as a CSV file: {error}") from None
    table = csv.DictReader(io.StringIO(text), strict=True)
    missing = [name for name in IMPORT_COLUMNS if name not in (table.fieldnames or [])]
    if missing:
        raise StoreError(
            f"{path} must have the columns {', '.join(IMPORT_COLUMNS)} (and annotator, if several people answered); "
            f"{', '.join(missing)} is missing"
        )
    rows, seen = [], set()
    try:
        for number, raw in enumerate(table, start=2):
            row = {name: (raw.get(name) or "").strip() for name in (*IMPORT_COLUMNS, "annotator")}
            row["annotator"] = f"import:{row['annotator'] or path.stem}"
            key = (row["concept"], row["annotator"], row["database"], row["frame_id"])
            word = row["value"].lower()
            if (raw.get("state") or "") in _OPEN:  # a row of `labels_csv` that has no label yet
                continue
            if not row["concept"]:
                raise StoreError(f"{path}, line {number}: the concept is missing")
            if word not in WORDS:
                raise StoreError(f"{path}, line {number}: value must be yes, no or unsure, got '{row['value']}'")
            if key[2:] not in known:
                raise StoreError(
                    f"{path}, line {number}: {row['frame_id']} is no test face of database '{row['database']}'; "
                    "compare with faces.parquet"
                )
            if key in seen:
                raise StoreError(f"{path}, line {number}: {row['frame_id']} is labelled twice by one person")
            seen.add(key)
            rows.append(row | {"value": WORDS[word]})
    except csv.Error as error:
        raise StoreError(f"{path}, line {table.line_num}: {error}") from None
    if not rows:
        raise StoreError(f"{path} has no row below its header")
    return rows


def _aliases(connection: sqlite3.Connection) -> dict[str, str]:
    """Person -> pseudonym, in the order of their first event."""
    people = connection.execute("SELECT person FROM event GROUP BY person ORDER BY min(event_id)")
    return {row[0]: f"annotator-{number}" for number, row in enumerate(people, start=1)}


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row if "note" not in columns else dict(row) | {"note": _defused(str(row["note"]))})
    return stream.getvalue()


def _defused(text: str) -> str:
    """Free text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
