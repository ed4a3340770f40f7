"""Action units of the Facial Action Coding System as they are used here, and expressions made of them."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

# Columns of every array of action units; intensities 0 (absent) to 5 (maximum), AU43 only 0 or 5.
ACTION_UNITS: Final = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
COLUMN: Final = {unit: column for column, unit in enumerate(ACTION_UNITS)}
EYES_CLOSED, TEETH_VISIBLE, SMILE = "eyes-closed", "teeth-visible", "smile"
CONCEPTS: Final = (EYES_CLOSED, TEETH_VISIBLE, SMILE)
# Action units that show a concept, with the lowest and highest intensity that is drawn.
CONCEPT_ACTIONS: Final = {
    EYES_CLOSED: {43: (5.0, 5.0)},
    TEETH_VISIBLE: {25: (3.6, 5.0), 20: (1.5, 3.5), 26: (1.2, 2.6)},
    SMILE: {12: (3.2, 5.0)},
}
# Emotions of AffectNet in its order, as intensities of action units ("14L": on one side only).
EMOTIONS: Final = {
    "Neutral": {},
    "Happy": {6: 3.5, 12: 4.5, 25: 3.2},
    "Sad": {1: 4.0, 4: 2.5, 15: 4.0, 17: 2.0},
    "Surprise": {1: 5.0, 2: 5.0, 5: 4.0, 25: 1.0, 26: 4.5},
    "Fear": {1: 4.0, 2: 3.0, 4: 3.0, 5: 4.5, 20: 4.0, 25: 2.0, 26: 2.0},
    "Disgust": {4: 2.0, 7: 2.0, 9: 5.0, 10: 3.5, 15: 2.0},
    "Anger": {4: 5.0, 5: 3.0, 7: 3.0, 23: 4.0, 24: 2.0},
    "Contempt": {12: 3.5, 14: 4.0},
}
ONE_SIDED: Final = frozenset({"Contempt"})


def expression_row(intensities: dict[int, float]) -> Float[np.ndarray, " unit"]:
    """One row of action units from a mapping of unit to intensity.

    Examples
    --------
    >>> float(expression_row({4: 2.5})[COLUMN[4]])
    2.5
    """
    row = np.zeros(len(ACTION_UNITS), np.float32)
    for unit, intensity in intensities.items():
        row[COLUMN[unit]] = intensity
    return row


def pspi(coded: Int[np.ndarray, "*frames unit"]) -> Int[np.ndarray, "*frames"]:
    """Prkachin-Solomon pain intensity, 0 to 16, of coded action units.

    PSPI = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, where AU43 counts 0 or 1 and the others 0 to 5
    (Prkachin and Solomon 2008).

    Examples
    --------
    >>> int(pspi(expression_row({4: 2, 6: 1, 7: 3, 9: 1, 43: 5}).astype(int)))
    7
    """
    unit = {number: coded[..., column] for number, column in COLUMN.items()}
    return unit[4] + np.maximum(unit[6], unit[7]) + np.maximum(unit[9], unit[10]) + (unit[43] > 0)


def other_intensity(actions: Float[np.ndarray, "*frames unit"]) -> Float[np.ndarray, "*frames"]:
    """How strong the pain actions other than closed eyes are: AU4 + max(AU6, AU7) + max(AU9, AU10), uncoded."""
    unit = {number: actions[..., column] for number, column in COLUMN.items()}
    return unit[4] + np.maximum(unit[6], unit[7]) + np.maximum(unit[9], unit[10])
