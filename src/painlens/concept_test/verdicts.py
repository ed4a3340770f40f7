"""The verdicts in plain words, with the caution that each measure needs."""

from dataclasses import dataclass

import pandas as pd

from painlens.concept_test.claims import DATABASES, NETWORKS, PEOPLE
from painlens.concept_test.statistics import smallest_detectable
from painlens.concept_test.wording import percent, plain
from painlens.study import FEWEST_TESTED

HEADLINE = "auroc"
FEW_PARTICIPANTS = 20  # below, intervals were a little too short in simulations (coverage .925 to .945)
NAMES = {
    "regression": "regression on concepts and cells",
    "regression:adjusted": "regression that also holds the action units constant",
    "relevance:max": "relevance in the concept's region",
    "gradient:stratified": "gradient along the concept within cells",
    "gradient:svm-cav": "gradient along the SVM's direction (SVM-CAV)",
    "gradient:pattern-cav": "gradient along the pattern (pattern-CAV)",
    "decodability:participants": "decodability",
    "cause": "counterfactual twins",
}


@dataclass(frozen=True)
class Statement:
    """What the study says about one concept and one pair of models.

    Attributes
    ----------
    verdict
        'a', 'b', 'equivalent', 'undecided', or empty where no claim about the databases is made.
    headline
        One sentence.
    notes
        Further sentences: planted truth, other measures, cautions.
    """

    concept: str
    model_a: str
    model_b: str
    verdict: str
    headline: str
    notes: tuple[str, ...]


def describe(verdicts: pd.DataFrame, *, target: str, decodability: pd.DataFrame | None = None) -> list[Statement]:
    """One statement per concept and pair of models, in the order of the table.

    Parameters
    ----------
    verdicts
        The VERDICTS table.
    target
        Class whose score was measured, such as ``pain``.
    decodability
        The DECODABILITY table; with it, concepts that neither model embeds are told.
    """
    headlines = verdicts[(verdicts["measure"] == HEADLINE) & (verdicts["claim"] == DATABASES)]
    statements = []
    for _, row in headlines.iterrows():
        names = str(row["concept"]), str(row["model_a"]), str(row["model_b"])
        same = (verdicts["concept"] == names[0]) & (verdicts["model_a"] == names[1]) & (verdicts["model_b"] == names[2])
        own = verdicts[same]
        notes = [*_truth(own, target), *_other_measures(own, row), *_cautions(own, row), *_floors(decodability, *names)]
        statements.append(Statement(*names, _text(row["verdict"]), _headline(own, row, target), tuple(notes)))
    return statements


def _headline(own: pd.DataFrame, row: pd.Series, target: str) -> str:
    """The verdict about the databases, or why there is none."""
    concept, names = plain(row["concept"]), {"a": str(row["model_a"]), "b": str(row["model_b"])}
    if pd.isna(row["difference"]):
        reason = _sentence(row["reason"])
        return f"'{concept}' could not be compared between the {names['a']} and the {names['b']} models. {reason}"
    if pd.isna(row["standard_error"]):
        return _without_claim(own, row, target)
    if row["verdict"] == "equivalent":
        return (
            f"The {names['a']} and the {names['b']} models' {target} score goes along with '{concept}' alike "
            f"({_values(row, 'a')}, {_interval(row)} about the databases): the difference is smaller than "
            f"{_number(row['equivalence_bound'])}, the bound of this study (two one-sided tests, "
            f"p {_p(row['p_equivalence_holm'])} after Holm's correction)."
        )
    if row["verdict"] == "undecided":
        return (
            f"It is undecided whether the {names['a']} or the {names['b']} models' {target} score goes along with "
            f"'{concept}' more ({_evidence(row, 'a')}). Undecided is not the same as equal."
        )
    winner, loser = ("a", "b") if row["verdict"] == "a" else ("b", "a")
    if float(row[f"value_{winner}"]) < 0.5:  # both go against it: the smaller AUROC is the stronger association
        return (
            f"The {names[loser]} models' {target} score goes against '{concept}' more than the {names[winner]} models' "
            f"({_evidence(row, loser)})."
        )
    return (
        f"The {names[winner]} models' {target} score goes along with '{concept}' more than the {names[loser]} models' "
        f"({_evidence(row, winner)})."
    )


