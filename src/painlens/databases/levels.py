"""Label rules under names: pain or not, levels of pain, emotions, and pain beside emotions.

A study says ``classes: pain-levels`` instead of writing conditions. Equal class names mean the same in every
database, so that networks with these classes can be compared across databases. What a level or an emotion means is
decided where it is measured: UNBC-McMaster by the face (PSPI), BioVid, MIntPAIN and X-ITE by the stimulus, BP4D by
the task, AffectNet, CK+, RAF-DB, FER2013 and KDEF by the expression that people saw or actors posed.
"""

from collections.abc import Mapping

# The seven expressions of most databases, and contempt; AffectNet's words.
EMOTIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")

# PSPI in four levels after Hammal and Cohn (2012), Automatic detection of pain intensity, ICMI: none 0, trace 1,
# weak 2, strong 3 and more.
PSPI_LEVELS: Mapping[str, str] = {
    "none": "pspi == 0",
    "trace": "pspi == 1",
    "weak": "pspi == 2",
    "strong": "pspi >= 3",
}
PSPI_PAIN: Mapping[str, str] = {"pain": "pspi > 0", "no-pain": "pspi == 0"}  # the norm of the field


def emotions(names: tuple[str, ...] = EMOTIONS, *, column: str = "class_name") -> dict[str, str]:
    """The rule 'the class is the emotion'.

    >>> emotions(("fear",))
    {'fear': 'class_name == fear'}
    """
    return {name: f"{column} == {name}" for name in names}
