"""Test parts that others have published, by name, so that results can be compared with theirs.

``leave-one-out`` tests on one participant (fold 1 is the first in the order of the ids; an id can be given instead),
``owner`` takes the parts that the owner made (columns `part` of the reader), and every reader has its own lists
(`SPLITS`). People of a list who are not in the database, or of whom no face was found, are left out of it.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from painlens.databases import READERS
from painlens.study import Database, Split
from painlens.tables import DataError

LEAVE_ONE_OUT, OWNER = "leave-one-out", "owner"


def resolve_split(split: Split, database: Database, *, name: str, frames: pd.DataFrame, faces: pd.DataFrame) -> Split:
    """The split with participants in the place of a published name; unchanged where it names none.

    Parameters
    ----------
    split
        Its section of the study.
    database
        The database's section, for the lists of its reader.
    name
        Its name in the study, for messages.
    frames
        Table FRAMES, for the owner's parts.
    faces
        Table FACES: participants of whom a face was found.

    Raises
    ------
    DataError
        No such list or fold, a participant in two of the owner's parts, or nobody of the fold has a face.
    """
    if split.published is None:
        return split
    people = sorted(faces.loc[faces["found"].to_numpy(dtype=bool, na_value=False), "participant"].dropna().unique())
    if split.published == OWNER:
        parts = _owners_parts(frames, people, name)
        validation = parts["validation"] or split.validation
        return split.model_copy(update={"test": parts["test"], "validation": validation, "published": None})
    if split.published == LEAVE_ONE_OUT:
        chosen: Sequence[str] = [_one(people, split.fold, name)]
    else:
        chosen = _listed(READERS[database.reader].SPLITS, split, people, name)
    return split.model_copy(update={"test": tuple(chosen), "published": None})


def _one(people: Sequence[str], fold: int | str, name: str) -> str:
    """The participant of a fold of leave-one-out: by number from 1, or by id."""
    if str(fold) in people:
        return str(fold)
    if isinstance(fold, int) and 1 <= fold <= len(people):
        return people[fold - 1]
    raise DataError(
        f"database '{name}': split.fold must be 1 to {len(people)} or the id of a participant with a face, got '{fold}'"
    )


def _listed(
    lists: Mapping[str, tuple[tuple[str, ...], ...]], split: Split, people: Sequence[str], name: str
) -> list[str]:
    """Participants of a fold of a reader's list."""
    folds = lists.get(str(split.published))
    if folds is None:
        known = ", ".join([LEAVE_ONE_OUT, OWNER, *lists])
        raise DataError(f"database '{name}': no published split '{split.published}'; this reader has {known}")
    if not isinstance(split.fold, int) or not 1 <= split.fold <= len(folds):
        raise DataError(f"database '{name}': split.fold must be 1 to {len(folds)}, got '{split.fold}'")
    chosen = [who for who in people if who.startswith(folds[split.fold - 1])]
    if not chosen:
        raise DataError(
            f"database '{name}': nobody of fold {split.fold} of '{split.published}' is in the database with a face"
        )
    return chosen


def _owners_parts(frames: pd.DataFrame, people: Sequence[str], name: str) -> dict[str, tuple[str, ...]]:
    """The owner's test and validation participants; where there is no test part, validation is the test."""
    if "part" not in frames:
        raise DataError(f"database '{name}': the owner made no parts (column 'part'); choose another split.published")
    told = frames.loc[frames["part"].notna() & frames["participant"].isin(list(people)), ["participant", "part"]]
    several = told.groupby("participant")["part"].nunique()
    mixed = several.index[several.to_numpy() > 1]
    if len(mixed):
        raise DataError(
            f"database '{name}': {len(mixed)} participants are in several of the owner's parts, e.g. {mixed[0]}; "
            "list test participants in split.test instead"
        )
    by_part = {str(part): tuple(sorted(group.unique())) for part, group in told.groupby("part")["participant"]}
    test, validation = by_part.get("test", ()), by_part.get("validation", ())
    if not test:
        test, validation = validation, ()
    if not test:
        known = ", ".join(by_part) or "empty"
        raise DataError(f"database '{name}': the owner's parts are {known}; none of them is for tests")
    return {"test": test, "validation": validation}
