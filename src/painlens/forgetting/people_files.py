"""What people wrote in a run about a face: hypotheses that rest on it, and answers of annotators.

Hypotheses lose their ties to forgotten faces and keep their words. Answers are kept but count no more: the store is
append-only and chained, and holds names of frames but no pixels of them. What it keeps is told.
"""

import csv
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from painlens.annotations import store
from painlens.annotations.forgotten_pictures import forget_pictures
from painlens.study import Study
from painlens.tables import load_json, save_json
from painlens.workflow.stages import is_store

ANSWERS = "annotations.sqlite"
"""People's answers."""
NOTEBOOK = "hypotheses.json"
"""Hypotheses that were written down, with the faces on which they rest."""
WITHDRAWN = "faces_withdrawn"
"""Of a hypothesis in the notebook: how many of its faces were forgotten; its digest spoke of them too."""

Gone = Mapping[str, frozenset[str] | None]
"""Database -> frames that go; None: all of them."""


def count_ties(run: Path, gone: Gone) -> int:
    """How many faces of hypotheses are among those that go."""
    return sum(len(faces) - len(_kept(faces, gone)) for faces in _faces_of(_notebook(run)))


def untie(run: Path, gone: Gone) -> int:
    """Take forgotten faces off the hypotheses of a run's notebook; how many they were."""
    notebook, ties = _notebook(run), 0
    for entry in notebook.get("hypotheses", []):
        faces = entry.get("tested", {}).get("faces", [])
        kept = _kept(faces, gone)
        if len(kept) < len(faces):
            entry["tested"]["faces"] = kept
            entry[WITHDRAWN] = int(entry.get(WITHDRAWN, 0)) + len(faces) - len(kept)
            ties += len(faces) - len(kept)
    if ties:
        save_json(notebook, run / NOTEBOOK)
    return ties


def stores_of(run: Path, study: Study) -> tuple[Path, ...]:
    """Annotation stores that speak of a run's faces: its own, and those from which the study takes labels."""
    named = [Path(concept.labels) for concept in study.concepts.values() if is_store(concept.labels)]
    found = {path.resolve(): path for path in (run / ANSWERS, *named) if path.exists()}
    return tuple(found.values())


def withdraw_answers(path: Path, databases: Sequence[str], participant: str = "") -> tuple[str, ...]:
    """Let a store serve, export and count pictures no more; sentences about what it keeps, one per concept."""
    try:
        with store.opened(path) as connection:
            forget_pictures(connection, databases, participant=participant, recorded_by="painlens forget")
    except store.StoreError as error:
        return (f"{path.name} cannot be read or written ({error}): see for yourself whether it speaks of them",)
    return kept_answers(path, databases, participant)


def kept_answers(path: Path, databases: Sequence[str], participant: str = "") -> tuple[str, ...]:
    """Sentences about the answers that a store keeps without counting them, one per concept; nothing is changed."""
    marks = ", ".join("?" for _ in databases)
    query = (
        "SELECT t.concept, count(DISTINCT e.event_id), count(DISTINCT e.person), count(DISTINCT i.item_id) "
        f"FROM item i JOIN task t USING (task_id) LEFT JOIN event e USING (item_id) WHERE i.database IN ({marks}) "
        + ("AND i.participant = ? " if participant else "")
        + "GROUP BY t.concept ORDER BY t.concept"
    )
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            rows = connection.execute(query, [*databases, *([participant] if participant else [])]).fetchall()
    except sqlite3.Error as error:
        return (f"{path.name} cannot be read ({error}): see for yourself whether it speaks of them",)
    return tuple(
        f"{path.name} keeps {events} answers of {people} people to {items} pictures under '{concept}', but serves, "
        "exports and counts them no more; the pictures themselves are gone"
        if events
        else f"{path.name} lists {items} pictures under '{concept}' that nobody has answered; nobody is asked any more"
        for concept, events, people, items in rows
    )


def named_in_tables(study: Study, gone: Gone) -> tuple[str, ...]:
    """Sentences about tables of people's own outside the run (concept labels, ratings) that speak of those who go."""
    files = {Path(concept.labels) for concept in study.concepts.values() if isinstance(concept.labels, Path)}
    files |= {study.concept_test.ratings} if study.concept_test.ratings is not None else set()
    told = []
    for path in sorted(file for file in files if not is_store(file) and file.exists()):
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            rows = csv.DictReader(stream)
            faces = [[str(row.get("database")), str(row.get("frame_id"))] for row in rows]
        count = len(faces) - len(_kept(faces, gone))
        if count:
            told.append(f"{path} is yours and has {count} rows about them; take these out before the next run")
    return tuple(told)


def _notebook(run: Path) -> dict[str, Any]:
    path = run / NOTEBOOK
    return load_json(path) if path.exists() else {}


def _faces_of(notebook: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    yield from (entry.get("tested", {}).get("faces", []) for entry in notebook.get("hypotheses", []))


def _kept(faces: Sequence[Sequence[str]], gone: Gone) -> list[list[str]]:
    """Faces that are not among those that go."""
    kept = []
    for database, frame in faces:
        frames = gone.get(database, frozenset())
        if frames is not None and frame not in frames:
            kept.append([database, frame])
    return kept
