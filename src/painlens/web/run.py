"""One run as the server sees it: its study, its test faces, who may be shown, crops and maps."""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from painlens.annotations import store
from painlens.study import Study, StudyError
from painlens.web.consent import ConsentGate
from painlens.web.index import Index, RunError
from painlens.web.index_file import index_of
from painlens.web.kept import Kept
from painlens.web.throttle import Throttle
from painlens.workflow.run_folder import RunFolder

CACHED_BYTES = 16 * 2**20  # of pictures


class Run:
    """A run folder, opened for showing.

    Attributes
    ----------
    root, folder
        Where it lies, and where things lie in it.
    study
        The resolved study.
    faces
        `Index` of the test faces.
    consent
        Whose face may be shown, asked anew for every request.
    """

    def __init__(self, folder: RunFolder, study: Study, faces: Index) -> None:
        self.root, self.folder, self.study, self.faces = folder.root, folder, study, faces
        self.throttle = Throttle()
        self.pictures = Kept(CACHED_BYTES, len)
        self.scales, self.means = Kept(64), Kept(32)
        with self.connect() as connection:
            self._key = _opaque_key(connection)
        self.consent = ConsentGate(folder, faces, self.connect)
        self._opaque = [self.opaque(d, f) for d, f in zip(faces.database, faces.frame_id, strict=True)]
        self._by_opaque = {name: row for row, name in enumerate(self._opaque)}
        self._by_key = {key: row for row, key in enumerate(zip(faces.database, faces.frame_id, strict=True))}

    @classmethod
    def open(cls, root: Path, *, separate_process: bool) -> "Run":
        """Open a run folder.

        Raises
        ------
        RunError
            It is no run, or has no test faces yet.
        """
        folder = RunFolder(root.resolve())
        try:
            study = folder.study()
        except StudyError as error:
            raise RunError(f"{root} is no run that can be shown: {error}") from None
        return cls(folder, study, index_of(folder, separate_process=separate_process))

    # ---- the database of people, labels and hypotheses ------------------------------------------------------
    @property
    def database_file(self) -> Path:
        """Labels, people, hypotheses."""
        return self.root / store.FILE

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection of one request; it is closed at the end of the block."""
        with closing(store.connect(self.database_file)) as connection:
            yield connection

    # ---- faces ----------------------------------------------------------------------------------------------
    def may_show(self, database: str, participant: str) -> bool:
        """Whether this participant's face may be shown in the lab, at this very moment."""
        return self.consent.may_show(database, participant)

    def opaque(self, database: str, frame_id: str) -> str:
        """Id of a face that says nothing about it and that nobody can guess."""
        digest = hmac.new(self._key, f"{database}\0{frame_id}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:15]).decode("ascii")

    def find(self, opaque: str) -> int | None:
        """Row of a face by its opaque id, None for an unknown one."""
        return self._by_opaque.get(opaque)

    def opaque_of(self, row: int) -> str:
        """Opaque id of a row."""
        return self._opaque[row]

    def row_of(self, database: str, frame_id: str) -> int | None:
        """Row of a face by its names, None for an unknown one."""
        return self._by_key.get((database, frame_id))

    def crop(self, database: str, frame_id: str) -> NDArray[np.uint8]:
        """The face, uint8 RGB (height, width, 3). It does not ask for consent: `may_show` does.

        Raises
        ------
        KeyError
            No such test face.
        RunError
            The store of crops is missing or broken.
        """
        row = self._by_key[(database, frame_id)]
        return self._face_array(row, "faces")

    def regions(self, row: int) -> NDArray[np.uint8]:
        """Facial region of every pixel of a face, uint8 (height, width)."""
        return self._face_array(row, "regions")

    def _face_array(self, row: int, name: str) -> NDArray[np.uint8]:
        # `painlens.faces` reads the same file, but brings pandas and OpenCV with it.
        path = self.folder.folder("faces", str(self.faces.database[row])) / "faces.h5"
        try:
            with h5py.File(path, "r") as file:
                return np.asarray(file[name][int(self.faces.row[row])])  # type: ignore[index]
        except (OSError, KeyError, IndexError, ValueError) as error:
            raise RunError(f"the crops in {path} cannot be read: {error}; crop the faces again") from None

    # ---- relevance ------------------------------------------------------------------------------------------
    def maps(self, row: int, model: int, seeds: tuple[int, ...]) -> NDArray[np.float32] | None:
        """Raw relevance of one face, float32 (seed, height, width); None where a seed's is not computed."""
        found = []
        for seed in seeds:
            place = int(self.faces.map_row[model, seed, row])
            path = self.relevance_file(model, seed)
            if place < 0 or not path.exists():
                return None
            try:
                with h5py.File(path, "r") as file:
                    found.append(np.asarray(file["attribution"][place, 0]))  # type: ignore[index]
            except (OSError, KeyError, IndexError, ValueError):
                return None  # shown as not computed
        return np.stack(found) if found else None

    def relevance_file(self, model: int, seed: int) -> Path:
        """relevance.h5 of one network."""
        return self.folder.folder("attribute", self.faces.models[model]) / self.faces.seeds[seed] / "relevance.h5"


def _opaque_key(connection: sqlite3.Connection) -> bytes:
    """The study's key for opaque ids, made at the first use."""
    connection.execute(
        "INSERT INTO secret VALUES ('opaque', ?) ON CONFLICT (name) DO NOTHING", (secrets.token_hex(32),)
    )
    return bytes.fromhex(connection.execute("SELECT value FROM secret WHERE name = 'opaque'").fetchone()[0])
