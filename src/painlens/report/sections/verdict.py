"""What the study says, first."""

import pandas as pd

from painlens.concept_test import Statement, judge
from painlens.concept_test.claims import DATABASES
from painlens.concept_test.verdicts import HEADLINE
from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Heading, Plot, Section, Text, Verdict
from painlens.report.figures import difference_plot
from painlens.report.figures.differences import CLAIMS
from painlens.report.inputs import ReportInputs
from painlens.report.sections.certificate import doubts

NO_VERDICT = "no verdict"  # the certificate's rates forbid one at this size of study
_NO_CLAIM = ("no claim about the databases", "about these networks only")
NOT_SAID = (
    "It does not say that a model uses a concept only because its answer goes along with it, that people with and "
    "without the concept differ in what they feel, or that networks from another pre-trained network would do the same."
)


def verdict(inputs: ReportInputs) -> Section:
    """One statement per concept and pair of models, with its figure."""
    if not inputs.statements:
        text = "The study names no concept, so there is no verdict; name one under 'concepts' in the study file."
        return Section("verdict", "Verdict", (Text((text,)),))
    blocks: list[Block] = [_one(inputs, statement) for statement in inputs.statements]
    reading = (
        "Dots: difference of the two models. Other test people: the same networks on new people. The databases: "
        "networks trained again on other people of the same databases; the verdict is about this line. Grey band: "
        "how far networks of one and the same database come apart. Diamond: planted truth, the difference in the "
        "change of probability."
    )
    if inputs.study.models:
        reading = (
            "Dots: difference of the two models. Other test people: the same networks on new people. There is no line "
            "about databases: checkpoints cannot say how far other training people would change them."
        )
    blocks += [Text((reading,), kind="note"), Text((f"What this does not say. {NOT_SAID}",))]
    blocks += _expected(inputs)
    return Section("verdict", "Verdict", tuple(blocks))


def said(inputs: ReportInputs) -> list[dict[str, str]]:
    """The verdicts as the page has them, for whoever repeats them: title, word and sentence of each."""
    found = []
    for statement in inputs.statements:
        block = _one(inputs, statement)
        withheld = block.word == NO_VERDICT
        sentence = f"{block.title.capitalize()}: {block.headline}" if withheld else block.headline
        found.append({"title": block.title, "word": block.word, "sentence": sentence})
    return found


def headline_rows(verdicts: pd.DataFrame, concept: str, model_a: str, model_b: str, measure: str) -> pd.DataFrame:
    """VERDICTS rows of one measure, concept and pair."""
    return verdicts[
        (verdicts["measure"] == measure)
        & (verdicts["concept"] == concept)
        & (verdicts["model_a"] == model_a)
        & (verdicts["model_b"] == model_b)
    ]


def planted(verdicts: pd.DataFrame, concept: str, model_a: str, model_b: str) -> dict[str, float]:
    """Model -> effect of the counterfactual twins, mean over seeds; empty without twins."""
    rows = headline_rows(verdicts, concept, model_a, model_b, "cause")
    if rows.empty or pd.isna(rows["difference"].iloc[0]):
        return {}
    return {model_a: float(rows["value_a"].iloc[0]), model_b: float(rows["value_b"].iloc[0])}


def pair_name(inputs: ReportInputs, model_a: str, model_b: str) -> str:
    """The pair, where the study has more than one."""
    return f", {model_a} and {model_b}" if len(inputs.models) > 2 else ""


def _one(inputs: ReportInputs, statement: Statement) -> Verdict:
    concept, a, b = statement.concept, statement.model_a, statement.model_b
    doubted = doubts(inputs, a, b) if statement.verdict else ()
    words = {"a": f"larger in {a}", "b": f"larger in {b}", "undecided": "undecided", "equivalent": "alike"}
    return Verdict(
        title=numbers.plain(concept) + pair_name(inputs, a, b),
        word=NO_VERDICT if doubted else words.get(statement.verdict, _NO_CLAIM[bool(inputs.study.models)]),
        decided=statement.verdict in ("a", "b") and not doubted,
        headline=f"No verdict. {' '.join(doubted)}" if doubted else statement.headline,
        notes=(f"What the numbers would say: {statement.headline}", *statement.notes) if doubted else statement.notes,
        plot=_plot(inputs, concept, a, b),
    )


def _plot(inputs: ReportInputs, concept: str, a: str, b: str) -> Plot | None:
    verdicts = inputs.verdicts
    # of given networks there is never a claim about databases
    claims = {k: name for k, name in CLAIMS.items() if not (inputs.study.models and k == DATABASES)}
    rows = headline_rows(verdicts, concept, a, b, HEADLINE)
    if rows.empty or rows["difference"].isna().all():
        return None
    effects = planted(verdicts, concept, a, b)
    truth = effects[a] - effects[b] if effects else None
    return difference_plot(rows, truth, axis="AUROC", name=f"verdict-{concept}-{a}-{b}", claims=claims)


def _expected(inputs: ReportInputs) -> list[Block]:
    """Whether a study on planted or null databases found what it must."""
    findings = judge(inputs.verdicts, inputs.study.expect)
    if not findings:
        return []
    items = tuple(("Met." if finding.met else "Not met.", finding.sentence) for finding in findings)
    return [Heading("What this study was made to find"), Bullets(items)]
