"""Decodability and the paper's test on made studies, with the product's linear SVMs on the hidden layers.

Fits are the dearest part of a study, so three things are smaller than in a real one: six faces of each test participant
take part, halves are drawn 3 times, and the paper's test repeats 20 times where the paper has 500. Its error grows with
the repeats, so what is counted here is a lower limit of it.
"""

from dataclasses import dataclass

import numpy as np

from painlens.certificate.designs import CONCEPTS
from painlens.certificate.made_study import MadeStudy, face_table
from painlens.concept_test.decodability import Decoding, decode
from painlens.concept_test.decodability_tables import MEASURE
from painlens.concept_test.folds import Untestable, image_halves, participant_halves
from painlens.concept_test.gram import gram_matrix, with_intercept
from painlens.concept_test.material import People, people_of
from painlens.concept_test.measured import Measured
from painlens.concept_test.replication import PairedTest, compare_decodings

FACES_PER_PERSON = 6
REPEATS = 3
PAPER_REPEATS = 20
# The features have a norm of about 4 and 16 dimensions, where the default cost of 1 makes fits several times as long.
COST = 0.1


@dataclass(frozen=True)
class Decoded:
    """What the SVMs of one study say.

    Attributes
    ----------
    measured
        Pooled F1 over halves of participants, ready for the claims.
    paired
        Concept -> the paper's test of the first network of A against the first of B.
    refused
        (measure, concept) -> why no halves of participants exist.
    """

    measured: tuple[Measured, ...]
    paired: dict[str, PairedTest]
    refused: dict[tuple[str, str], str]


def decode_study(study: MadeStudy, rng: np.random.Generator) -> Decoded:
    """Train and judge the SVMs of every network and concept."""
    rows = np.flatnonzero(np.arange(len(study.features)) % study.design.images < FACES_PER_PERSON)
    people = people_of(face_table(study.design).iloc[rows])
    grams = {
        name: with_intercept(gram_matrix(network.hidden(study.features[rows])))
        for name, network in study.networks.items()
    }
    measured, paired, refused = [], {}, {}
    for number, concept in enumerate(CONCEPTS):
        present = study.present[rows, number]
        try:
            values = _pooled_f1(grams, present, people, rng)
        except Untestable as error:
            refused[MEASURE, concept] = str(error)
        else:
            names, text = tuple(study.networks), "linear SVM, halves of participants"
            measured.append(Measured(MEASURE, concept, names, values, people.database, text, len(rows)))
        if 2 <= present.sum() <= len(present) - 2:
            halves = image_halves(present, repeats=PAPER_REPEATS, stratified=True, rng=rng)
            a, b = (_decode(grams[model, "seed=0"], present, people, halves) for model in ("a", "b"))
            paired[concept] = compare_decodings(a, b)
    return Decoded(tuple(measured), paired, refused)


def _pooled_f1(
    grams: dict[tuple[str, str], np.ndarray], present: np.ndarray, people: People, rng: np.random.Generator
) -> np.ndarray:
    """Pooled F1 of every network, with and without each participant."""
    if not 2 <= present.sum() <= len(present) - 2:
        raise Untestable(f"a concept needs two faces with and two without it, got {int(present.sum())} with")
    halves = participant_halves(present, people.number, repeats=REPEATS, rng=rng).first_half
    return np.array([_decode(gram, present, people, halves).pooled_f1_without() for gram in grams.values()])


def _decode(gram: np.ndarray, present: np.ndarray, people: People, halves: np.ndarray) -> Decoding:
    return decode(gram, present, people.number, halves, cost=COST)
