"""The one gate that every writer of pixels asks: whose face may be shown, to whom.

A face is shown only where its flag says 'true'. Flags are per participant and per purpose: `display` (to the lab) and
`publish` (outside it). They come from the study file, never more than the owner's own column allows, and they are
unknown by default; unknown counts as no. A withdrawal that people recorded later overrules them all.

Gallery, report, figures, strips and exports ask a `Gate` and say how many faces it withheld.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from painlens.study import Consent
from painlens.tables import DataError, load_json, save_json

if TYPE_CHECKING:  # a small server and a step with nothing to do ask `refused` alone, and cannot afford pandas
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Purpose = Literal["display", "publish"]
Listed = Literal["all", "none"] | tuple[str, ...]
Item = TypeVar("Item")
PURPOSES: tuple[Purpose, ...] = ("display", "publish")
TRUE = "true"
WITHDRAWN = "withdrawn.json"
"""File of a run: who withdrew, [[database, participant], ...]."""

_PEOPLES_ANSWERS = "annotations.sqlite"


@dataclass(frozen=True)
class Selected(Generic[Item]):
    """Items that may be shown, in their order, and how many may not."""

    items: tuple[Item, ...]
    withheld: int


@dataclass(frozen=True)
class Gate:
    """Answers for the faces of one table; a face that the table does not know may not be shown.

    Examples
    --------
    >>> import pandas as pd
    >>> faces = pd.DataFrame({"database": ["a", "a"], "frame_id": ["1", "2"], "participant": ["p", "q"],
    ...                       "consent_publish": ["true", "unknown"]})
    >>> gate = gate_of(faces, "publish")
    >>> gate.allows("a", "1"), gate.allows("a", "2"), gate.allows("b", "1")
    (True, False, False)
    """

    purpose: Purpose
    allowed: frozenset[tuple[str, str]] = field(repr=False)
    """(database, frame_id) of every face that may be shown."""

    def allows(self, database: str, frame_id: str) -> bool:
        """Whether one face may be shown."""
        return (database, frame_id) in self.allowed

    def select(self, items: Sequence[Item], key: Callable[[Item], tuple[str, str]]) -> Selected[Item]:
        """The items whose `key` (database, frame_id) may be shown, and the count of the others."""
        shown = tuple(item for item in items if key(item) in self.allowed)
        return Selected(shown, len(items) - len(shown))


def gate_of(
    faces: "pd.DataFrame",
    purpose: Purpose,
    *,
    settings: Mapping[str, Consent] | None = None,
    withdrawn: Collection[tuple[str, str]] = (),
    nobody: bool = False,
) -> Gate:
    """The gate for the faces of a table.

    Parameters
    ----------
    faces
        Columns database, frame_id, participant and `consent_<purpose>`.
    purpose
        display (to the lab) or publish (outside it).
    settings, withdrawn
        As in `permitted`.
    nobody
        Shut for everybody: a study that is to be reported without a single face.
    """
    may = permitted(faces, purpose, settings=settings, withdrawn=withdrawn) & (not nobody)
    open_to = faces.loc[may, ["database", "frame_id"]].astype(str)
    return Gate(purpose, frozenset(open_to.itertuples(index=False, name=None)))


def permitted(
    faces: "pd.DataFrame",
    purpose: Purpose,
    *,
    settings: Mapping[str, Consent] | None = None,
    withdrawn: Collection[tuple[str, str]] = (),
) -> "NDArray[np.bool_]":
    """Per row whether the face may be shown: the flag says 'true', and nobody said no since.

    Parameters
    ----------
    faces
        Columns database, participant and `consent_<purpose>` ('true', 'false' or 'unknown').
    settings
        The study's present lists by database: a participant who was taken off a list is withheld at once, before the
        tables are made again. A database without settings is withheld. None: only the flags count.
    withdrawn
        (database, participant) of people who withdrew.

    Raises
    ------
    DataError
        The purpose is unknown.
    """
    import numpy as np

    if purpose not in PURPOSES:
        raise DataError(f"consent must be {' or '.join(PURPOSES)}, got '{purpose}'")
    may = (faces[f"consent_{purpose}"].astype("string").fillna("unknown") == TRUE).to_numpy(dtype=bool)
    people = list(zip(faces["database"].astype(str), faces["participant"].astype(str), strict=True))
    closed = {person for person in set(people) if refused(*person, purpose, settings, withdrawn)}
    return may & np.array([person not in closed for person in people], dtype=bool)


def refused(
    database: str,
    participant: str,
    purpose: Purpose,
    settings: Mapping[str, Consent] | None,
    withdrawn: Collection[tuple[str, str]],
) -> bool:
    """Whether a person may not be shown whatever the tables say: withdrawn, or off the study's present list.

    Parameters are those of `permitted`. Needs no tables, so that a server can ask before every picture.
    """
    if (database, participant) in withdrawn:
        return True
    if settings is None:
        return False
    if database not in settings:
        return True
    listed: Listed = getattr(settings[database], purpose)
    return isinstance(listed, tuple) and participant not in listed  # 'none' leaves the word to the owner's column


def consent_flags(
    participants: "pd.Series",
    who: Listed,
    *,
    owner: "pd.Series | None" = None,
    where: str = "consent",
) -> "pd.Series":
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
    import pandas as pd

    flags = pd.Series("unknown", index=participants.index, dtype="str")
    stated = _owner_flags(owner, participants.index)
    if who == "all":
        flags[:] = TRUE
    elif who == "none":
        flags = stated
    else:
        unknown = sorted(set(who) - set(participants.dropna()))
        if unknown:
            raise DataError(f"{where} names {', '.join(unknown)}, not in the database; {_examples(participants)}")
        flags = participants.isin(who).map({True: TRUE, False: "false"})
    return flags.mask(stated == "false", "false")


def summary(faces: "pd.DataFrame", database: str = "") -> "pd.DataFrame":
    """One row per database and purpose: participants and faces with 'true', 'false' and 'unknown'.

    Parameters
    ----------
    faces
        Columns database, participant, consent_display, consent_publish.
    database
        Only this one; '': all.
    """
    import pandas as pd

    rows = []
    for name, own in faces.groupby("database", sort=False):
        if database and name != database:
            continue
        for purpose in PURPOSES:
            flags = own[f"consent_{purpose}"].astype("string").fillna("unknown")
            # A person whose faces carry different flags counts under the most cautious of them.
            caution = flags.map({TRUE: 0, "unknown": 1, "false": 2}).fillna(1).groupby(own["participant"]).max()
            row: dict[str, object] = {"database": str(name), "purpose": purpose}
            for rank, word in enumerate((TRUE, "unknown", "false")):
                row[f"participants {word}"] = int((caution == rank).sum())
                row[f"faces {word}"] = int((flags == word).sum())
            rows.append(row)
    return pd.DataFrame(rows)


def withdrawn_people(run: Path) -> frozenset[tuple[str, str]]:
    """(database, participant) of everybody who withdrew in a run: of its list, and of the annotators' database."""
    listed = {(str(d), str(p)) for d, p in load_json(run / WITHDRAWN)} if (run / WITHDRAWN).exists() else set()
    return frozenset(listed | _recorded(run / _PEOPLES_ANSWERS))


