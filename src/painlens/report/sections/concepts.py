"""The concept test: what each measure says of each concept, and whether they agree."""

import pandas as pd

from painlens.concept_test.claims import DATABASES, FINE_TUNINGS, NETWORKS
from painlens.concept_test.disagreement import disagreements
from painlens.concept_test.verdicts import HEADLINE, NAMES
from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Folded, Heading, Plots, Section, TableBlock, Text
from painlens.report.figures import association_plot
from painlens.report.inputs import ReportInputs
from painlens.report.sections.by_class import by_class
from painlens.report.sections.decodability import decodability, replication
from painlens.report.sections.use import directions, layers, reliability
from painlens.report.sections.verdict import planted
from painlens.report.tables import Cell, Column, Table, p_value, real, rounded, whole, words

# measure -> what it answers, short enough for a table; in the order from being there to being used
_ANSWERS = {
    "decodability:participants": "embedded (decodability)",
    HEADLINE: "associated (AUROC)",
    "regression": "associated (regression)",
    "regression:adjusted": "associated, adjusted",
    "gradient:stratified": "moves along it (gradient)",
    "gradient:svm-cav": "moves along it (SVM-CAV)",
    "gradient:pattern-cav": "moves along it (pattern-CAV)",
    "relevance:max": "relevance in its region",
    "cause": "caused by it (twins)",
}
MEASURES = {HEADLINE: "association (AUROC)"} | NAMES


def concepts(inputs: ReportInputs) -> Section:
    """All measures of all concepts."""
    if not inputs.study.concepts:
        return Section("concepts", "Concept test", (Text(("The study names no concept.",)),))
    blocks: list[Block] = [
        Bullets(tuple(_definition(inputs, name) for name in inputs.study.concepts)),
        Heading("Agreement of the measures"),
        Text(("Each measure asks another question; only counterfactual twins show what a model uses.",)),
        TableBlock(_agreement(inputs)),
        *_contradictions(inputs),
        *_association(inputs),
        *by_class(inputs),
        *directions(inputs),
        *decodability(inputs),
        *layers(inputs),
        *reliability(inputs),
        *replication(inputs),
        Folded("Every measure under every claim", (TableBlock(_verdicts(inputs.verdicts)),)),
    ]
    return Section("concepts", "Concept test", tuple(blocks))


def _definition(inputs: ReportInputs, concept: str) -> tuple[str, str]:
    """What the concept is, and on how many faces it was labelled."""
    own = inputs.concepts[inputs.concepts["concept"] == concept]
    known = int(own["value"].notna().sum())
    present = int(own["value"].fillna(value=False).sum())
    sources = ", ".join(sorted({str(name) for name in own["source"].dropna()}))
    section = inputs.study.concepts[concept]
    said = f"{section.definition}; region {section.region}. On {present:,} of {known:,} labelled test faces"
    return f"{numbers.plain(concept)}:", f"{said} (labels: {sources or 'none'})."


def _agreement(inputs: ReportInputs) -> Table:
    """One row per concept, pair and measure; the strongest claim that could be made."""
    many = len(inputs.models) > 2
    verdicts = inputs.verdicts
    rows: list[tuple[Cell, ...]] = []
    measures = [*(m for m in _ANSWERS if m in set(verdicts["measure"]))]
    measures += sorted({str(m) for m in verdicts["measure"]} - set(measures))
    pairs = verdicts[["concept", "model_a", "model_b"]].drop_duplicates().itertuples(index=False, name=None)
    for concept, a, b in pairs:
        for measure in measures:
            row = _strongest(verdicts, measure, concept, a, b)
            if row is None:
                continue
            head = [words(numbers.plain(concept)), words(_ANSWERS.get(measure, MEASURES.get(measure, measure)))]
            if many:
                head.insert(1, words(f"{a}, {b}"))
            rows.append((
                *head, real(row["value_a"]), real(row["value_b"]),
                real(row["difference"], row["low"], row["high"], sign=True),
                words(_claim_name(row)), p_value(row["p_holm"]), words(_word(row)), words(_family(row), quiet=True),
            ))  # fmt: skip
    first, second = ("first", "second") if many else inputs.models
    columns = [Column("concept"), *([Column("models")] if many else []), Column("measure")]
    columns += [Column(first), Column(second), Column("difference"), Column("interval about"), Column("p (Holm)")]
    columns += [Column("larger in"), Column("declared")]
    return Table(
        "agreement", "All measures of each concept, both models side by side", tuple(columns), tuple(rows),
        headers=3 if many else 2,
        note="Adjusted: the other concepts, label, database and action units held constant. p after Holm's correction: "
        "over all measures declared beforehand, all concepts and pairs together; for an exploratory measure over its "
        "concepts and pairs alone, so that its differences are leads, not findings.",
    )  # fmt: skip


