"""Which participants train, validate and test a network, and the complementary halves of those who train.

A person is in one part only: frames of one person are so alike that a network would recognise the person instead of
the expression (mixed splits of UNBC-McMaster reach 95 % where new people give chance).
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from painlens.study import Split
from painlens.tables import SPLIT, DataError, conform

PARTS = ("train", "validation", "test")
# Draws of a half split before accepting that some class cannot be on both sides.
_ATTEMPTS = 200


def split_participants(faces: pd.DataFrame, split: Split, *, database: str) -> pd.DataFrame:
    """The part of every participant who has a face (table SPLIT).

    Numbers are drawn with the seed of the split, from participants in the order of their ids, after the listed ones
    have been set aside: test first, then validation. The order of the rows of `faces` does not matter.

    Parameters
    ----------
    faces
        Table FACES of one database.
    split
        Participants of the parts: ids, or how many.
    database
        Its name, for the table and for messages.

    Raises
    ------
    DataError
        A listed participant is unknown, has no face or is listed twice; too few participants are left for training;
        or no training participant shows some class.
    """
    found = _found(faces)
    counts = found.groupby("participant").size()
    _check_lists(faces, set(counts.index), split, database)
    part: dict[str, str] = dict.fromkeys(map(str, counts.index), "test") if split.test == "all" else {}
    drawn = () if split.test == "all" else (("test", split.test), ("validation", split.validation))
    for name, wanted in drawn:
        if not isinstance(wanted, int):
            part |= dict.fromkeys(wanted, name)
    rng = np.random.default_rng(split.seed)
    for name, wanted in drawn:
        if isinstance(wanted, int):
            free = sorted(set(counts.index) - set(part))
            if not 0 <= wanted < len(free):
                raise DataError(
                    f"database '{database}': {wanted} {name} participants are wanted, {len(free)} are free "
                    f"({len(counts)} have faces) and at least one must be left for training"
                )
            part |= {free[i]: name for i in rng.permutation(len(free))[:wanted]}
    table = pd.DataFrame(
        {
            "database": database,
            "participant": counts.index,
            "part": [part.get(str(who), "train") for who in counts.index],
            "faces": counts.to_numpy(),
        }
    )
    if split.test != "all":
        _check_training(table, found, database)
    table = conform(table, SPLIT)
    assert_participant_disjoint(table)
    assert_covers(table, faces)
    return table


def rotate_participants(faces: pd.DataFrame, split: Split, *, folds: int, database: str) -> pd.DataFrame:
    """Everybody tests once (cross-fitting): table SPLIT with a column fold=1 ... fold=K.

    The column fold=k says what a participant is to the networks of fold k: test, validation or train. Participants who
    show the same classes are dealt to the folds in turn, in a random order; the people who validate for a fold are the
    next ones in that order. Sizes of the folds differ by at most one.

    Parameters
    ----------
    faces, database
        As in `split_participants`.
    split
        Its numbers of validation participants and its seed; the number of test participants has no say.
    folds
        K.

    Raises
    ------
    DataError
        There are fewer participants with a face than folds, or the networks of a fold would lack training participants
        or a class.
    """
    found = _found(faces)
    counts = found.groupby("participant").size()
    people, validation = sorted(map(str, counts.index)), split.validation
    assert isinstance(validation, int)  # the study refuses lists
    if folds > len(people):
        raise DataError(
            f"database '{database}': {folds} folds of participants are wanted (replication.cross_fitting), but only "
            f"{len(people)} have a face; leave-one-participant-out takes {len(people)}"
        )
    shown = {str(who): frozenset(labels) for who, labels in found.groupby("participant")["label"]}
    order = np.random.default_rng(split.seed).permutation(people).tolist()
    order.sort(key=lambda who: sorted(shown[who]))  # stable: the drawn order remains within a kind
    table = pd.DataFrame({"database": database, "participant": people, "part": "test", "faces": counts[people].array})
    for fold in range(folds):
        tested = order[fold::folds]
        following = [who for step in range(1, folds) for who in order[(fold + step) % folds :: folds]]
        part = dict.fromkeys(tested, "test") | dict.fromkeys(following[:validation], "validation")
        own = pd.array([part.get(who, "train") for who in people], dtype="string")
        table[f"fold={fold + 1}"] = own
        _check_training(table.assign(part=own), found, f"{database}', fold '{fold + 1}")
    table = conform(table, SPLIT)
    assert_rotation(table)
    assert_covers(table, faces)
    return table


def folds_of(split: pd.DataFrame) -> dict[str, int]:
    """Participant -> the fold whose networks answer; empty without cross-fitting."""
    names = [name for name in map(str, split.columns) if name.startswith("fold=")]
    people = split["participant"].astype(str)
    return {who: int(n.removeprefix("fold=")) for n in names for who in people[(split[n] == "test").to_numpy()]}


def sizes_of(split: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Part -> its participants and faces per network; with cross-fitting the mean over folds, and all who test."""
    names = [name for name in map(str, split.columns) if name.startswith("fold=") and split[name].notna().any()]
    found = {}
    for part in PARTS:
        columns = names if names and part != "test" else ["part"]
        inside = [(split[name] == part).to_numpy(dtype=bool, na_value=False) for name in columns]
        numbers = (np.ones(len(split)), split["faces"].to_numpy(dtype=float))
        people, faces = (round(float(np.mean([values[own].sum() for own in inside]))) for values in numbers)
        found[part] = people, faces
    return found


