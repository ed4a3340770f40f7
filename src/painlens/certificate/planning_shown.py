"""What a planned study can detect, in words and one table for a terminal."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from painlens.certificate.cells import Certificate
from painlens.certificate.planning import (
    PLANNED_MEASURES,
    Outlook,
    Plan,
    components_of,
    helps_most,
    outlook,
    planted_differences,
    power_at,
)

NAMES = {
    "auroc": "AUROC",
    "regression:adjusted": "adjusted regression",
    "cause": "causal effect",
}
# P(concept | pain) and P(concept | no pain) in one database; .30 and .30 in the other
BIASES = {
    "weak": "bias .45 / .27",
    "medium": "bias .60 / .25",
    "strong": "bias .88 / .06",
    "demo": "bias .88 / .00 and .06, as in the demo",
}
FEWEST_TESTED = 10  # test participants per database; below, the certificate's null cells fail more easily
FEWEST_FACES = 5  # with and without the concept in each label x database cell, as painlens.study.ConceptTest


@dataclass(frozen=True)
class PlanTable:
    """The outlook of every measure, what would help, and cautions."""

    outlooks: list[Outlook]
    power: dict[str, dict[str, float]]
    helps: list[tuple[str, float]]
    cautions: list[str]


def plan_table(certificate: Certificate, plan: Plan, *, power: float, confidence: float) -> PlanTable:
    """What a study of this size can see, from the variance components of a certificate.

    Raises
    ------
    DataError
        The certificate holds no made studies.
    """
    found, powers = [], {}
    for measure in PLANNED_MEASURES:
        one = outlook(components_of(certificate, measure), plan, measure=measure, power=power, confidence=confidence)
        found.append(one)
        powers[measure] = {
            strength: power_at(one, difference) for strength, difference in planted_differences(certificate, measure)
        }
    helps = helps_most(components_of(certificate, "auroc"), plan, measure="auroc", power=power, confidence=confidence)
    return PlanTable(found, powers, helps, cautions_of(plan))


def cautions_of(plan: Plan) -> list[str]:
    """What a person should know about a study of this size before it is made."""
    found = []
    if min(plan.test) < FEWEST_TESTED:
        found.append(
            f"{min(plan.test)} test participants of a database are fewer than {FEWEST_TESTED}: the jackknife over them "
            "is rough; rotate the participants through the test part (cross-fitting) or test more people"
        )
    rarest = min(plan.prevalence, 1 - plan.prevalence)
    for images in sorted(set(plan.images)):
        if images / 2 * rarest < FEWEST_FACES:
            found.append(
                f"{images} faces with a share of {plan.prevalence:g} leave about {images / 2 * rarest:.1f} faces "
                f"with (or without) the concept in each label x database cell; {FEWEST_FACES} are needed"
            )
    if plan.seeds == 1:
        found.append("with one seed the variance between seeds is unknown and the interval an upper limit: train two")
    larger, smaller = max(plan.train), min(plan.train)
    if larger > 1.5 * smaller:
        found.append(
            f"{larger} and {smaller} training participants: train both databases for the same number of optimisation "
            "steps, or both to the end; after a few epochs the networks of the smaller one have learnt less, and "
            "databases drawn alike then differ"
        )
    return found


def show_plan(table: PlanTable, plan: Plan, console: Console) -> None:
    """Print it."""
    first = table.outlooks[0]
    console.print(
        f"Per database (A, B): {plan.train} participants train, {plan.test} test, {plan.images} annotated test faces, "
        f"concept on {plan.prevalence:.0%}; {plan.seeds} seeds, {plan.halves} splits into halves."
    )
    shown = Table(title=f"What is found with {first.confidence:.0%} intervals")
    shown.add_column("")
    for one in table.outlooks:
        shown.add_column(NAMES[one.measure], justify="right")
    shown.add_row(
        f"smallest difference, power {first.power:.0%}",
        *(f"{one.smallest:.3f}" for one in table.outlooks),
        style="bold",
    )
    shown.add_row("standard error", *(f"{one.standard_error:.3f}" for one in table.outlooks))
    shown.add_row("degrees of freedom", *(f"{one.df:.0f}" for one in table.outlooks), end_section=True)
    for source in first.variances:
        shares = (one.variances[source] / one.standard_error**2 for one in table.outlooks)
        shown.add_row(f"variance from {source}", *(f"{share:.0%}" for share in shares))
    shown.add_section()
    for strength in table.power[first.measure]:
        chances = (table.power[one.measure].get(strength) for one in table.outlooks)
        shown.add_row(f"power, {BIASES[strength]}", *("-" if c is None else f"{c:.0%}" for c in chances))
    console.print(shown)
    console.print(f"The smallest difference in AUROC, {first.smallest:.3f}, would be")
    for name, smallest in table.helps:
        console.print(f"  {smallest:.3f} with {name}")
    for caution in table.cautions:
        console.print(f"Caution: {caution}.", style="yellow")
    console.print(
        "From the variance components of small networks on made features; real faces may vary more. One concept, "
        "without Holm's correction over several. AUROC: 0 to 1; regression: standard deviations of the score; causal "
        "effect: change of the probability of pain."
    )
