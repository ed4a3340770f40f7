"""Whether intervals of cross-fitted studies cover: made studies in which everybody trains and everybody is tested once.

Two databases of as many people each are drawn with the certificate's made features. People are dealt to K folds; every
seed and every half of the people has a network per fold that was trained without the fold. Faces are compared within a
fold, as in a study with `replication.cross_fitting`. The truth is 0 where the databases were drawn alike, else the mean
over the studies.

Figures are named ``cross_fitting.DESIGN.MEASURE.CLAIM.`` and then `called`: the rate of differences called at 5 %,
`covered`: the share of 95 % intervals that held the truth, or `error_over_sd`: the mean standard error over the
standard deviation of the difference.

    python -m benchmarks.cross_fitting [--people 20] [--folds 5] [--studies 200] [--designs null planted]
"""

import argparse
import json

import numpy as np
import pandas as pd

from painlens.certificate.designs import CONCEPTS, MadeDesign, Size
from painlens.certificate.made_faces import N_FEATURES, draw_faces
from painlens.certificate.made_study import DATABASES, STEPS
from painlens.certificate.small_networks import BATCH, shared_start, train_small_network
from painlens.concept_test.association import measure_auroc
from painlens.concept_test.claims import DATABASES as ABOUT_DATABASES
from painlens.concept_test.claims import PEOPLE, claim_rows
from painlens.concept_test.material import Material
from painlens.concept_test.regression import measure_regression

IMAGES = 24  # faces of each person
UNITS = {"called": "share", "covered": "share", "error_over_sd": "ratio"}
MEASURES = {"auroc": measure_auroc, "regression": measure_regression}


def main() -> None:
    """Run the simulation and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--halves", type=int, default=3)
    parser.add_argument("--designs", nargs="+", default=["null", "planted"])
    options = parser.parse_args()
    for kind in options.designs:
        strength = "strong" if kind == "null" else "medium"
        size = Size("all", (options.people,) * 2, (options.people,) * 2)
        design = MadeDesign(kind, strength, size, seeds=options.seeds, halves=options.halves, images=IMAGES)
        rows = []
        for study in range(options.studies):
            rows += study_rows(design, options.folds, np.random.default_rng([2022, len(kind), study]))
        table = pd.DataFrame(rows)
        for (measure, claim), own in table[table["concept"] != "smile"].groupby(["measure", "claim"]):
            found = summed(own, kind)
            details = {"design": f"{kind} {strength}", "people": options.people, "folds": options.folds}
            details["studies"] = found.pop("studies")
            for name, value in found.items():
                figure = {"figure": f"cross_fitting.{kind}.{measure}.{claim}.{name}", "value": value}
                print(json.dumps(figure | {"unit": UNITS[name]} | details), flush=True)


def study_rows(design: MadeDesign, folds: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """One study: VERDICTS rows of both measures and all concepts."""
    material = draw_material(design, folds, rng)
    rows: list[dict[str, object]] = []
    for concept in CONCEPTS:
        for measure in MEASURES.values():
            found = claim_rows(measure(material, concept), *DATABASES, confidence=0.95)
            rows += [row for row in found if row["claim"] in (PEOPLE, ABOUT_DATABASES)]
    return rows


def draw_material(design: MadeDesign, folds: int, rng: np.random.Generator) -> Material:
    """Draw both databases, train all networks of all folds, and compose each replicate's answers."""
    start, people = shared_start(N_FEATURES), design.size.test[0]
    drawn = [
        draw_faces(people, IMAGES, design.rates(number), confounded=design.confounded, rng=rng) for number in (0, 1)
    ]
    features = np.concatenate([one.features for one in drawn])
    person = np.tile(np.repeat(np.arange(people), IMAGES), 2)
    fold = person % folds  # people are drawn in no order: any dealing is a random one
    networks, scores = [], []
    for number, model in enumerate(DATABASES):
        own = drawn[number]
        epochs = round(STEPS * BATCH / (len(own.pain) * (folds - 1) / folds))
        for replicate, members in replicates(design, people, rng):
            answer = np.empty(len(features))
            for k in range(folds):
                training, pain = own.of(np.array([who for who in members if who % folds != k]))
                passes = 2 * epochs if replicate.startswith("half=") else epochs
                network = train_small_network(training, pain, start, epochs=passes, rng=rng)
                answer[fold == k] = network.score(features[fold == k])
            networks.append((model, replicate))
            scores.append(answer)
    faces = pd.DataFrame(
        {
            "database": np.repeat(DATABASES, people * IMAGES),
            "frame_id": [f"{row:05d}" for row in range(len(features))],
            "participant": [f"{who:03d}" for who in person],
            "label": np.where(np.concatenate([one.pain for one in drawn]), "pain", "no-pain"),
        }
    )
    present = np.concatenate([one.present for one in drawn]).astype(float)
    return Material(
        faces, tuple(networks), np.array(scores), {c: present[:, i] for i, c in enumerate(CONCEPTS)},
        dict.fromkeys(CONCEPTS, "face"), 5, fold=fold,
    )  # fmt: skip


def replicates(design: MadeDesign, people: int, rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Names of the networks of one database and the people who may train them."""
    found = [(f"seed={seed}", np.arange(people)) for seed in range(design.seeds)]
    for split in range(design.halves):
        order = rng.permutation(people)
        found += [(f"half={split}a", order[: people // 2]), (f"half={split}b", order[people // 2 :])]
    return found


def summed(own: pd.DataFrame, kind: str) -> dict[str, float]:
    """Rates over the studies; planted concepts are pooled after their own mean was taken off."""
    own = own[own["standard_error"].notna()]
    truth = 0.0 if kind == "null" else own.groupby("concept")["difference"].transform("mean")
    studies = own.groupby("concept")["difference"].transform("size")
    stretch = 1.0 if kind == "null" else np.sqrt(studies / (studies - 1))
    away = (own["difference"] - truth) * stretch
    held = away.abs() <= (own["high"] - own["low"]) / 2
    return {
        "studies": int(studies.min()),
        "called": round(float((own["p"] <= 0.05).mean()), 4),
        "covered": round(float(held.mean()), 4),
        "error_over_sd": round(float(np.sqrt((own["standard_error"] ** 2).mean()) / np.sqrt((away**2).mean())), 3),
    }


if __name__ == "__main__":
    main()