def _without_claim(own: pd.DataFrame, row: pd.Series, target: str) -> str:
    """What these very networks do, where nothing can be said about the databases."""
    people = _row(own, HEADLINE, PEOPLE)
    about = ""
    if people is not None and pd.notna(people["standard_error"]):
        about = f", {_interval(people)} for other test participants of these very networks"
        if people["low"] <= 0 <= people["high"]:
            return (
                f"Which networks' {target} score goes along with '{plain(row['concept'])}' more, these "
                f"{row['model_a']} or these {row['model_b']} ones, is undecided ({_values(row, 'a')}{about}; "
                f"{_seeds(row)}). {_sentence(row['reason'])}"
            )
    relation = "more than" if row["difference"] > 0 else "less than" if row["difference"] < 0 else "as much as"
    return (
        f"These {row['model_a']} networks' {target} score goes along with '{plain(row['concept'])}' {relation} these "
        f"{row['model_b']} networks' ({_values(row, 'a')}{about}; {_seeds(row)}). {_sentence(row['reason'])}"
    )


def _values(row: pd.Series, first: str) -> str:
    """AUROCs, the model that the sentence names first in front; the difference is A minus B and says so if B leads."""
    second = "b" if first == "a" else "a"
    which = "" if first == "a" else f" {row['model_a']} minus {row['model_b']}"
    return (
        f"AUROC {_number(row[f'value_{first}'])} against {_number(row[f'value_{second}'])}, "
        f"difference{which} {_signed(row['difference'])}"
    )


def _evidence(row: pd.Series, first: str) -> str:
    """Values, interval, seeds and p of the claim about databases."""
    return (
        f"{_values(row, first)}, {_interval(row)} about the databases; {_seeds(row)}; "
        f"p {_p(row['p_holm'])} after Holm's correction"
    )


def _truth(own: pd.DataFrame, target: str) -> list[str]:
    """What the counterfactual twins say."""
    row = _row(own, "cause", NETWORKS)
    if row is None or pd.isna(row["difference"]):
        return []
    return [
        f"Planted truth (counterfactual twins: the same face without and with it): '{plain(row['concept'])}' alone "
        f"changes the probability of {target} by {_signed(row['value_a'])} in the {row['model_a']} models and by "
        f"{_signed(row['value_b'])} in the {row['model_b']} models."
    ]


def _other_measures(own: pd.DataFrame, headline: pd.Series) -> list[str]:
    """Measures that contradict the headline, and those that say the same, in words."""
    same, other, silent = [], [], []
    for measure, name in NAMES.items():
        row = _row(own, measure, DATABASES)
        if row is None or pd.isna(row["difference"]):
            continue
        said = _text(row["verdict"])
        explored = ", exploratory" if _text(row.get("family")) == "exploratory" else ""
        text = f"{name} ({_number(row['value_a'])} against {_number(row['value_b'])}{explored})"
        if said in ("a", "b") and headline["verdict"] in ("a", "b"):
            (same if said == headline["verdict"] else other).append(text)
        elif said in ("a", "b"):
            other.append(f"{text}: more in the {row['model_a' if said == 'a' else 'model_b']} models")
        else:
            silent.append(text)
    notes = []
    if same:
        notes.append(f"Measures that agree: {'; '.join(same)}.")
    if other:
        notes.append(
            f"Measures that disagree with the headline: {'; '.join(other)}. Measures ask different questions; "
            "where they disagree, the causal one speaks about use and the others do not."
        )
    if silent:
        notes.append(f"Measures without a verdict: {'; '.join(silent)}.")
    return notes


