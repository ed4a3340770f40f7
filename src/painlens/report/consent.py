"""Whose face a report may show: only where the flag says 'true', and the count of those it withholds."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from painlens.report.inputs import Example

TRUE = "true"


@dataclass(frozen=True)
class Shown:
    """Faces that may be shown, and how many of them may not."""

    examples: tuple[Example, ...]
    withheld: int


def publishable(examples: Sequence[Example], faces: pd.DataFrame) -> Shown:
    """The examples whose own flag *and* whose row in the table of faces allow publication.

    A face that the table does not know counts as withheld: consent is asked for, never assumed.
    """
    flags = {
        (str(database), str(frame)): str(flag)
        for database, frame, flag in zip(faces["database"], faces["frame_id"], faces["consent_publish"], strict=True)
    }
    allowed = tuple(
        example
        for example in examples
        if example.consent_publish == TRUE and flags.get((example.database, example.frame_id)) == TRUE
    )
    return Shown(allowed, len(examples) - len(allowed))
