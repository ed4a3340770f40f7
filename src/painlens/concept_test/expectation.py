"""Whether a study on planted or null databases finds what was planted, and nothing else."""

from dataclasses import dataclass

import pandas as pd

from painlens.concept_test.claims import DATABASES
from painlens.concept_test.variance import limits
from painlens.concept_test.wording import percent, plain
from painlens.study import Expectation

HEADLINE = "auroc"


@dataclass(frozen=True)
class Finding:
    """One expectation and whether it was met.

    Attributes
    ----------
    kind
        ``favours`` or ``no-difference``.
    met
        The expectation holds.
    sentence
        What was expected and what came, for people.
    """

    kind: str
    concept: str
    model_a: str
    model_b: str
    met: bool
    sentence: str


def judge(verdicts: pd.DataFrame, expectation: Expectation) -> list[Finding]:
    """Compare the claim about databases, measured by the stratified AUROC, with what a study must find.

    Intervals are recomputed at `expectation.confidence` from standard error and degrees of freedom. A planted direction
    is found if the interval excludes 0 on the right side *and* every seed agrees, for each pair with the favoured
    database. A null concept stays undifferent if the interval contains 0. Where the claim was refused nothing is met.

    Parameters
    ----------
    verdicts
        The VERDICTS table.
    """
    rows = verdicts[(verdicts["measure"] == HEADLINE) & (verdicts["claim"] == DATABASES)]
    findings = []
    for concept, favoured in expectation.favours.items():
        of_concept = rows[rows["concept"] == concept]
        pairs = of_concept[(of_concept["model_a"] == favoured) | (of_concept["model_b"] == favoured)]
        findings += [_favours(row, favoured, expectation.confidence) for _, row in pairs.iterrows()]
        if pairs.empty:
            findings.append(_absent("favours", concept, favoured))
    for concept in expectation.no_difference:
        pairs = rows[rows["concept"] == concept]
        findings += [_no_difference(row, expectation.confidence) for _, row in pairs.iterrows()]
        if pairs.empty:
            findings.append(_absent("no-difference", concept, ""))
    return findings


def _favours(row: pd.Series, favoured: str, confidence: float) -> Finding:
    """Whether the planted direction is found."""
    names = str(row["concept"]), str(row["model_a"]), str(row["model_b"])
    expected = f"'{plain(names[0])}' must favour {favoured} ({names[1]} minus {names[2]})"
    if pd.isna(row["standard_error"]):
        return Finding("favours", *names, False, f"{expected}: cannot be judged: {row['reason']}")
    low, high = _limits(row, confidence)
    right_side = low > 0 if names[1] == favoured else high < 0
    all_agree = bool(row["seeds_agreeing"] == row["seeds"])
    came = (
        f"difference {row['difference']:+.3f}, {percent(confidence)} interval {low:+.3f} to {high:+.3f}, "
        f"{row['seeds_agreeing']} of {row['seeds']} seeds agree"
    )
    met = bool(right_side) and all_agree
    return Finding("favours", *names, met, f"{expected}: {'found' if met else 'not found'}; {came}")


def _no_difference(row: pd.Series, confidence: float) -> Finding:
    """Whether a null concept stays undifferent."""
    names = str(row["concept"]), str(row["model_a"]), str(row["model_b"])
    expected = f"'{plain(names[0])}' must not differ ({names[1]} minus {names[2]})"
    if pd.isna(row["standard_error"]):
        return Finding("no-difference", *names, False, f"{expected}: cannot be judged: {row['reason']}")
    low, high = _limits(row, confidence)
    met = bool(low <= 0 <= high)
    came = f"difference {row['difference']:+.3f}, {percent(confidence)} interval {low:+.3f} to {high:+.3f}"
    return Finding(
        "no-difference", *names, met, f"{expected}: {'no difference' if met else 'called different'}; {came}"
    )


def _limits(row: pd.Series, confidence: float) -> tuple[float, float]:
    """The interval of a row at another level."""
    return limits(float(row["difference"]), float(row["standard_error"]), float(row["df"]), confidence=confidence)


def _absent(kind: str, concept: str, favoured: str) -> Finding:
    """An expectation about a concept that has no verdict."""
    goal = f"favour {favoured}" if favoured else "not differ"
    return Finding(kind, concept, favoured, "", False, f"'{plain(concept)}' must {goal}: there is no verdict about it")
