"""What people wrote in a run about a face: hypotheses that rest on it, and answers of annotators.

Hypotheses lose their ties to forgotten faces and keep their words. Answers are kept: the store is append-only and
chained, and holds names of frames but no pixels of them. What it keeps is told.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from painlens.tables import load_json, save_json

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


def kept_answers(run: Path, databases: Sequence[str], participant: str = "") -> tuple[str, ...]:
    """Sentences about the answers that the annotation database of a run keeps, one per concept."""
    path = run / ANSWERS
    if not path.exists():
        return ()
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
        return (f"{ANSWERS} cannot be read ({error}): see for yourself whether it speaks of them",)
    return tuple(
        f"{ANSWERS} keeps {events} answers of {people} people to {items} pictures under '{concept}'; the pictures "
        "themselves are gone"
        for concept, events, people, items in rows
    )


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
