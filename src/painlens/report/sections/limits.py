"""What the results cannot carry."""

from painlens.concept_test.verdicts import FEW_PARTICIPANTS
from painlens.report.blocks import Bullets, Section
from painlens.report.inputs import ReportInputs
from painlens.report.sections.compared import test_participants

_RENDERED = (
    "Rendered faces.",
    "{names}: these people do not exist. The numbers test the method, whose truth is known here; they say nothing "
    "about pain, patients or the real databases.",
)
_ALWAYS = (
    (
        "Association.",
        "The headline measure goes up with everything that comes together with the concept. Only counterfactual "
        "twins, or measures that hold the other facial actions constant, speak about use.",
    ),
    (
        "One start.",
        "All networks grow from one pre-trained network and one way of training; the interval about the databases "
        "does not hold for others.",
    ),
    (
        "Maps.",
        "A relevance map explains one logit of one network under one set of rules. Differences of maps over test "
        "people are about these very networks.",
    ),
    ("Labels of concepts.", "An error of annotation weakens every association; agreement belongs beside the labels."),
    ("Use.", "This is a research tool. It is no medical device, and nothing here may decide about a person."),
)


def limits(inputs: ReportInputs) -> Section:
    """Sentences that hold for this study."""
    items: list[tuple[str, str]] = []
    if inputs.rendered:
        items.append((_RENDERED[0], _RENDERED[1].format(names=" and ".join(inputs.rendered))))
    people = test_participants(inputs)
    if sum(people.values()) < FEW_PARTICIPANTS:
        items.append(
            ("Few test people.", f"{_people(people)}: intervals below {FEW_PARTICIPANTS} people tend to be short.")
        )
    else:
        items.append(("Test people.", f"{_people(people)}. Everything is said about people like these."))
    if any(database.reader == "unbc" for database in inputs.study.databases.values()):
        items.append(
            ("Definition of the label.", "PSPI contains AU43, closed eyes: there the eyes are part of the label.")
        )
    if inputs.study.models:
        items.append((
            "No claim about databases.",
            "Checkpoints are what they are: without networks trained again on halves of the training people nobody "
            "knows how far other people, or another seed, would change the differences.",
        ))  # fmt: skip
    elif inputs.study.replication.half_splits == 0:
        items.append((
            "No claim about databases.",
            "No network was trained on halves of the training people, so nobody knows how far other people would "
            "change the differences.",
        ))  # fmt: skip
    always = [item for item in _ALWAYS if not (inputs.study.models and item[0] == "One start.")]
    return Section("limits", "Limits", (Bullets((*items, *always)),))


def _people(people: dict[str, int]) -> str:
    return ", ".join(f"{count} in {name}" for name, count in people.items())
