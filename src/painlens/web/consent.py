"""Whose face may be shown at this moment: tables, study file and withdrawals, whichever says no.

The rule is that of `painlens.consent`, asked anew for every request and without pandas. The tables tell
what held when the frames were listed. A withdrawal is recorded in the annotation database and holds at once; the run's
list of withdrawals and the study file count too. Where a database's crops were made anew, or lost somebody, since the
server was started, none of its faces is shown until it is started again: a row could be another person's by now.
"""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from painlens.consent import WITHDRAWN, refused
from painlens.study import StudyError
from painlens.web.index import Index
from painlens.web.people import stamp
from painlens.workflow.run_folder import RunFolder

if TYPE_CHECKING:
    import sqlite3


Connect = Callable[[], AbstractContextManager["sqlite3.Connection"]]


class ConsentGate:
    """Asked before any face leaves the server."""

    def __init__(self, folder: RunFolder, faces: Index, connect: Connect) -> None:
        self._folder, self._faces, self._connect = folder, faces, connect
        self._lock = threading.Lock()
        self._state: tuple[int, ...] | None = None
        self._shown: NDArray[np.bool_] = np.zeros(len(faces), bool)
        self._crops = {name: folder.folder("faces", name) / "faces.h5" for name in dict.fromkeys(faces.database)}
        self._begun = {name: _time_of(path) for name, path in self._crops.items()}
        self._rows: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(faces.database, faces.participant, strict=True)):
            self._rows.setdefault(key, []).append(row)

    def shown(self) -> NDArray[np.bool_]:
        """Flag per test face; do not change it."""
        with self._lock:
            state = self._current_state()
            if state != self._state:
                self._shown = self._computed()
                self._state = state
            return self._shown

    def may_show(self, database: str, participant: str) -> bool:
        """Whether all faces of a participant may be shown; unknown people may not."""
        rows = self._rows.get((database, participant))
        return bool(rows) and bool(self.shown()[rows].all())

    def _current_state(self) -> tuple[int, ...]:
        """Numbers that change whenever an answer could."""
        state: list[int] = []
        for path in (self._folder.study_file, self._folder.root / WITHDRAWN):
            state += _time_of(path)
        state += [time for path in self._crops.values() for time in _time_of(path)]
        with self._connect() as connection:
            last = connection.execute("SELECT coalesce(max(withdrawal_id), 0) FROM withdrawal").fetchone()[0]
        return (*state, int(last))

    def _computed(self) -> NDArray[np.bool_]:
        shown = self._faces.consent.copy()
        try:
            study = self._folder.study()
        except StudyError:  # a study file that cannot be read allows nothing
            return np.zeros_like(shown)
        gone = self._withdrawn()
        if gone is None:
            return np.zeros_like(shown)
        for name, path in self._crops.items():
            # Cropped anew, or somebody was forgotten: rows have other numbers. What is gone cannot be shown anyway.
            if path.exists() and _time_of(path) != self._begun[name]:
                shown[self._faces.database == name] = False
        settings = {name: database.consent for name, database in study.databases.items()}
        for (database, participant), rows in self._rows.items():
            if refused(database, participant, "display", settings, gone):
                shown[rows] = False
        return shown

    def _withdrawn(self) -> set[tuple[str, str]] | None:
        """Everybody who withdrew; None if the list cannot be read: nothing is shown then."""
        with self._connect() as connection:
            gone = {(str(d), str(p)) for d, p in connection.execute("SELECT database, participant FROM withdrawal")}
        try:
            listed = json.loads((self._folder.root / WITHDRAWN).read_text(encoding="utf-8"))
            return gone | {(str(database), str(participant)) for database, participant in listed}
        except FileNotFoundError:
            return gone
        except (OSError, ValueError, TypeError):
            return None


def _time_of(path: Path) -> tuple[int, int]:
    """Numbers that change when a file is written again."""
    try:
        about = path.stat()
    except OSError:
        return 0, -1
    return about.st_mtime_ns, about.st_size


def withdraw(connection: "sqlite3.Connection", database: str, participant: str, *, by: str, now: float) -> bool:
    """Record that a participant's face must not be shown any more; whether that is new."""
    return bool(
        connection.execute(
            "INSERT INTO withdrawal (ts_utc, database, participant, recorded_by) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (database, participant) DO NOTHING",
            (stamp(now), database, participant, by),
        ).rowcount
    )
