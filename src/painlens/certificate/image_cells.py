"""Cells of the certificate's level of images: which studies are made, and what a draw of one is.

Only the study file differs from an ordinary run: people, recordings, splits and training seeds are drawn anew for every
draw. The digest of a draw's settings (`definition`) tells whether one in a folder is still what its cell says.
"""

import copy
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from painlens.certificate.cells import Design
from painlens.study import Database, Study, StudyError, parse_study
from painlens.workflow.run_folder import shipped_study

LEVEL = "images"


@dataclass(frozen=True)
class ImageCell:
    """Studies that are made alike, from one of the shipped study files.

    Attributes
    ----------
    base
        Shipped study file.
    expected
        Concept -> where it was planted to matter more: 'a' (the earlier database), 'b', or 'none'.
    alike
        Database of `base` of which both databases of the study are draws; empty: as in the file.
    changes
        Nested settings that replace those of the file.
    """

    kind: Literal["null", "planted"]
    base: str
    description: str
    expected: Mapping[str, Literal["a", "b", "none"]]
    alike: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


_NOTHING: dict[str, Literal["a", "b", "none"]] = {"eyes-closed": "none", "teeth-visible": "none", "smile": "none"}
_PLANTED: dict[str, Literal["a", "b", "none"]] = {"eyes-closed": "a", "teeth-visible": "b", "smile": "none"}


