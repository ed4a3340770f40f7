"""Who is on a picture of which the layout does not say so: a pattern of the user's, or every file a person."""

import re

import pandas as pd

from painlens.study import Layout
from painlens.tables import DataError

EACH_FILE = "each-file"


def participants_of(paths: pd.Series, layout: Layout, *, what: str) -> pd.Series:
    """The participant of each path; missing where the pattern finds none.

    Parameters
    ----------
    paths
        Places of files relative to the root.
    layout
        Its `participant`: a regular expression, ``each-file``, or nothing.
    what
        The layout, for the message.

    Raises
    ------
    DataError
        Nothing says who is on the pictures, or the pattern is no regular expression with a group.
    """
    pattern = layout.participant
    if pattern is None:
        raise DataError(
            f"{what} does not say who is on a picture, so people could be in two parts of a split; give "
            "layout: {participant: '<regular expression with the person in its first group>'} for the path, "
            "or layout: {participant: each-file} if no person is shown twice"
        )
    if pattern == EACH_FILE:
        return paths.astype("string")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"layout.participant '{pattern}' is no regular expression: {error}") from None
    if compiled.groups < 1:
        raise DataError(f"layout.participant '{pattern}' must have a group in parentheses that is the person")
    matches = (compiled.search(str(path)) for path in paths)
    found = [match[1] if match else None for match in matches]
    return pd.Series(found, index=paths.index, dtype="string")


def without_people(people: pd.Series, layout: Layout) -> pd.Series:
    """Why a row has no participant; '' where it has one."""
    told = f"no participant in the path (pattern {layout.participant})"
    return pd.Series(told, index=people.index, dtype="str").where(people.isna() | (people == ""), "")
