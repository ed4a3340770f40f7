"""Variances, claims, verdicts and expectations."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from concept_test_study import DATABASES, PLANTED, REGIONS, make_study
from painlens.concept_test.association import measure_auroc
from painlens.concept_test.claims import claim_rows, refused_rows, verdict_table
from painlens.concept_test.disagreement import disagreements
from painlens.concept_test.expectation import judge
from painlens.concept_test.material import gather
from painlens.concept_test.measured import Measured
from painlens.concept_test.variance import interval, limits, participant_part, retraining_part, seed_part
from painlens.concept_test.verdicts import _number, _signed, describe
from painlens.study import Expectation
from painlens.tables import DataError

DATABASE = ("a",) * 6 + ("b",) * 8


def _measured(
    mean_a: float = 0.8, mean_b: float = 0.55, *, seeds: int = 3, halves: int = 4, concept: str = "eyes-closed",
    noise: float = 0.02, seed: int = 0, measure: str = "auroc",
) -> Measured:  # fmt: skip
    """Networks around two means, test participants with a say of about .05 / 14 each."""
    rng = np.random.default_rng(seed)
    names = [f"seed={s}" for s in range(seeds)] + [f"half={h}{side}" for h in range(halves) for side in "ab"]
    networks = tuple((model, name) for model in ("a", "b") for name in names)
    own = np.array([mean_a] * len(names) + [mean_b] * len(names)) + rng.normal(0, noise, len(networks))
    without = own[:, None] + rng.normal(0, 0.05 / 14, (len(networks), len(DATABASE)))
    return Measured(measure, concept, networks, np.column_stack([own, without]), DATABASE, "pain x a", 300)


def _verdicts(*measured: Measured, confidence: float = 0.95) -> pd.DataFrame:
    return verdict_table([row for one in measured for row in claim_rows(one, "a", "b", confidence=confidence)])


def _claim(table: pd.DataFrame, claim: str) -> Any:
    return table[table["claim"] == claim].iloc[0]


def test_seed_parts_alone_are_welchs_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.8, 0.02, 5), rng.normal(0.75, 0.01, 4)
    found = interval(a.mean() - b.mean(), [seed_part(a), seed_part(b)], confidence=0.95)
    theirs: Any = stats.ttest_ind(a, b, equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue)
    np.testing.assert_allclose((found.low, found.high), theirs.confidence_interval(0.95))


def test_jackknife_of_a_mean_is_its_variance() -> None:
    values = np.random.default_rng(1).normal(size=9)
    without = (values.sum() - values) / 8
    part = participant_part(without, ["a"] * 9)
    assert part.variance == pytest.approx(values.var(ddof=1) / 9)
    assert part.variance**2 / part.spread == pytest.approx(8)


def test_jackknife_is_stratified_by_database() -> None:
    rng = np.random.default_rng(2)
    without = np.concatenate([rng.normal(0.0, 0.01, 6), rng.normal(5.0, 0.01, 8)])
    parts = [participant_part(without[:6], ["a"] * 6), participant_part(without[6:], ["b"] * 8)]
    assert participant_part(without, DATABASE).variance == pytest.approx(sum(part.variance for part in parts))


def test_two_seeds_need_no_seed_term() -> None:
    gaps = np.array([0.2, -0.1, 0.3, 0.05])
    part = retraining_part(np.array([0.70, 0.72]), gaps)
    assert part.variance == pytest.approx(np.mean(gaps**2) / 4)
    assert part.variance**2 / part.spread == pytest.approx(4)


def test_halves_no_further_apart_than_seeds_give_no_participants_part() -> None:
    seeds, gaps = np.array([0.5, 0.7, 0.9]), np.array([0.01, -0.02])
    part = retraining_part(seeds, gaps)
    pooled = (2 * 2 * np.mean(gaps**2) / 4 + 2 * seeds.var(ddof=1)) / 4
    assert part.variance == pytest.approx(pooled / 3)
    assert part.variance**2 / part.spread == pytest.approx(4)


def test_one_seed_doubles_the_halves_variance() -> None:
    assert retraining_part(np.array([0.7]), np.array([0.2])).variance == pytest.approx(0.02)


@pytest.mark.parametrize(("n_seeds", "n_splits", "seed_variance"), [(2, 4, 1.0), (3, 2, 4.0), (5, 4, 0.5), (1, 4, 1.0)])
def test_interval_about_databases_covers_the_truth(n_seeds: int, n_splits: int, seed_variance: float) -> None:
    """Measure = mean over 40 training participants + effect of the seed; test participants add theirs."""
    rng = np.random.default_rng(n_seeds * 10 + n_splits)
    inside = []
    for _ in range(400):
        parts, difference = [], rng.normal(0, 0.5)
        people = rng.normal(0, 1, 15)
        parts.append(participant_part((people.sum() - people) / 14 * 0.5 * np.sqrt(15), ["all"] * 15))
        for sign in (1, -1):
            habit = rng.normal(0, np.sqrt(40), 40)
            seeds = habit.mean() + rng.normal(0, np.sqrt(seed_variance), n_seeds)
            gaps = np.empty(n_splits)
            for split in range(n_splits):
                order = rng.permutation(40)
                gaps[split] = habit[order[:20]].mean() - habit[order[20:]].mean()
                gaps[split] += rng.normal(0, np.sqrt(2 * seed_variance))
            difference += sign * seeds.mean()
            parts.append(retraining_part(seeds, gaps))
        found = interval(difference, parts, confidence=0.95)
        inside.append(found.low <= 0 <= found.high)
    standard_error = np.sqrt(0.95 * 0.05 / 400)
    assert np.mean(inside) > 0.95 - 3 * standard_error
    assert np.mean(inside) < 0.999


def test_claims_widen_from_networks_to_databases() -> None:
    table = _verdicts(_measured(noise=0.05))
    networks, people, databases = (_claim(table, name) for name in ("networks", "people", "databases"))
    assert pd.isna(networks["low"])
    assert databases["standard_error"] > people["standard_error"]
    assert networks["verdict"] == people["verdict"] == ""
    assert databases["verdict"] in {"a", "undecided"}


def test_exchanging_the_models_flips_the_signs_and_keeps_p() -> None:
    forth, back = (
        _claim(verdict_table(claim_rows(_measured(), a, b, confidence=0.9)), "databases") for a, b in ("ab", "ba")
    )
    assert forth["difference"] == -back["difference"]
    assert forth["low"] == pytest.approx(-back["high"])
    assert forth["p"] == back["p"]
    assert (forth["verdict"], back["verdict"]) == ("a", "b")
    assert forth["seeds_agreeing"] == back["seeds_agreeing"] == 3


def test_without_halves_the_claim_about_databases_is_refused_with_its_reason() -> None:
    row = _claim(_verdicts(_measured(halves=0)), "databases")
    assert pd.isna(row["low"])
    assert pd.isna(row["p"])
    assert row["verdict"] == ""
    assert "half_splits" in row["reason"]
    assert row["half_splits"] == 0


def test_null_band_is_the_largest_gap_between_halves() -> None:
    measured = _measured(halves=2)
    gaps = [
        abs(rows[f"half={split}a"][0] - rows[f"half={split}b"][0])
        for rows in (measured.replicates_of("a"), measured.replicates_of("b"))
        for split in range(2)
    ]
    assert _claim(_verdicts(measured), "networks")["null_band"] == pytest.approx(max(gaps) / np.sqrt(2))


def test_a_single_test_participant_of_a_database_allows_no_interval() -> None:
    whole = _measured()
    few = Measured("auroc", "c", whole.networks, whole.values[:, :8], ("a",) * 6 + ("b",), "", 9)
    row = _claim(_verdicts(few), "people")
    assert pd.isna(row["low"])
    assert "single test participant" in row["reason"]


def test_a_measure_undefined_without_one_participant_allows_no_interval() -> None:
    measured = _measured()
    measured.values[0, 3] = np.nan
    assert "undefined without" in _claim(_verdicts(measured), "databases")["reason"]


def test_a_model_without_seed_is_refused() -> None:
    measured = _measured()
    halves = [row for row, (_, name) in enumerate(measured.networks) if name.startswith("half=")]
    only = Measured("auroc", "c", tuple(measured.networks[r] for r in halves), measured.values[halves], DATABASE, "", 9)
    with pytest.raises(DataError, match="no network seed="):
        claim_rows(only, "a", "b", confidence=0.95)


def test_holm_counts_the_concepts_of_a_measure() -> None:
    table = _verdicts(_measured(), _measured(0.7, 0.7, concept="smile"), _measured(measure="regression"))
    own = table[(table["claim"] == "databases") & (table["concept"] == "eyes-closed")].set_index("measure")
    family = own["p_holm"] / own["p"]
    np.testing.assert_allclose(family[["auroc", "regression"]].to_numpy(dtype=float), [2, 1])


def test_refused_measures_keep_a_row_with_their_reason() -> None:
    table = verdict_table(refused_rows("auroc", "smile", ["a", "b"], reason="too few faces", confidence=0.95))
    assert set(table["claim"]) == {"networks", "people", "databases"}
    assert set(table["reason"]) == {"too few faces"}
    assert table["difference"].isna().all()


EXPECTED = Expectation(favours={"eyes-closed": "a"}, no_difference=("smile",), confidence=0.9)


def test_planted_directions_are_found_and_null_concepts_stay_undifferent() -> None:
    findings = judge(_verdicts(_measured(), _measured(0.7, 0.7, concept="smile")), EXPECTED)
    assert [finding.met for finding in findings] == [True, True]


def test_a_wrong_direction_is_not_found() -> None:
    findings = judge(_verdicts(_measured(0.55, 0.8), _measured(0.9, 0.3, concept="smile")), EXPECTED)
    assert [finding.met for finding in findings] == [False, False]
    assert "not found" in findings[0].sentence
    assert "called different" in findings[1].sentence


def test_expectations_use_their_own_confidence() -> None:
    table = _verdicts(_measured(0.7, 0.66, noise=0.001), confidence=0.8)
    row = _claim(table, "databases")
    level = float(1 - row["p"])  # the interval at this level touches zero
    wide, narrow = (
        judge(table, Expectation(no_difference=("eyes-closed",), confidence=value))[0].met
        for value in (level + (1 - level) / 2, max(level - 1e-6, 0.51))
    )
    assert (wide, narrow) == (True, False)
    low, _ = limits(row["difference"], row["standard_error"], row["df"], confidence=level)
    assert low == pytest.approx(0, abs=1e-6)


def test_a_seed_that_disagrees_spoils_a_planted_direction() -> None:
    table = _verdicts(_measured())
    table["seeds_agreeing"] = 2
    assert not judge(table, Expectation(favours={"eyes-closed": "a"}))[0].met


def test_refused_claims_meet_no_expectation() -> None:
    table = _verdicts(_measured(halves=0), _measured(0.7, 0.7, concept="smile", halves=0))
    findings = judge(table, EXPECTED)
    assert [finding.met for finding in findings] == [False, False]
    assert all("half_splits" in finding.sentence for finding in findings)


def test_an_expected_concept_without_verdict_is_not_met() -> None:
    assert not judge(_verdicts(_measured()), Expectation(no_difference=("frown",)))[0].met


def test_the_sentence_tells_direction_interval_and_seeds() -> None:
    statement = describe(_verdicts(_measured()), target="pain")[0]
    assert statement.verdict == "a"
    assert "The a models' pain score goes along with 'eyes closed' more than the b models'" in statement.headline
    assert "95\N{NO-BREAK SPACE}% interval" in statement.headline
    assert "about the databases; 3 of 3 seeds agree" in statement.headline
    assert any("association" in note for note in statement.notes)
    assert any("One database has 6 test participants" in note for note in statement.notes)


def test_the_sentence_names_the_winner_first_and_whose_difference_it_is() -> None:
    headline = describe(_verdicts(_measured(0.5, 0.9)), target="pain")[0].headline
    assert headline.startswith("The b models'")
    assert "difference a minus b -" in headline


def test_scores_below_one_half_go_against_the_concept() -> None:
    headline = describe(_verdicts(_measured(0.4, 0.1)), target="pain")[0].headline
    assert headline.startswith("The b models' pain score goes against 'eyes closed' more than the a models'")


def test_undecided_is_not_called_equal() -> None:
    statement = describe(_verdicts(_measured(0.7, 0.7, noise=0.05)), target="pain")[0]
    assert statement.verdict == "undecided"
    assert "Undecided is not the same as equal" in statement.headline
    assert any("mostly missed" in note for note in statement.notes)


def test_without_halves_the_sentence_speaks_of_these_networks_only() -> None:
    statement = describe(_verdicts(_measured(halves=0)), target="pain")[0]
    assert statement.verdict == ""
    assert "These a networks'" in statement.headline
    assert "No claim about databases" in statement.headline


def test_measures_that_disagree_are_told_in_words() -> None:
    table = _verdicts(_measured(), _measured(0.1, 0.5, measure="cause"))
    notes = " ".join(describe(table, target="pain")[0].notes)
    assert "disagree with the headline: counterfactual twins" in notes
    assert "alone changes the probability of pain by +.1" in notes


def test_an_untestable_concept_gets_a_sentence() -> None:
    table = verdict_table(refused_rows("auroc", "smile", ["a", "b"], reason="too few faces", confidence=0.95))
    assert "could not be compared" in describe(table, target="pain")[0].headline


def test_declared_measures_are_one_family_and_others_exploratory() -> None:
    rows = []
    for name in ("auroc", "cause", "regression"):
        rows += claim_rows(_measured(measure=name), "a", "b", confidence=0.95)
    table = verdict_table(rows, declared=("auroc", "cause"))
    own = table[table["claim"] == "databases"].set_index("measure")
    assert dict(own["family"]) == {"auroc": "declared", "cause": "declared", "regression": "exploratory"}
    p, adjusted = dict(own["p"].astype(float)), dict(own["p_holm"].astype(float))
    assert adjusted["auroc"] == pytest.approx(min(2 * p["auroc"], 1.0))
    assert adjusted["regression"] == pytest.approx(p["regression"])


def test_a_difference_within_the_bound_is_called_equivalent_and_said_so() -> None:
    row: dict[str, object] = {
        "measure": "auroc", "concept": "smile", "model_a": "a", "model_b": "b", "claim": "databases", "value_a": 0.6,
        "value_b": 0.61, "difference": -0.01, "low": -0.05, "high": 0.03, "standard_error": 0.02, "df": 30.0, "p": 0.62,
        "confidence": 0.95, "seeds": 3, "seeds_agreeing": 2, "half_splits": 4, "participants": 40, "null_band": 0.05,
        "reason": "", "fewest_participants": 20,
    }  # fmt: skip
    assert verdict_table([row]).iloc[0]["verdict"] == "undecided"
    table = verdict_table([row], declared=("auroc",), equivalence={"auroc": 0.1})
    assert table.iloc[0]["verdict"] == "equivalent"
    assert describe(table, target="pain")[0].headline.startswith("The a and the b models' pain score goes along")
    assert verdict_table([row], equivalence={"auroc": 0.03}).iloc[0]["verdict"] == "undecided"
    different: dict[str, object] = row | {"difference": 0.09, "p": 1e-4}
    assert verdict_table([different], equivalence={"auroc": 0.2}).iloc[0]["verdict"] == "a"


def test_nothing_is_minus_zero() -> None:
    assert [_number(v) for v in (-0.001, 0.004, -0.8, 1.2, -1.0)] == [".00", ".00", "-.80", "1.20", "-1.00"]
    assert [_signed(v) for v in (-0.001, 0.0, -0.25)] == ["+.00", "+.00", "-.25"]


def test_the_bootstrap_over_people_checks_the_jackknife() -> None:
    study = make_study(PLANTED, seeds=2, halves=1, people=12)
    material = gather(study.evidence, databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5, draws=400)
    table = verdict_table(claim_rows(measure_auroc(material, "eyes-closed"), *DATABASES, confidence=0.95))
    people = table[table["claim"] == "people"].iloc[0]
    width, drawn = people["high"] - people["low"], people["bootstrap_high"] - people["bootstrap_low"]
    assert 0.6 < drawn / width < 1.3
    assert people["bootstrap_low"] < people["difference"] < people["bootstrap_high"]
    assert table.loc[table["claim"] != "people", "bootstrap_low"].isna().all()


def test_measures_that_name_different_models_are_told_in_words() -> None:
    base = {"concept": "c", "model_a": "a", "model_b": "b", "claim": "databases", "standard_error": 0.1}
    words = {"auroc": "a", "cause": "b", "decodability:participants": "a", "relevance:max": "b"}
    table = pd.DataFrame([base | {"measure": m, "verdict": w} for m, w in words.items()])
    told = disagreements(table, "c", "a", "b")
    assert any("Decodability points to the a models, the counterfactual twins to the b models" in t for t in told)
    assert any("association points to the a models, the counterfactual twins" in t for t in told)
    assert not disagreements(table.assign(verdict="a"), "c", "a", "b")
    nothing = table.assign(verdict=["undecided", "undecided", "a", "undecided"])
    assert "no finding about use" in disagreements(nothing, "c", "a", "b")[0]
