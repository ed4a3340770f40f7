"""Where decodability, association, use, relevance and cause of one concept do not say the same, in words."""

import pandas as pd

from painlens.concept_test.claims import DATABASES

# question -> measure that answers it, in the order in which they are read
QUESTIONS = {
    "embedded": "decodability:participants",
    "associated": "auroc",
    "associated, others held constant": "regression:adjusted",
    "the answer moves along it": "gradient:stratified",
    "relevance on its region": "relevance:max",
    "cause": "cause",
}
_CONFLICTS = (
    (
        "embedded", "cause",
        "decodability points to the {first} models, the counterfactual twins to the {second} models: features of a "
        "network can hold what its answer does not use",
    ),
    (
        "embedded", "associated",
        "decodability points to the {first} models, the association to the {second} models: being in the features and "
        "going along with the answer are two things",
    ),
    (
        "associated", "associated, others held constant",
        "the association points to the {first} models, but with the other concepts and action units held constant it "
        "points to the {second} models: other facial actions that come along with the concept explain the first",
    ),
    (
        "associated", "the answer moves along it",
        "the association points to the {first} models, the gradient along the concept to the {second} models",
    ),
    (
        "associated", "cause",
        "the association points to the {first} models, the counterfactual twins to the {second} models: going along "
        "with the answer is not causing it",
    ),
    (
        "relevance on its region", "cause",
        "relevance on the region points to the {first} models, the counterfactual twins to the {second} models: a map "
        "says where a network looks, not what it takes from there",
    ),
)  # fmt: skip


def disagreements(verdicts: pd.DataFrame, concept: str, model_a: str, model_b: str) -> list[str]:
    """Sentences about answers that contradict each other under the claim about databases; empty where none do.

    Two measures contradict each other if their verdicts name different models. A measure that finds a difference where
    the association or the twins find none is told too: embedding more is not using more.
    """
    said = _said(verdicts, concept, model_a, model_b)
    names = {"a": model_a, "b": model_b}
    notes = []
    for first, second, text in _CONFLICTS:
        one, other = said.get(first), said.get(second)
        if one in names and other in names and one != other:
            notes.append(_sentence(text.format(first=names[one], second=names[other])))
    reference = "cause" if "cause" in said else "associated"
    if said.get(reference) in ("equivalent", "undecided"):
        different = [question for question, word in said.items() if word in names and question != reference]
        if different:
            sides = "; ".join(f"{question}: more in the {names[said[question]]} models" for question in different)
            what = "counterfactual twins" if reference == "cause" else "association"
            notes.append(
                f"The {what} {'show' if reference == 'cause' else 'shows'} no difference here, other measures do "
                f"({sides}). What a network holds or where it looks can differ between databases without its answer "
                "depending on it; such a difference alone is no finding about use."
            )
    return notes


def _said(verdicts: pd.DataFrame, concept: str, model_a: str, model_b: str) -> dict[str, str]:
    """Question -> verdict word under the claim about databases."""
    own = verdicts[
        (verdicts["concept"] == concept)
        & (verdicts["model_a"] == model_a)
        & (verdicts["model_b"] == model_b)
        & (verdicts["claim"] == DATABASES)
        & verdicts["standard_error"].notna()
    ]
    words = dict(zip(own["measure"].astype(str), own["verdict"].astype(str), strict=True))
    return {question: words[measure] for question, measure in QUESTIONS.items() if measure in words}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
