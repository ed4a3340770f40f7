"""Whose face may be shown: the study's list, never more than the owner allows."""

from typing import Literal

import pandas as pd

from painlens.tables import DataError


def consent_flags(
    participants: pd.Series,
    who: Literal["all", "none"] | tuple[str, ...],
    *,
    owner: pd.Series | None = None,
    where: str = "consent",
) -> pd.Series:
    """'true', 'false' or 'unknown' per frame; unknown counts as no.

    all -> true; a list -> true for these and false for everybody else; none -> unknown, or what the owner's own
    column says. A 'false' of the owner is never overruled.

    Parameters
    ----------
    participants
        Participant of each frame.
    who
        The study's setting.
    owner
        The owner's own column (true/false/unknown or 1/0), if the database has one.
    where
        Place in the study file, for the message.

    Raises
    ------
    DataError
        The list names somebody who is not in the database.
    """
    flags = pd.Series("unknown", index=participants.index, dtype="str")
    stated = _owner_flags(owner, participants.index)
    if who == "all":
        flags[:] = "true"
    elif who == "none":
        flags = stated
    else:
        unknown = sorted(set(who) - set(participants.dropna()))
        if unknown:
            raise DataError(f"{where} names {', '.join(unknown)}, not in the database; {_examples(participants)}")
        flags = participants.isin(who).map({True: "true", False: "false"})
    return flags.mask(stated == "false", "false")


def _owner_flags(owner: pd.Series | None, index: pd.Index) -> pd.Series:
    if owner is None:
        return pd.Series("unknown", index=index, dtype="str")
    words = owner.astype("string").str.strip().str.lower()
    known = {"true": "true", "yes": "true", "1": "true", "1.0": "true"}
    known |= {"false": "false", "no": "false", "0": "false", "0.0": "false"}
    return words.map(known).fillna("unknown").astype("str")


def _examples(participants: pd.Series) -> str:
    return "participants are " + ", ".join(participants.dropna().unique()[:5]) + " ..."
