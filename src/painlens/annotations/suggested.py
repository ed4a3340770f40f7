"""Concept labels that no person gave: the guesses of the face networks, where the study says that it takes them."""

import pandas as pd

from painlens.tables import CONCEPTS, DataError, conform

SOURCE = "suggested by a network, not seen by a person"
_ANSWERS = {"yes": True, "no": False, "unsure": None}


def labels_from_suggestions(faces: pd.DataFrame, suggestions: pd.DataFrame, concept: str) -> pd.DataFrame:
    """CONCEPTS rows of test faces from their suggestions; 'unsure' stays unlabelled, and the source says what it is.

    Parameters
    ----------
    faces
        FACES rows of the test faces of all databases.
    suggestions
        SUGGESTIONS rows of the same databases.

    Raises
    ------
    DataError
        Nothing is suggested about this concept, or not about every face.
    """
    own = suggestions[suggestions["concept"] == concept].set_index(["database", "frame_id"])["suggestion"]
    if own.empty:
        known = ", ".join(sorted(set(suggestions["concept"]))) or "nothing: set faces.suggestions.make to true"
        raise DataError(f"concept '{concept}' takes suggestions for labels, but there are only some for {known}")
    key = pd.MultiIndex.from_frame(faces[["database", "frame_id"]].astype(str))
    answers = own.reindex(key)
    if answers.isna().any():
        database, frame_id = key[int(answers.isna().to_numpy().argmax())]
        raise DataError(f"no suggestion about face {frame_id} of '{database}'; run the step `faces` again")
    place = faces[["database", "frame_id", "participant", "label"]].reset_index(drop=True)
    value = pd.array([_ANSWERS[str(answer)] for answer in answers], dtype="boolean")
    return conform(place.assign(concept=concept, value=value, source=SOURCE), CONCEPTS)