def _contradictions(inputs: ReportInputs) -> list[Block]:
    """Where the measures do not say the same, in words; that they do is said too."""
    items: list[tuple[str, str]] = []
    pairs = inputs.verdicts[["concept", "model_a", "model_b"]].drop_duplicates().itertuples(index=False, name=None)
    for concept, a, b in pairs:
        name = numbers.plain(concept) + (f", {a} and {b}" if len(inputs.models) > 2 else "")
        items += [(f"{name}:", text) for text in disagreements(inputs.verdicts, str(concept), str(a), str(b))]
    if not items:
        return [Text(("No two measures name different models for the same concept.",), kind="note")]
    return [Bullets(tuple(items))]


def _strongest(verdicts: pd.DataFrame, measure: str, concept: str, a: str, b: str) -> pd.Series | None:
    """The row about the databases, else about fine-tunings, else the bare number."""
    own = verdicts[
        (verdicts["measure"] == measure)
        & (verdicts["concept"] == concept)
        & (verdicts["model_a"] == a)
        & (verdicts["model_b"] == b)
    ]
    for claim in (DATABASES, FINE_TUNINGS, NETWORKS):
        row = own[own["claim"] == claim]
        if len(row) and (claim == NETWORKS or pd.notna(row["standard_error"].iloc[0])):
            return row.iloc[0]
    return None


def _claim_name(row: pd.Series) -> str:
    return "no interval" if pd.isna(row["standard_error"]) else str(row["claim"])


def _word(row: pd.Series) -> str:
    words_of = {"a": str(row["model_a"]), "b": str(row["model_b"]), "undecided": "undecided", "equivalent": "alike"}
    return words_of.get("" if pd.isna(row["verdict"]) else str(row["verdict"]), numbers.MISSING)


def _family(row: pd.Series) -> str | None:
    """Whether the measure was declared beforehand."""
    family = row.get("family")
    return {"declared": "yes", "exploratory": "exploratory"}.get(family) if isinstance(family, str) else None


_NETWORKS = (
    "Filled: fine-tunings on all training people; hollow: networks on one half of them; line: mean; grey: null band, "
    "as wide as networks of one database come apart."
)


def _association(inputs: ReportInputs) -> list[Block]:
    table = inputs.association[inputs.association["measure"] == HEADLINE]
    names = [name for name in inputs.study.concepts if name in set(table["concept"])]
    blocks: list[Block] = [Heading("Association")]
    refused = [name for name in inputs.study.concepts if name not in names]
    if names:
        plots = [_association_plot(inputs, table, name) for name in names]
        caption = (
            "Score: log-odds of the explained class. AUROC for the concept within each label and database, mean over "
            "these cells. " + ("Dots: checkpoints; line: mean." if inputs.study.models else _NETWORKS)
        )
        blocks.append(Plots(tuple(plots), caption, data=_association_table(inputs)))
    for name in refused:
        blocks.append(Text((f"{numbers.plain(name)}: {_reason(inputs.verdicts, name)}",), kind="caution"))
    return blocks


