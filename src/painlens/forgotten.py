"""Who must never come back into a run: participants and databases that were forgotten there.

A run keeps one small file per database (`forgotten/<database>.json`). It holds no names but salted digests: enough to
leave a person out when the owner's folder is read again, not enough to read off who it was. (Whoever has the folder
can still try its participants one by one: the digests are pseudonyms, not anonymous.)
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from painlens.tables import DataError, load_json, save_json

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "forgotten"
_ROUNDS = 20_000
_REPLACED = "a forgotten frame"


@dataclass(frozen=True)
class Forgotten:
    """What a run must not read again of one database."""

    salt: str
    digests: tuple[str, ...]
    whole: bool
    """The whole database."""

    def holds(self, participant: str) -> bool:
        """Whether a participant is among them."""
        return self.whole or _digest(self.salt, participant) in self.digests


def forgotten_file(run: Path, database: str) -> Path:
    """Place of the file of a database; it exists once somebody was forgotten."""
    return run / FOLDER / f"{database}.json"


def load_forgotten(run: Path, database: str) -> Forgotten | None:
    """Who was forgotten of a database, or None."""
    file = forgotten_file(run, database)
    if not file.exists():
        return None
    raw = load_json(file)
    try:
        return Forgotten(str(raw["salt"]), tuple(raw["participants"]), bool(raw["whole"]))
    except (KeyError, TypeError):
        raise DataError(f"{file} is not the list of forgotten participants; restore it, do not delete it") from None


def remember_to_forget(run: Path, database: str, *, participants: Iterable[str] = (), whole: bool = False) -> None:
    """Add participants, or the whole database, to what a run must not read again."""
    known = load_forgotten(run, database) or Forgotten(secrets.token_hex(16), (), whole=False)
    new = {_digest(known.salt, name) for name in participants}
    record = {
        "salt": known.salt,
        "participants": sorted({*known.digests, *new}),
        "whole": known.whole or whole,
    }
    save_json(record, forgotten_file(run, database))


def without_forgotten(frames: "pd.DataFrame", run: Path, database: str) -> "pd.DataFrame":
    """The rows of FRAMES without forgotten participants, and without their frames' names in other rows' reasons.

    Raises
    ------
    DataError
        The whole database was forgotten in this run.
    """
    known = load_forgotten(run, database)
    if known is None:
        return frames
    if known.whole:
        raise DataError(
            f"database '{database}' was forgotten in this run; take it out of the study, or start a new run folder"
        )
    people = frames["participant"].astype("string").fillna("")
    gone = people.map({name: known.holds(str(name)) for name in people.unique()}).astype(bool)
    rest = frames[~gone].reset_index(drop=True)
    names = sorted(frames.loc[gone, "frame_id"].astype(str), key=len, reverse=True)
    named = rest["reason"] != ""
    if names and named.any():
        rest.loc[named, "reason"] = [_unnamed(str(reason), names) for reason in rest.loc[named, "reason"]]
    return rest


def _unnamed(reason: str, names: Iterable[str]) -> str:
    for name in names:
        if name in reason:
            return reason.replace(name, _REPLACED)
    return reason


def _digest(salt: str, participant: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", participant.encode(), bytes.fromhex(salt), _ROUNDS).hex()
