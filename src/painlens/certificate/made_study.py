"""One whole made study: draw two databases, train their networks, and hand on what the concept test takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Float64, Int

from painlens.certificate.designs import CONCEPTS, MadeDesign
from painlens.certificate.made_faces import ACTION_UNITS, N_FEATURES, draw_faces
from painlens.certificate.small_networks import BATCH, SmallNetwork, shared_start, train_small_network
from painlens.concept_test.material import Material, Network

DATABASES = ("a", "b")
STEPS = 200  # optimisation steps of every network; fewer leave those of a small database unfinished
SMALLEST_CELL = 5  # as in painlens.study.ConceptTest
TRAINING_IMAGES = 24  # faces of each participant who trains
TWINS_PER_PERSON = 2  # one face with pain, one without


@dataclass(frozen=True)
class Twins:
    """Counterfactual pairs of one concept: test faces on which it was toggled and nothing else.

    Attributes
    ----------
    probability
        float64 (network, 2, pair): of pain, without and with the concept.
    score
        Log-odds of pain, likewise.
    row
        Test face of each pair.
    """

    probability: Float64[np.ndarray, "network 2 pair"]
    score: Float64[np.ndarray, "network 2 pair"]
    row: Int[np.ndarray, " pair"]


@dataclass(frozen=True)
class MadeStudy:
    """Networks and the faces that they are tested on, participants of B after those of A.

    Attributes
    ----------
    networks
        (model, replicate) -> network; models ``a`` and ``b``, replicates ``seed=0`` ..., ``half=0a`` ...
    """

    design: MadeDesign
    networks: dict[Network, SmallNetwork]
    features: Float32[np.ndarray, "face feature"]
    present: Bool[np.ndarray, "face concept"]
    units: Float64[np.ndarray, "face unit"]

    @property
    def score(self) -> Float64[np.ndarray, "network face"]:
        """Log-odds of pain."""
        return np.array([network.score(self.features) for network in self.networks.values()], dtype=np.float64)

    def twins(self, concept: int) -> Twins:
        """Answers with and without a concept: the truth of the certificate."""
        row = np.flatnonzero(np.arange(len(self.features)) % self.design.images < TWINS_PER_PERSON)
        pair = np.repeat(self.features[None, row], 2, axis=0)
        pair[0, :, concept] -= self.present[row, concept]
        pair[1, :, concept] += ~self.present[row, concept]
        flat = pair.reshape(2 * len(row), -1)
        score = np.array([network.score(flat) for network in self.networks.values()], dtype=np.float64)
        score = score.reshape(len(self.networks), 2, len(row))
        return Twins(1 / (1 + np.exp(-score)), score, row)


def draw_study(design: MadeDesign, rng: np.random.Generator) -> MadeStudy:
    """Draw people, train every network of both databases.

    Networks on half of the participants get as many optimisation steps as those on all: twice the epochs.
    """
    start, networks, tests = shared_start(N_FEATURES), {}, []
    for number, model in enumerate(DATABASES):
        sizes = design.size.train[number], design.size.test[number]
        training, test = (
            draw_faces(people, images, design.rates(number), confounded=design.confounded, rng=rng)
            for people, images in zip(sizes, (TRAINING_IMAGES, design.images), strict=True)
        )
        tests.append(test)
        epochs = design.epochs or round(STEPS * BATCH / len(training.pain))
        for seed in range(design.seeds):
            networks[model, f"seed={seed}"] = train_small_network(
                training.features, training.pain, start, epochs=epochs, rng=rng
            )
        for replicate, people in _halves(sizes[0], design.halves, rng):
            features, pain = training.of(people)
            networks[model, replicate] = train_small_network(features, pain, start, epochs=2 * epochs, rng=rng)
    arrays = (np.concatenate([getattr(test, name) for test in tests]) for name in ("features", "present", "units"))
    return MadeStudy(design, networks, *arrays)


def _halves(people: int, splits: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Names and participants of complementary halves."""
    for split in range(splits):
        order = rng.permutation(people)
        yield f"half={split}a", order[: people // 2]
        yield f"half={split}b", order[people // 2 :]


@lru_cache(maxsize=8)
def face_table(design: MadeDesign) -> pd.DataFrame:
    """Database, frame, participant and label of the test faces: the same in all studies of a design."""
    tables = []
    for database, people in zip(DATABASES, design.size.test, strict=True):
        person, image = (axis.ravel() for axis in np.mgrid[:people, : design.images])
        tables.append(
            pd.DataFrame(
                {
                    "database": database,
                    "frame_id": [f"{row:05d}" for row in range(len(person))],
                    "participant": [f"{database}{number:03d}" for number in person],
                    "label": np.where(image % 2 == 1, "pain", "no-pain"),
                }
            )
        )
    return pd.concat(tables, ignore_index=True).astype("string")


def material_of(study: MadeStudy) -> Material:
    """The study as the tables that a step of a real study would hand to the measures.

    Slow beside the numbers themselves; `painlens.certificate.measuring` goes without tables and is compared with this.
    """
    faces = face_table(study.design)
    units = pd.DataFrame(study.units, columns=pd.Index(ACTION_UNITS))
    return Material(
        faces,
        tuple(study.networks),
        study.score,
        {concept: study.present[:, number].astype(float) for number, concept in enumerate(CONCEPTS)},
        dict.fromkeys(CONCEPTS, "face"),
        SMALLEST_CELL,
        twins=_twin_table(study, faces),
        action_units=pd.concat([faces[["database", "frame_id"]], units], axis=1),
    )


def _twin_table(study: MadeStudy, faces: pd.DataFrame) -> pd.DataFrame:
    """The TWINS table of all concepts and networks."""
    tables = []
    for number, concept in enumerate(CONCEPTS):
        twins = study.twins(number)
        own = faces.loc[twins.row, ["database", "participant"]].reset_index(drop=True)
        pair = faces.loc[twins.row, "frame_id"].to_numpy() + f"/{concept}"
        for index, (model, replicate) in enumerate(study.networks):
            answers = {
                f"{kind}_{side}": getattr(twins, kind)[index, number_of_side]
                for kind in ("score", "probability")
                for number_of_side, side in enumerate(("without", "with"))
            }
            tables.append(own.assign(model=model, replicate=replicate, concept=concept, pair=pair, **answers))
    return pd.concat(tables, ignore_index=True)
