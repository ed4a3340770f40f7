"""The certificate's level of images: whole studies on rendered databases, from faces to verdict.

Every study is an ordinary run of painlens in a folder of its own, ``FOLDER/images/CELL/draw=03``, made by the same
Snakemake rules as `painlens run` uses, on a laptop or on a cluster. Only the study file differs: people, recordings,
splits and training seeds are drawn anew for every draw. Two things are left out: all studies start from one shared
emotion network, and a run ends with the concept test, since the verdict needs no page.

A finished draw keeps its tables and is never made again; a killed one goes on where it stopped.
"""

import copy
import hashlib
import json
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import yaml

from painlens.certificate.cells import Design
from painlens.study import Database, Study, StudyError, parse_study
from painlens.tables import DataError, load_json, load_manifest, save_json
from painlens.workflow.engine import run_workflow
from painlens.workflow.run_folder import RunFolder, prepare_run, shipped_study
from painlens.workflow.stages import EMOTION, Job, jobs_of
from painlens.workflow.supervise import INTERRUPTED, holding

LEVEL = "images"
DONE = "draw.json"  # a draw that holds it is finished
LOOK_EVERY_S = 2.0  # at the pause file
# What a finished draw no longer needs. Tables, manifests, logs and the study file stay.
BULKY = ("*.h5", "*.safetensors", "*.png", "*.jpg", "*.svg", "*.npz", "files.sha256")
BULKY_FOLDERS = ("databases", ".snakemake", ".workflow")


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


class Engine(Protocol):
    """What brings a run up to date: `painlens.workflow.engine.run_workflow`, or a double of it."""

    def __call__(self, run: RunFolder, *, cores: int | None, profile: str, targets: Sequence[Job]) -> int:
        """Exit code of the run."""
        ...


@dataclass(frozen=True)
class Course:
    """How studies are made: where, by what, for how long.

    Attributes
    ----------
    minutes
        No study is begun after this time; None: all are made. A study that was begun is finished.
    pause_file
        While it exists no study is begun.
    """

    folder: Path
    cores: int | None = None
    profile: str = "laptop"
    minutes: float | None = None
    pause_file: Path | None = None
    engine: Engine = run_workflow
    say: Callable[[str], None] = print


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
    return raw


def study_of(draw: Draw, emotion: Path) -> Study:
    """The study of a draw, which starts from a given emotion network."""
    raw = raw_study(draw) | {"pretraining": {"checkpoint": str(emotion.resolve())}}
    return parse_study(raw, source=f"cell '{draw.cell}'")


def definition(draw: Draw) -> str:
    """Digest of all that was chosen for a draw."""
    chosen = raw_study(draw)
    del chosen["title"]
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


def is_finished(draw: Draw, folder: Path) -> bool:
    """Whether a draw is there.

    Raises
    ------
    DataError
        It was made from other settings.
    """
    place = draw.folder(folder)
    if not (place / DONE).exists():
        return False
    if load_json(place / DONE)["definition"] != definition(draw):
        raise DataError(
            f"{place} was made from other settings than the cell '{draw.cell}' has now; give another --folder, or "
            "remove it to make it again"
        )
    return True


def make_draws(draws: Sequence[Draw], course: Course) -> dict[Draw, int]:
    """Make the studies that are not there yet; returns the exit codes of those that failed.

    One that failed does not keep the others from being made. Several processes may work in one folder: a draw that
    another one is at is passed over.

    Raises
    ------
    KeyboardInterrupt
        A study was stopped by a signal; nothing that is finished is lost.
    DataError
        The shared emotion network cannot be made, or the folder holds draws of other settings.
    """
    until = time.monotonic() + 60 * course.minutes if course.minutes is not None else float("inf")
    left = [draw for draw in draws if not is_finished(draw, course.folder)]
    course.say(f"{len(draws) - len(left)} of {len(draws)} studies are there, {len(left)} to make")
    if not left:
        return {}
    emotion = shared_network(course)
    failed: dict[Draw, int] = {}
    for done, draw in enumerate(left):
        _wait(course)
        if time.monotonic() > until:
            course.say(f"time is up: {len(left) - done} studies are left; the same command goes on")
            break
        course.say(f"study {len(draws) - len(left) + done + 1} of {len(draws)}: {draw.cell}, draw {draw.number}")
        code = _make(draw, emotion, course)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            failed[draw] = code
    return failed


