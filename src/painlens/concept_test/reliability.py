"""How far two raters agree on a concept, and what their disagreement would do to the association.

Agreement is counted on the labels before adjudication, faces weighted alike; its interval draws participants, since the
faces of one person are alike. For label noise every label is drawn again as a second rater would have set it, given
the first: a yes stays with the share of one rater's yes that is also the other's. Where the labels were adjudicated
they are better than one rater's, so this is the careful side.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.annotations.agreement import coefficients
from painlens.annotations.labels import WORDS
from painlens.concept_test.association import stratified_auroc
from painlens.concept_test.cells import Cell, usable_cells
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import FACE, Material, people_of, rows_of
from painlens.concept_test.tasks import generator_of
from painlens.tables import LABEL_NOISE, RELIABILITY, DataError, conform, empty

COLUMNS = ("database", "frame_id", "concept", "rater", "value")
DRAWS = 2000  # of the interval of kappa


def load_ratings(path: Path) -> pd.DataFrame:
    """Two raters' labels from a CSV file with the columns database, frame_id, concept, rater, value.

    Raises
    ------
    DataError
        The file is missing, lacks a column, holds another value than yes, no or unsure, a rater labels a face twice, or
        a concept has other than two raters.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"the file of ratings is missing: {path}; correct concept_test.ratings") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file with the columns {', '.join(COLUMNS)}: {error}") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(f"{path} must have the columns {', '.join(COLUMNS)}; {missing} are missing")
    answers = table["value"].str.strip().str.lower()
    line = pd.Series(range(2, len(table) + 2), index=table.index)  # of the file, whose first line is the header
    wrong = ~answers.isin(list(WORDS))
    if wrong.any():
        raise DataError(f"{path}, line {line[wrong].iloc[0]}: value must be yes, no or unsure, got "
                        f"'{table['value'][wrong].iloc[0]}'")  # fmt: skip
    doubled = table.duplicated([*FACE, "concept", "rater"])
    if doubled.any():
        raise DataError(
            f"{path}, line {line[doubled].iloc[0]}: rater '{table['rater'][doubled].iloc[0]}' labels frame "
            f"{table['frame_id'][doubled].iloc[0]} twice for one concept"
        )
    for concept, own in table.groupby("concept"):
        raters = sorted(own["rater"].unique())
        if len(raters) != 2:
            raise DataError(
                f"{path}: agreement is between two raters, concept '{concept}' has {len(raters)}: "
                f"{', '.join(raters)}; give the labels of the two blind raters, without an adjudicator's"
            )
    return table[list(COLUMNS)].assign(value=pd.array([WORDS[a] for a in answers], dtype="boolean"))


def tabulate_reliability(material: Material, ratings: pd.DataFrame, *, confidence: float, seed: int) -> pd.DataFrame:
    """RELIABILITY rows: agreement of the two raters on the labelled test faces, with kappa's interval.

    Raises
    ------
    DataError
        Ratings are about faces that the concept test does not know.
    """
    rows = []
    for concept in material.present:
        own = ratings[ratings["concept"] == concept]
        if own.empty:
            continue
        pairs = own.pivot(index=FACE, columns="rater", values="value").dropna()
        faces = pairs.reset_index()[FACE].merge(material.faces, on=FACE, how="left")
        unknown = faces["participant"].isna()
        if unknown.any():
            example = faces.loc[unknown, FACE].iloc[0].tolist()
            raise DataError(
                f"ratings of '{concept}' name {int(unknown.sum())} frames that are no labelled test faces, e.g. "
                f"{example}; compare database and frame_id with faces.parquet"
            )
        if pairs.empty:
            continue
        first, second = (pairs.iloc[:, side].to_numpy(dtype=bool) for side in (0, 1))
        people = people_of(faces)
        rng = generator_of(seed, concept, "kappa")
        drawn = _kappas_of_draws(first, second, people.number, rng)
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]) if len(drawn) else (np.nan,) * 2
        counts = _counts(first, second, np.ones((1, len(first))))
        found = {name: float(value[0]) for name, value in coefficients(counts).items()}
        yes_kept, no_kept = _kept(counts[0])
        rows.append({
            "concept": concept, "raters": ", ".join(map(str, pairs.columns)), "faces": len(pairs),
            "participants": len(people.database), "prevalence": (first.mean() + second.mean()) / 2,
            "agreement": found["raw"], "kappa": found["kappa"], "low": low, "high": high, "ac1": found["ac1"],
            "yes_kept": yes_kept, "no_kept": no_kept,
        })  # fmt: skip
    return conform(pd.DataFrame(rows), RELIABILITY) if rows else empty(RELIABILITY)