def _association_plot(inputs: ReportInputs, table: pd.DataFrame, concept: str):  # noqa: ANN202 - Plot
    own = inputs.verdicts[(inputs.verdicts["measure"] == HEADLINE) & (inputs.verdicts["concept"] == concept)]
    bands = own["null_band"].dropna()
    truth: dict[str, float] = {}
    for a, b in own[["model_a", "model_b"]].drop_duplicates().itertuples(index=False, name=None):
        truth |= planted(inputs.verdicts, concept, a, b)
    band = float(bands.max()) if len(bands) else None
    return association_plot(table, concept, inputs.models, null_band=band, truth=truth)


def _reason(verdicts: pd.DataFrame, concept: str) -> str:
    own = verdicts[(verdicts["measure"] == HEADLINE) & (verdicts["concept"] == concept)]
    reasons = own["reason"].dropna() if "reason" in own.columns else pd.Series(dtype="str")
    return str(reasons.iloc[0]) if len(reasons) and str(reasons.iloc[0]) else "not measured."


def _association_table(inputs: ReportInputs) -> Table:
    causes = inputs.causes[inputs.causes["database"] == "all"]
    effects = {(str(r["concept"]), str(r["model"]), str(r["replicate"])): r for _, r in causes.iterrows()}
    rows = []
    for _, r in inputs.association.iterrows():
        twin = effects.get((str(r["concept"]), str(r["model"]), str(r["replicate"])))
        rows.append((
            words(numbers.plain(r["concept"])), words(MEASURES.get(str(r["measure"]), r["measure"])), words(r["model"]),
            words(r["replicate"]), real(r["value"]), real(None if twin is None else twin["effect"], sign=True),
            words(r["cells"]), whole(r["faces"]), whole(r["participants"]),
        ))  # fmt: skip
    titles = ("concept", "measure", "model", "network", "value", "planted effect", "cells used", "faces", "people")
    return Table(
        "association-by-network", "Every network", tuple(map(Column, titles)), tuple(rows), headers=4,
        note="Planted effect: change of the probability when the concept alone appears, from counterfactual twins.",
    )  # fmt: skip


def _verdicts(verdicts: pd.DataFrame) -> Table:
    reasons = verdicts["reason"] if "reason" in verdicts.columns else pd.Series("", index=verdicts.index)
    rows: list[tuple[Cell, ...]] = []
    for told, (_, r) in zip(reasons, verdicts.iterrows(), strict=True):
        reason = _text(told)
        measure = MEASURES.get(str(r["measure"]), str(r["measure"]))
        names = (numbers.plain(r["concept"]), measure, f"{r['model_a']}, {r['model_b']}", r["claim"])
        rows.append((
            *map(words, names), real(r["value_a"]), real(r["value_b"]),
            real(r["difference"], r["low"], r["high"], sign=True), rounded(r["standard_error"]),
            real(r["df"], digits=1), p_value(r["p"]), p_value(r["p_holm"]), words(_seeds(r)), real(r["null_band"]),
            words(_bootstrap(r)), real(r.get("smallest_detectable")), real(r.get("equivalence_bound")),
            p_value(r.get("p_equivalence_holm")), words(f"refused: {reason}" if reason else _word(r)),
        ))  # fmt: skip
    titles = (
        "concept", "measure", "models", "claim about", "first", "second", "difference", "SE", "df", "p", "p (Holm)",
        "seeds agreeing", "null band", "bootstrap over people", "found in 80 %", "bound of alike", "p of alike",
        "larger in",
    )  # fmt: skip
    columns = tuple(map(Column, titles))
    note = (
        "Bootstrap over people: a check of the jackknife, these networks on drawn test participants. Found in 80 %: "
        "smallest difference that four of five such studies find. Alike: two one-sided tests against the bound."
    )
    return Table("verdicts-by-claim", "Every measure under every claim", columns, tuple(rows), headers=4, note=note)


def _bootstrap(row: pd.Series) -> str | None:
    return numbers.interval(row.get("bootstrap_low"), row.get("bootstrap_high"), sign=True) or None


def _seeds(row: pd.Series) -> str | None:
    return None if pd.isna(row["seeds"]) else f"{row['seeds_agreeing']} of {row['seeds']}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