def settle_withdrawals(run: Path) -> None:
    """Bring a run's list of withdrawals up to date, so that the steps which show faces run again."""
    everybody = sorted(map(list, withdrawn_people(run)))
    if everybody and (not (run / WITHDRAWN).exists() or load_json(run / WITHDRAWN) != everybody):
        save_json(everybody, run / WITHDRAWN)


def without_paths(texts: Iterable[str]) -> list[str]:
    """Texts in which names of files and folders are replaced by an ellipsis: they may name a person.

    >>> without_paths(["image cannot be decoded: 042-ll042/a b/x001.png: truncated", "2 x 3 / 4 listed", "no face"])
    ['image cannot be decoded: …: truncated', '2 x 3 / 4 listed', 'no face']
    """
    return [_PATH.sub(lambda found: found[0] if found[0] in _TABLES else "…", text) for text in texts]


# Tables that owners ship under these names: nobody is named by them.
_TABLES = ("samples.csv", "training.csv", "validation.csv", "manifest.csv", "fer2013.csv")
# Words with a slash or back-slash inside, and what ends like a file; blanks inside count where an ending follows.
_ENDING = r"\.(?:png|jpe?g|bmp|tiff?|webp|mp4|avi|mov|mkv|m4v|mpe?g|wmv|webm|txt|csv|tsv|parquet|jsonl?|mat)\b"
_PATH = re.compile(
    rf"(?:[^\s:;,'\"]+[/\\])+(?:[^:;,'\"\n]*?{_ENDING}|[^\s:;,'\"]+)|[^\s:;,'\"]+{_ENDING}", re.IGNORECASE
)


def _recorded(database: Path) -> set[tuple[str, str]]:
    """Withdrawals that people recorded while annotating; none where there is no such database."""
    if not database.is_file():
        return set()
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            rows = connection.execute("SELECT database, participant FROM withdrawal").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return set()
        raise DataError(f"{database.name} cannot be asked who withdrew: {error}; nothing is shown") from None
    return {(str(name), str(participant)) for name, participant in rows}


def _owner_flags(owner: "pd.Series | None", index: "pd.Index") -> "pd.Series":
    import pandas as pd

    if owner is None:
        return pd.Series("unknown", index=index, dtype="str")
    words = owner.astype("string").str.strip().str.lower()
    known = {TRUE: TRUE, "yes": TRUE, "1": TRUE, "1.0": TRUE}
    known |= {"false": "false", "no": "false", "0": "false", "0.0": "false"}
    return words.map(known).fillna("unknown").astype("str")


def _examples(participants: "pd.Series") -> str:
    return "participants are " + ", ".join(participants.dropna().unique()[:5]) + " ..."