def shared_network(course: Course) -> Path:
    """The emotion network that all studies start from; trained once, by the demonstration's settings."""
    folder = course.folder / LEVEL / EMOTION
    kept = folder / "emotion.safetensors"
    if kept.exists():
        return kept
    raw = yaml.safe_load(shipped_study("demo").read_text(encoding="utf-8"))
    run = prepare_run(parse_study(raw | {"study": "certify-emotion"}), folder)
    course.say("the emotion network that all studies share")
    with _held(folder) as free:
        if not free:
            raise DataError(
                f"another process trains the shared emotion network in {folder}; start again when it is done"
            )
        code = course.engine(run, cores=course.cores, profile=course.profile, targets=[Job("pretrain")])
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise DataError(f"the shared emotion network could not be trained (exit code {code}); see {run.logs}")
    made = run.folder("pretrain") / "weights.safetensors"
    shutil.copy2(made, kept.with_suffix(".tmp"))
    kept.with_suffix(".tmp").replace(kept)
    remove_bulk(folder, keep={kept})
    return kept


def _make(draw: Draw, emotion: Path, course: Course) -> int:
    """Make one study; its exit code."""
    place = draw.folder(course.folder)
    place.mkdir(parents=True, exist_ok=True)
    with _held(place) as free:
        if not free:
            course.say(f"  another process is at work in {place}: passed over")
            return 0
        if is_finished(draw, course.folder):
            return 0
        began = time.time()
        study = study_of(draw, emotion)
        run = prepare_run(study, place)
        code = course.engine(run, cores=course.cores, profile=course.profile, targets=[Job("concepts")])
        if code == 0:
            _finish(draw, run, study, seconds=time.time() - began)
    return code


def _finish(draw: Draw, run: RunFolder, study: Study, *, seconds: float) -> None:
    """Note what made the draw, then remove what it no longer needs."""
    codes = {job.stage: load_manifest(run.manifest(job).parent).code for job in _made(run, study)}
    identity = hashlib.sha256(json.dumps(codes, sort_keys=True).encode()).hexdigest()
    note = {
        "cell": draw.cell,
        "draw": draw.number,
        "definition": definition(draw),
        "version": metadata.version("painlens"),
        "code": identity,
        "finished": time.time(),
        "seconds_of_the_last_call": seconds,
    }
    save_json(note, run.root / DONE)
    remove_bulk(run.root)


def _made(run: RunFolder, study: Study) -> Iterator[Job]:
    return (job for job in jobs_of(study) if run.manifest(job).exists())


def remove_bulk(root: Path, *, keep: set[Path] | None = None) -> None:
    """Remove rendered databases, crops, weights and relevance of a finished run."""
    for name in BULKY_FOLDERS:
        shutil.rmtree(root / name, ignore_errors=True)
    for pattern in BULKY:
        for path in root.rglob(pattern):
            if path not in (keep or set()):
                path.unlink()


class _held:  # noqa: N801 - used like a function
    """The lock of a folder, or False where another process holds it."""

    def __init__(self, folder: Path) -> None:
        self._lock = holding(folder / ".certify.lock", patience_s=0.0)
        self._taken = False

    def __enter__(self) -> bool:
        try:
            self._lock.__enter__()
            self._taken = True
        except BlockingIOError:
            pass
        return self._taken

    def __exit__(self, *details: Any) -> None:
        if self._taken:
            self._lock.__exit__(*details)


def _wait(course: Course) -> None:
    while course.pause_file is not None and course.pause_file.exists():
        time.sleep(LOOK_EVERY_S)


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