def _cautions(own: pd.DataFrame, headline: pd.Series) -> list[str]:
    """What must not be read into the numbers."""
    notes = []
    causal = _row(own, "cause", NETWORKS)
    if causal is None or pd.isna(causal["difference"]):
        notes.append(
            "The AUROC is an association: other facial actions that come together with the concept raise it too. "
            "Whether the models use the concept is for adjusted or causal measures to say."
        )
    decoded = _row(own, "decodability:participants", NETWORKS)
    if decoded is not None and pd.notna(decoded["difference"]):
        notes.append(
            "Decodability says whether features hold the concept, not whether the answer depends on it; read it "
            "beside its floors."
        )
    band, difference = headline["null_band"], headline["difference"]
    if pd.notna(band) and pd.notna(difference) and abs(difference) <= band:
        notes.append(
            f"Networks of one database that were trained on different participants are up to {_number(band)} "
            "apart: as far as the two models."
        )
    if headline["verdict"] == "undecided":
        notes.append(
            f"Differences below about {_number(_smallest(headline))} are mostly missed by a study of this size."
        )
    folds = headline.get("cross_fitting")
    if pd.notna(folds) and folds:
        notes.append(
            f"Cross-fitting: every participant was tested once, in one of {int(folds)} folds, by networks that had not "
            "seen them; faces are compared within a fold."
        )
    confounded = _text(headline.get("note"))
    if confounded:
        notes.append(_sentence(confounded))
    fewest, people = headline.get("fewest_participants"), headline["participants"]
    remedy = "put more participants into its test part, or let all rotate through it (replication.cross_fitting)"
    halves = headline["half_splits"]  # none: of given networks, all of whose people are tested already
    everybody = (pd.notna(halves) and halves == 0) or (pd.notna(folds) and folds)
    remedy = "test more people" if everybody else remedy
    if pd.notna(fewest) and fewest < FEWEST_TESTED:
        notes.append(
            f"One database has {int(fewest)} test participants in this comparison: with fewer than "
            f"{FEWEST_TESTED} an interval over people is uncertain; {remedy}."
        )
    elif pd.notna(people) and people < FEW_PARTICIPANTS:
        notes.append(f"Only {int(people)} test participants: intervals may be a little too short; test more people.")
    return notes


def _floors(decodability: pd.DataFrame | None, concept: str, model_a: str, model_b: str) -> list[str]:
    """Whether the features of both models hold no more than random concepts do."""
    if decodability is None:
        return []
    table = decodability[(decodability["concept"] == concept) & (decodability["folds"] == "participants")]
    above = table["pooled_f1"] > table["random_concept_f1_95"]
    both = [above[table["model"] == model] for model in (model_a, model_b)]
    if any(own.empty or own.any() for own in both) or table["random_concept_f1_95"].isna().any():
        return []
    return [f"'{plain(concept)}' is embedded by neither model: no network decodes it better than random concepts."]


def _row(own: pd.DataFrame, measure: str, claim: str) -> pd.Series | None:
    """The row of a measure and claim, if there is one."""
    rows = own[(own["measure"] == measure) & (own["claim"] == claim)]
    return None if rows.empty else rows.iloc[0]


def _smallest(row: pd.Series) -> float:
    """Difference that the interval would find in 80 % of such studies."""
    return smallest_detectable(row["standard_error"], row["df"], confidence=row["confidence"])


def _interval(row: pd.Series) -> str:
    """Such as ``95 % interval +.12 to +.40``."""
    return f"{percent(row['confidence'])} interval {_signed(row['low'])} to {_signed(row['high'])}"


def _seeds(row: pd.Series) -> str:
    """Such as ``3 of 3 seeds agree``; a single network cannot disagree."""
    if row["seeds"] == 1:
        return "one network each"
    return f"{row['seeds_agreeing']} of {row['seeds']} seeds agree"


def _number(value: float) -> str:
    """Two decimals without a leading zero, such as ``.81``; nothing is minus zero."""
    rounded = round(float(value), 2) + 0.0
    return f"{rounded:.2f}".replace("0.", ".", 1) if abs(rounded) < 1 else f"{rounded:.2f}"


def _signed(value: float) -> str:
    """Two decimals with a sign, such as ``+.26``."""
    return ("-" if round(float(value), 2) < 0 else "+") + _number(abs(value))


def _p(value: float) -> str:
    """A p value in three decimals."""
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def _sentence(text: object) -> str:
    """The text with a capital and a full stop."""
    words = str(text)
    return words[:1].upper() + words[1:].rstrip(".") + "."


def _text(value: object) -> str:
    """A text cell; missing becomes empty."""
    return value if isinstance(value, str) else ""