def assert_rotation(split: pd.DataFrame) -> None:
    """Raise a `DataError` unless every participant is tested in exactly one fold and has one part in each."""
    names = [name for name in map(str, split.columns) if name.startswith("fold=")]
    times = (split[names] == "test").sum(axis=1)
    wrong = split.loc[(times != 1).to_numpy(), "participant"]
    if len(wrong):
        raise DataError(f"participants must be tested in exactly one fold; others: {_some(wrong)}")
    for name in names:
        assert_participant_disjoint(split.assign(part=split[name]))


def complementary_halves(
    faces: pd.DataFrame, *, splits: int, seed: int, training: Iterable[Iterable[str]] = ()
) -> pd.DataFrame:
    """Random splits of participants into two halves: `participant` and a column half=0, half=1 ... of 'a' and 'b'.

    Sizes differ by at most one. Participants who show the same classes are dealt to both sides alternately, so that
    each half shows every class where that is possible. A join on `participant` adds the columns to table SPLIT.

    Parameters
    ----------
    faces
        Rows of FACES of the training participants (`select(faces, split, part="train", replicate="seed=0")`).
    splits
        Number of splits.
    seed
        Seed of the draws; the order of the rows does not matter.
    training
        With cross-fitting the training participants of each fold, so that each half of these shows every class too.

    Raises
    ------
    DataError
        There are fewer than two participants.
    """
    found = _found(faces)
    shown = {str(who): frozenset(labels) for who, labels in found.groupby("participant")["label"]}
    if splits and len(shown) < 2:
        raise DataError(f"halves need at least two training participants with faces, got {len(shown)}")
    rng = np.random.default_rng(seed)
    groups = [frozenset(people) for people in training] or [frozenset(shown)]
    halves = {f"half={number}": _halve(shown, rng, groups) for number in range(splits)}
    table = pd.DataFrame({"participant": sorted(shown)}).astype("string")
    for name, sides in halves.items():
        table[name] = pd.array([sides[str(who)] for who in table["participant"]], dtype="string")
    return table


def select(faces: pd.DataFrame, split: pd.DataFrame, part: str, replicate: str = "seed=0") -> pd.DataFrame:
    """Found faces of a part in their order; of the training part only the replicate's half.

    Parameters
    ----------
    faces
        Table FACES.
    split
        Table SPLIT with the columns half=0 ... of its half splits.
    part
        train, validation or test.
    replicate
        seed=0 ... (all training participants) or half=0a ... (one half of them); with cross-fitting seed=0-fold=1 ...,
        half=0a-fold=1 ...: the parts are then those of the fold. Of the test part without a fold: everybody.

    Raises
    ------
    DataError
        The part or the half split does not exist.
    """
    if part not in PARTS:
        raise DataError(f"part must be one of {', '.join(PARTS)}, got '{part}'")
    replicate, _, fold = replicate.partition("-fold=")
    column = f"fold={fold}" if fold else "part"
    if column not in split:
        raise DataError(f"the split table has no fold {fold}; run the step 'split' again")
    chosen = split[column] == part
    if part == "train" and replicate.startswith("half="):
        name, side = replicate[:-1], replicate[-1]
        if name not in split or side not in "ab":
            known = ", ".join(str(column) for column in split if str(column).startswith("half=")) or "none"
            raise DataError(f"replicate '{replicate}' is not in the split table; its half splits are {known}")
        chosen &= split[name] == side
    wanted = split.loc[chosen.to_numpy(dtype=bool, na_value=False), "participant"]
    found = _found(faces)
    return found.loc[found["participant"].isin(wanted).to_numpy(dtype=bool)].reset_index(drop=True)