def _bias(**rates: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Changes of the planted rates: database -> concept -> (under pain, without pain)."""
    return {
        "databases": {
            name: {"synthetic": {"bias": {c: {"pain": pain, "no_pain": no} for c, (pain, no) in own.items()}}}
            for name, own in rates.items()
        }
    }


_UNEQUAL = {
    "left": {"synthetic": {"participants": 25}, "split": {"test": 7, "validation": 2}},
    "right": {"synthetic": {"participants": 67}, "split": {"test": 15, "validation": 5}},
}
_CONFOUNDED = {name: {"synthetic": {"confounding": 1.0}} for name in ("clinical", "experimental")}

CELLS: dict[str, ImageCell] = {
    "planted": ImageCell(
        "planted", "demo", "the demonstration's pair: closed eyes in the clinical, visible teeth in the experimental "
        "database", _PLANTED,
    ),
    "null": ImageCell(
        "null", "null", "two databases drawn alike, visible teeth go along with pain in both", _NOTHING
    ),
    "null-unequal": ImageCell(
        "null", "null", "two databases drawn alike in the demonstration's unequal sizes, visible teeth go along with "
        "pain in both", _NOTHING, changes={"databases": _UNEQUAL},
    ),
    "null-no-cue": ImageCell(
        "null", "null", "two databases drawn alike, nothing but the face's pain goes along with pain", _NOTHING,
        changes=_bias(left={"teeth-visible": (0.3, 0.3)}, right={"teeth-visible": (0.3, 0.3)}),
    ),
    "weak": ImageCell(
        "planted", "demo", "the demonstration's pair with half the planted difference", _PLANTED,
        changes=_bias(clinical={"eyes-closed": (0.5, 0.0)}, experimental={"teeth-visible": (0.6, 0.25)}),
    ),
    "null-clinical": ImageCell(
        "null", "demo", "two clinical databases drawn alike, closed eyes go along with pain in both; seven test people "
        "each", _NOTHING, alike="clinical",
    ),
    "paper-sizes": ImageCell(
        "planted", "demo", "the demonstration's pair at the paper's sizes: 20 and 47 people train, 4 and 15 test",
        _PLANTED, changes={"databases": {"clinical": {"split": {"test": 4, "validation": 1}}}},
    ),
    "confounded": ImageCell(
        "planted", "demo", "the demonstration's pair, concepts come exactly where other facial actions peak", _PLANTED,
        changes={"databases": _CONFOUNDED},
    ),
}  # fmt: skip
FIRST = ("planted", "null", "null-unequal")  # made before all others, in turn: a certificate broken off early has both


@dataclass(frozen=True, order=True)
class Draw:
    """One study of a cell."""

    cell: str
    number: int

    def folder(self, root: Path) -> Path:
        """Folder of its run.

        >>> Draw("null", 3).folder(Path("runs/certify")).as_posix()
        'runs/certify/images/null/draw=03'
        """
        return root / LEVEL / self.cell / f"draw={self.number:02d}"

    def seed(self, *names: object) -> int:
        """A seed of its own for every named thing of this draw; the same in every call and on every machine."""
        words = [zlib.crc32(str(name).encode()) for name in ("certify", self.cell, self.number, *names)]
        return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


def draws_of(cells: Sequence[str], studies: int) -> list[Draw]:
    """All draws, the cells in turn, so that what is there after a while is balanced.

    Raises
    ------
    StudyError
        There is no such cell.
    """
    for name in cells:
        if name not in CELLS:
            raise StudyError(f"no cell '{name}' at the level of images; there are {', '.join(CELLS)}")
    rounds = [[c for c in cells if c in FIRST], [c for c in cells if c not in FIRST]]
    return [Draw(cell, number) for part in rounds for number in range(studies) for cell in part]


def raw_study(draw: Draw) -> dict[str, Any]:
    """Keys and values of a draw's study file, all but the shared emotion network."""
    cell = CELLS[draw.cell]
    raw: dict[str, Any] = copy.deepcopy(yaml.safe_load(shipped_study(cell.base).read_text(encoding="utf-8")))
    # YAML's aliases share one object between databases; a change of one must not be a change of the other.
    raw["databases"] = {name: copy.deepcopy(database) for name, database in raw["databases"].items()}
    if cell.alike:
        _draw_alike(raw, cell.alike)
    _merge(raw, cell.changes)
    raw |= {"study": f"certify-{draw.cell}-{draw.number:02d}", "title": cell.description, "seed": draw.seed("study")}
    raw.pop("pretraining", None)
    raw.pop("expect", None)
    for name, database in raw["databases"].items():
        database["synthetic"]["seed"] = draw.seed(name, "people")
        database["split"]["seed"] = draw.seed(name, "split")
    raw["concept_test"]["floor_permutations"] = 0  # floors stand beside a verdict and do not decide it
    raw["trust"] = {"randomised_labels": 0}  # nor do the checks of the maps
    return raw


def study_of(draw: Draw, emotion: Path) -> Study:
    """The study of a draw, which starts from a given emotion network."""
    raw = raw_study(draw) | {"pretraining": {"checkpoint": str(emotion.resolve())}}
    return parse_study(raw, source=f"cell '{draw.cell}'")


def definition(draw: Draw) -> str:
    """Digest of all that was chosen for a draw."""
    chosen = raw_study(draw)
    del chosen["title"], chosen["trust"]  # change no verdict
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def design_of(cell: str) -> Design:
    """Sizes and planted difference of a cell, as the record describes them."""
    study = parse_study(raw_study(Draw(cell, 0)))
    a, b = study.databases.values()
    (train_a, test_a), (train_b, test_b) = _people(a), _people(b)
    of_a, of_b = _effects(a), _effects(b)
    return Design(
        train_a=train_a, train_b=train_b, test_a=test_a, test_b=test_b,
        seeds=study.replication.seeds, half_splits=study.replication.half_splits,
        bias=max(abs(of_a.get(concept, 0.0) - of_b.get(concept, 0.0)) for concept in study.concepts),
        cue=max(abs(effect) for effect in (*of_a.values(), *of_b.values())),
        confounding=max(a.synthetic.confounding, b.synthetic.confounding) if a.synthetic and b.synthetic else 0.0,
        description=CELLS[cell].description,
        settings={"study": CELLS[cell].base, "training": training_of(study), "size": study.faces.size},
    )  # fmt: skip


def training_of(study: Study) -> str:
    """How long the networks of a study are trained, in the words of the made studies."""
    return "equal steps" if study.training.steps is not None else f"{study.training.epochs} epochs"


def _merge(raw: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put nested changes into nested keys, in place."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(raw.get(key), dict):
            _merge(raw[key], value)
        else:
            raw[key] = copy.deepcopy(value)


def _draw_alike(raw: dict[str, Any], name: str) -> None:
    """Both databases become draws of one."""
    raw["databases"] = {side: copy.deepcopy(raw["databases"][name]) for side in ("left", "right")}
    balance = raw["training"].get("class_balance", {})
    raw["training"]["class_balance"] = dict.fromkeys(("left", "right"), balance[name]) if name in balance else {}


def _people(database: Database) -> tuple[int, int]:
    """Training and test participants of a rendered database."""
    drawn, split = database.synthetic, database.split
    if drawn is None or not isinstance(split.test, int) or not isinstance(split.validation, int):
        raise StudyError("the certificate is made on rendered databases whose parts are drawn")
    out = drawn.non_reactive if database.frames.exclude == "non-reactive" else 0
    return drawn.participants - out - split.test - split.validation, split.test


def _effects(database: Database) -> dict[str, float]:
    """Concept -> its rate under pain minus its rate without."""
    drawn = database.synthetic
    return {concept: rate.pain - rate.no_pain for concept, rate in drawn.bias.items()} if drawn else {}
