"""A made study for the tests of the concept test: answers, concept labels, twins, shares and features by formula."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from painlens.concept_test import Evidence, labelled_faces
from painlens.study import ConceptTest, Replication

DATABASES = ("clinical", "experimental")
REGIONS = {"eyes-closed": "eyes", "teeth-visible": "mouth"}
PLANTED = {"clinical": (1.5, 0.0), "experimental": (0.0, 1.5)}
ALIKE = {"clinical": (0.8, 0.8), "experimental": (0.8, 0.8)}
SETTINGS = ConceptTest(repeats=5, participant_repeats=5, floor_permutations=6, smallest_cell=5)


@dataclass(frozen=True)
class Made:
    """Arguments of `concept_tests`."""

    evidence: Evidence
    replication: Replication

    def arguments(self) -> dict[str, object]:
        return {
            "databases": DATABASES,
            "regions": REGIONS,
            "target": "pain",
            "settings": SETTINGS,
            "replication": self.replication,
            "seed": 0,
        }

    def with_evidence(self, **changes: object) -> "Made":
        return replace(self, evidence=replace(self.evidence, **changes))  # pyright: ignore[reportArgumentType]


def make_study(
    use: dict[str, tuple[float, float]] = PLANTED,
    *,
    seed: int = 0,
    seeds: int = 3,
    halves: int = 4,
    people: int = 7,
    images: int = 24,
) -> Made:
    """Networks whose log-odds are label + use x concepts + noise; `use` says how strongly each database's do."""
    rng = np.random.default_rng(seed)
    concepts = _concepts(rng, people, images)
    faces = labelled_faces(concepts)
    values = np.column_stack([_values(concepts, faces, name) for name in REGIONS])
    pain = (faces["label"] == "pain").to_numpy(dtype=float)
    habit = rng.normal(0, 0.3, (people * len(DATABASES), 2))[pd.factorize(faces["participant"])[0]]
    names = [f"seed={s}" for s in range(seeds)] + [f"half={h}{side}" for h in range(halves) for side in "ab"]
    predictions, twins, shares, features = [], [], [], {}
    for model in DATABASES:
        for replicate in names:
            own = np.asarray(use[model]) + rng.normal(0, 0.1, 2)
            score = pain + (values * (own + habit)).sum(axis=1) + rng.normal(0, 0.7, len(faces))
            network = {"model": model, "replicate": replicate}
            predictions.append(_predictions(faces, score).assign(**network))
            twins.append(_twins(own, rng).assign(**network))
            shares.append(_shares(faces, values, own, rng).assign(**network))
            held = np.zeros((len(faces), 500))
            held[:, :2] = 6 * values * own
            features[model, replicate] = held + rng.normal(0, 1, held.shape)
    features["emotion", "seed=0"] = rng.normal(0, 1, (len(faces), 500))
    units = faces[["database", "frame_id"]].assign(
        au04=pain + rng.normal(0, 0.5, len(faces)), au12=rng.normal(0, 1, len(faces)), au43=3.0 * values[:, 0]
    )
    evidence = Evidence(
        predictions=pd.concat(predictions, ignore_index=True),
        concepts=concepts,
        twins=pd.concat(twins, ignore_index=True),
        shares=pd.concat(shares, ignore_index=True),
        action_units=units,
        features=lambda model, replicate: features[model, replicate],
        networks=tuple(features),
    )
    return Made(evidence, Replication(seeds=seeds, half_splits=halves))


def _concepts(rng: np.random.Generator, people: int, images: int) -> pd.DataFrame:
    """Labels of both concepts: more often with pain."""
    rows = []
    for database in DATABASES:
        for person in range(people):
            for image in range(images):
                label = "pain" if image % 2 else "no-pain"
                for concept in REGIONS:
                    row = {"concept": concept, "database": database, "frame_id": f"p{person}/s/{image:03d}"}
                    value = bool(rng.random() < (0.5 if label == "pain" else 0.3))
                    name = f"{database[0]}{person}"
                    rows.append(row | {"participant": name, "label": label, "value": value, "source": "truth"})
    return pd.DataFrame(rows)


def _values(concepts: pd.DataFrame, faces: pd.DataFrame, concept: str) -> np.ndarray:
    own = concepts[concepts["concept"] == concept]
    merged = faces[["database", "frame_id"]].merge(own, on=["database", "frame_id"], how="left")
    return merged["value"].to_numpy(dtype=float)


def _predictions(faces: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    logits = {"logit:no-pain": -score / 2, "logit:pain": score / 2}
    return faces.assign(predicted=np.where(score > 0, "pain", "no-pain"), **logits)


def _twins(own: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for database in DATABASES:
        for index, concept in enumerate(REGIONS):
            for pair in range(8):
                without = rng.normal(0, 0.5)
                rows.append(
                    {
                        "database": database, "pair": f"{concept}-{pair}", "participant": f"t{pair % 4}",
                        "concept": concept, "score_without": without, "score_with": without + own[index],
                        "probability_without": 1 / (1 + np.exp(-without)),
                        "probability_with": 1 / (1 + np.exp(-without - own[index])),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _shares(faces: pd.DataFrame, values: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for index, region in enumerate(REGIONS.values()):
        share = 5 * own[index] * values[:, index] + rng.normal(0, 1, len(faces))
        parts.append(faces.assign(region=region, area=0.1, raw=share, max=share, **{"sum-abs": share}))
    return pd.concat(parts, ignore_index=True)