def tabulate_label_noise(
    material: Material, reliability: pd.DataFrame, databases: Sequence[str], *, draws: int, seed: int
) -> pd.DataFrame:
    """LABEL_NOISE rows: the difference of the stratified AUROC with labels drawn again at the raters' agreement."""
    rows = []
    for row in reliability.to_dict("records") if draws else []:
        concept = str(row["concept"])
        try:
            before, noisy = _noisy_auroc(material, concept, row["yes_kept"], row["no_kept"], draws=draws, seed=seed)
        except Untestable:
            continue  # the verdicts tell why
        for a, b in combinations(databases, 2):
            sides = [[i for i, (name, own) in enumerate(material.networks) if name == m and own.startswith("seed=")]
                     for m in (a, b)]  # fmt: skip
            difference = before[sides[0]].mean() - before[sides[1]].mean()
            drawn = noisy[sides[0]].mean(axis=0) - noisy[sides[1]].mean(axis=0)
            drawn = drawn[np.isfinite(drawn)]
            if not len(drawn):
                continue
            low, high = np.quantile(drawn, [0.025, 0.975])
            rows.append({
                "concept": concept, "model_a": a, "model_b": b, "difference": difference, "noisy": drawn.mean(),
                "low": low, "high": high, "same_sign": (np.sign(drawn) == np.sign(difference)).mean(),
                "draws": len(drawn),
            })  # fmt: skip
    return conform(pd.DataFrame(rows), LABEL_NOISE) if rows else empty(LABEL_NOISE)


def _noisy_auroc(
    material: Material, concept: str, yes_kept: float, no_kept: float, *, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """AUROC of every network, (network,), and with each draw of the labels, (network, draw)."""
    rows, present = rows_of(material, concept)
    faces = material.faces.iloc[rows].reset_index(drop=True)
    cells, people = usable_cells(faces, present, concept=concept, smallest=material.smallest_cell), people_of(faces)
    score, everybody = material.score[:, rows], np.ones((1, len(people.database)))
    rng = generator_of(seed, concept, "label noise")
    kept = rng.random((draws, len(rows))) < np.where(present, yes_kept, no_kept)
    noisy = np.empty((len(score), draws))
    for draw, own in enumerate(np.where(kept, present, ~present)):
        drawn = tuple(Cell(cell.label, cell.database, cell.rows, own[cell.rows]) for cell in cells)
        noisy[:, draw] = stratified_auroc(score, drawn, people, everybody)[:, 0]
    return stratified_auroc(score, cells, people, everybody)[:, 0], noisy


def _counts(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Confusion tables, yes first: (weighting, 2, 2) for weights (weighting, face)."""
    kinds = (first & second, first & ~second, ~first & second, ~first & ~second)
    return np.stack([weight @ kind for kind in kinds], axis=-1).reshape(-1, 2, 2)


def _kept(counts: np.ndarray) -> tuple[float, float]:
    """Share of one rater's yes that is also the other's, both ways together, and the same of no; 1 without any."""
    (both, one), (other, neither) = counts.tolist()
    yes, no = 2 * both + one + other, 2 * neither + one + other
    return (2 * both / yes if yes else 1.0), (2 * neither / no if no else 1.0)


def _kappas_of_draws(
    first: np.ndarray, second: np.ndarray, participant: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Cohen's kappa on drawn participants."""
    n_people = int(participant.max()) + 1
    weights = rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=DRAWS)
    return coefficients(_counts(first, second, weights[:, participant].astype(float)))["kappa"]