def assert_participant_disjoint(table: pd.DataFrame) -> None:
    """Raise a `DataError` if a participant is in two parts (columns `participant` and `part`)."""
    parts = table.groupby("participant")["part"].nunique(dropna=False)
    mixed = parts.index[parts.to_numpy() > 1]
    if len(mixed):
        raise DataError(f"participants must be in one part of a split only; in several: {_some(mixed)}")


def assert_covers(split: pd.DataFrame, faces: pd.DataFrame) -> None:
    """Raise a `DataError` unless exactly the participants with faces have a part, and all faces are counted."""
    counts = _found(faces).groupby("participant").size()
    told = split.set_index("participant")["faces"]
    different = set(counts.index) ^ set(told.index)
    if different:
        raise DataError(
            f"the split must hold every participant with a face and nobody else; differing: {_some(different)}"
        )
    wrong = [who for who in counts.index if counts[who] != told[who]]
    if wrong:
        raise DataError(f"the split counts other numbers of faces than the table of faces for {_some(wrong)}")


def assert_classes_in_halves(training: pd.DataFrame, halves: pd.DataFrame, *, database: str) -> None:
    """Raise a `DataError` where a half of the training participants lacks a class: no network could learn it.

    Parameters
    ----------
    training
        FACES rows of the training participants.
    halves
        Their halves, as `complementary_halves` draws them.
    """
    classes = set(training["label"])
    for name in halves.columns.drop("participant"):
        sides = training["participant"].map(halves.set_index("participant")[name])
        for side in ("a", "b"):
            missing = sorted(classes - set(training.loc[(sides == side).to_numpy(dtype=bool), "label"]))
            if missing:
                raise DataError(
                    f"database '{database}': {name}{side} has no face of the class {', '.join(missing)}; too few "
                    "training participants show it. Join rare classes with 'label', move people from the test part, "
                    "or set replication.half_splits to 0 (then no claim about databases is made)"
                )


def _found(faces: pd.DataFrame) -> pd.DataFrame:
    """Rows with a face."""
    return faces.loc[faces["found"].to_numpy(dtype=bool, na_value=False)]


def _check_lists(faces: pd.DataFrame, present: set[str], split: Split, database: str) -> None:
    """Listed participants exist, have faces, and are listed once."""
    listed = [
        (name, who)
        for name, wanted in (("test", split.test), ("validation", split.validation))
        if not isinstance(wanted, int | str)
        for who in wanted
    ]
    for name, who in listed:
        if who in present:
            continue
        if who in set(faces["participant"]):
            raise DataError(f"database '{database}': no face was found of participant '{who}' in split.{name}")
        raise DataError(
            f"database '{database}': split.{name} names '{who}', not in the database; participants are {_some(present)}"
        )
    people = [who for _, who in listed]
    doubled = {who for who in people if people.count(who) > 1}
    if doubled:
        raise DataError(f"database '{database}': listed twice in the split: {_some(doubled)}")


def _check_training(table: pd.DataFrame, found: pd.DataFrame, database: str) -> None:
    """Somebody trains, and every class is among the training faces."""
    people = set(table.loc[table["part"] == "train", "participant"])
    if not people:
        raise DataError(
            f"database '{database}': no participant is left for training; list or draw fewer of {len(table)}"
        )
    training = set(found.loc[found["participant"].isin(people), "label"])
    missing = sorted(set(found["label"]) - training)
    if missing:
        raise DataError(
            f"database '{database}': no training participant shows the class {', '.join(missing)}; "
            "choose other test and validation participants or another split.seed"
        )


def _halve(
    shown: dict[str, frozenset[str]], rng: np.random.Generator, groups: Iterable[frozenset[str]]
) -> dict[str, str]:
    """One split: participants are shuffled, ordered by the classes that they show, and dealt alternately."""
    kinds = sorted(set(shown.values()), key=sorted)
    classes = frozenset().union(*kinds)
    sides: dict[str, str] = {}
    for _ in range(_ATTEMPTS):
        dealt = rng.permutation(sorted(shown)).tolist()
        dealt.sort(key=lambda who: kinds.index(shown[who]))  # stable: the shuffled order remains within a kind
        pair = "ab" if rng.random() < 0.5 else "ba"
        sides = {who: pair[place % 2] for place, who in enumerate(dealt)}
        seen = [
            frozenset().union(*(shown[who] for who in dealt if sides[who] == side and who in group))
            for group in groups
            for side in "ab"
        ]
        if all(one == classes for one in seen):
            break
    return sides


def _some(people: Iterable[str], most: int = 6) -> str:
    names = sorted(map(str, people))
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")
