"""A study file becomes a frozen, validated `Study`.

Every scientific default of painlens lives in this module and nowhere else, each with its source. Abbreviations
of sources: *paper* = Prajod, Huber, Andre 2022 (MMM); *ours* = a choice that the paper leaves open.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class StudyError(ValueError):
    """A study file that cannot be used; the message names the key, what was expected and what came."""


class Section(BaseModel):
    """Part of a study: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConceptRate(Section):
    """How often a concept is shown, given the label: the planted bias of a rendered database."""

    pain: Probability
    no_pain: Probability


class Synthetic(Section):
    """How a rendered database is drawn. The layout follows the reader of the database."""

    seed: int = Field(default=0, ge=0, description="identities, recordings and noise all follow from it")
    participants: int = Field(default=25, ge=2)
    non_reactive: int = Field(default=0, ge=0, description="participants who show nothing (BioVid: 20 of 87)")
    sequences: int = Field(default=8, ge=1, description="sequences (UNBC) or clips per class (BioVid) of a participant")
    seconds: float = Field(default=6.0, gt=0, description="length of a UNBC-like sequence; BioVid clips last 5.5 s")
    fps: float = Field(default=5.0, gt=0, description="frames per second that are rendered and written")
    images: int = Field(default=1600, ge=8, description="images of an AffectNet-like database")
    size: int = Field(default=128, ge=64, le=512, description="height and width of a frame in pixels")
    bias: dict[Name, ConceptRate] = Field(
        default_factory=dict, description="concept -> rates; a concept that is absent is drawn .3/.3"
    )
    confounding: Probability = Field(
        default=0.5,
        description="0: the concept is drawn independently of the other action units given the label; "
        "1: it is shown exactly where the other action units peak, as in real sequences",
    )
    twins: int = Field(default=60, ge=0, description="counterfactual pairs per concept, for the causal truth")


class FrameSelection(Section):
    """Which frames of a database take part."""

    rule: Literal["all", "collapse-runs", "at-time", "stride"] = "all"
    longest: int = Field(
        default=5, ge=1, description="collapse-runs: longer runs of equal PSPI keep their first frame (paper)"
    )
    gaps_end_runs: bool = Field(default=True, description="a gap in the frame numbers ends a run (ours)")
    seconds: float = Field(default=4.0, ge=0, description="at-time: seconds from the start of the clip (paper)")
    step: int = Field(default=1, ge=1, description="stride: keep every step-th frame")
    exclude: Literal["none", "non-reactive"] | tuple[str, ...] = Field(
        default="none",
        description="participants left out; non-reactive: the reader's published list (paper: BioVid's 20)",
    )


class Consent(Section):
    """Whose face may be shown to the lab (display) and outside it (publish). Unknown counts as no."""

    display: Literal["all", "none"] | tuple[str, ...] = "all"
    publish: Literal["all", "none"] | tuple[str, ...] = "none"


class Split(Section):
    """Participants of the parts: a list of ids, or how many are drawn."""

    test: int | tuple[str, ...] = 4
    validation: int | tuple[str, ...] = 1
    seed: int = Field(default=0, ge=0)


class Database(Section):
    """One database of faces: an owner's folder, or a rendered one."""

    reader: Literal["unbc", "biovid", "affectnet", "manifest"]
    root: Path | None = None
    synthetic: Synthetic | None = None
    frames: FrameSelection = FrameSelection()
    label: dict[Name, str] = Field(
        default_factory=dict,
        description="class -> condition on a column, first match wins, e.g. {pain: 'pspi > 0', no-pain: 'pspi == 0'}; "
        "empty: the reader's own rule",
    )
    consent: Consent = Consent()
    split: Split = Split()

    @model_validator(mode="after")
    def _one_source(self) -> "Database":
        if (self.root is None) == (self.synthetic is None):
            raise ValueError("a database needs either 'root' (your folder) or 'synthetic' (a rendered one), not both")
        return self


class Augmentation(Section):
    """Ranges of Keras' ImageDataGenerator (paper: 25 degrees, 10 %, 10, 10 %, flip)."""

    rotation_deg: float = Field(default=25.0, ge=0)
    shift: float = Field(default=0.1, ge=0, lt=1, description="fraction of height and of width")
    shear_deg: float = Field(
        default=10.0, ge=0, description="Keras counts shear in degrees; the paper's '10 %' is open (ours: 10)"
    )
    zoom: float = Field(default=0.1, ge=0, lt=1)
    flip: bool = True


class ClassBalance(Section):
    """Class-balanced weights (Cui et al. 2019)."""

    beta: float = Field(default=0.99, ge=0, lt=1, description="paper")
    normalised: bool = Field(
        default=True, description="weights sum to the number of classes (Cui et al.); the paper prints none"
    )


class Training(Section):
    """How a network is fine-tuned."""

    optimizer: Literal["sgd"] = "sgd"
    learning_rate: float = Field(default=0.01, gt=0, description="paper")
    schedule: Literal["constant", "one-cycle"] = "constant"
    momentum: float = Field(default=0.9, ge=0, lt=1, description="ours")
    weight_decay: float = Field(default=5e-4, ge=0, description="ours")
    clip_norm: float | None = Field(default=5.0, gt=0, description="gradient clipping (ours)")
    batch_size: int = Field(default=32, ge=2, description="ours")
    epochs: int = Field(
        default=30, ge=1, description="ours; a network on a half of the participants takes twice as many"
    )
    keep: Literal["last", "best"] = Field(default="last", description="best: smallest validation loss (ours: last)")
    loss: Literal["focal", "cross-entropy"] = "focal"
    gamma: float = Field(default=2.0, ge=0, description="paper")
    class_balance: dict[Name, ClassBalance] = Field(default_factory=dict, description="by database; absent: no weights")
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 where it is faster (CUDA, AMX)"
    )


class Pretraining(Section):
    """The emotion network: an emotion database to train it on, or a checkpoint, or none (random weights)."""

    database: Database | None = None
    checkpoint: Path | None = None
    training: Training = Training(learning_rate=0.02, schedule="one-cycle", loss="cross-entropy", epochs=24)

    @model_validator(mode="after")
    def _at_most_one(self) -> "Pretraining":
        if self.database is not None and self.checkpoint is not None:
            raise ValueError("pretraining takes either 'database' or 'checkpoint', not both")
        return self


class Faces(Section):
    """From frames to face crops."""

    detector: Literal["haar", "none"] = Field(
        default="haar", description="paper: 'OpenCV'; none: the whole frame is the face"
    )
    size: int = Field(default=224, ge=32, description="height and width of a crop in pixels (paper)")
    margin: float = Field(default=0.2, ge=0, description="share of the box that is added around it (ours)")
    landmarks: Literal["auto", "template"] = Field(
        default="auto",
        description="auto: the owner's points, else those of a rendered database, else the template of a mean face",
    )


class Backbone(Section):
    """The network. `vgg16` is the paper's; `compact` is a small VGG for two CPU cores."""

    name: Literal["vgg16", "compact"] = "vgg16"
    head: int = Field(default=1024, ge=8, description="width of the dense layers (ours)")
    dropout: float = Field(default=0.5, ge=0, lt=1)


class Attribution(Section):
    """Relevance of one class's logit."""

    method: Literal["lrp", "zennit"] = Field(
        default="lrp", description="lrp: fast, for sequential networks; zennit: the same composite for any network"
    )
    composite: Literal["paper"] = "paper"
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="lrp: of z+ and the way back through convolutions; bfloat16 deviates by about 1 %: previews only",
    )
    target: Name = Field(default="pain", description="the class whose logit is explained (paper: pain)")


class Concept(Section):
    """A facial concept that people can see on a face: its labels, and the region that it changes."""

    definition: str
    region: Literal["eyes", "brows", "nose", "mouth", "cheeks", "forehead", "chin"]
    labels: Literal["truth"] | Path = Field(
        default="truth", description="truth of rendered databases, or a CSV: database, frame_id, concept, value"
    )


class Differences(Section):
    """How two relevance maps of one face are subtracted."""

    normalisation: Literal["paper", "max", "sum-abs", "raw"] = Field(
        default="paper", description="what the figures show"
    )


class ConceptTest(Section):
    """The paper's test (decodability) and the association measures."""

    layer: Literal["last-pool"] = "last-pool"
    folds: tuple[Literal["images", "participants"], ...] = ("images", "participants")
    repeats: int = Field(default=500, ge=5, description="paper")
    stratified: bool = Field(
        default=True, description="halves of the images keep the share of the concept (ours; the paper does not say)"
    )
    participant_repeats: int = Field(default=100, ge=5, description="repeats of the participant-grouped folds (ours)")
    cost: float = Field(default=1.0, gt=0, description="C of the linear SVM (ours; scikit-learn's default)")
    floor_permutations: int = Field(default=100, ge=0, description="random concepts for the floor (ours)")
    smallest_cell: int = Field(
        default=5, ge=1, description="images with and without the concept that a label x database cell needs (ours)"
    )


class Replication(Section):
    """Which networks are trained per database."""

    seeds: int = Field(default=5, ge=1, description="fine-tunings on all training participants (paper: 5)")
    half_splits: int = Field(
        default=4, ge=0, description="random splits into complementary halves; 4 = eight networks (ours)"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class Expectation(Section):
    """What a study on planted or null databases must find; `painlens run` exits 4 where it does not."""

    favours: dict[Name, Name] = Field(default_factory=dict, description="concept -> database whose models use it more")
    no_difference: tuple[Name, ...] = Field(default=(), description="concepts that must not be called different")
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="level at which `favours` and `no_difference` are judged"
    )


class Study(Section):
    """Everything that was chosen for one study."""

    study: Name
    title: str = ""
    seed: int = Field(default=0, ge=0, description="seed of fine-tunings, folds and bootstraps")
    databases: dict[Name, Database]
    pretraining: Pretraining = Pretraining()
    faces: Faces = Faces()
    backbone: Backbone = Backbone()
    training: Training = Training()
    attribution: Attribution = Attribution()
    concepts: dict[Name, Concept] = Field(default_factory=dict)
    differences: Differences = Differences()
    concept_test: ConceptTest = ConceptTest()
    replication: Replication = Replication()
    expect: Expectation = Expectation()

    @field_validator("databases")
    @classmethod
    def _two_databases(cls, databases: dict[str, Database]) -> dict[str, Database]:
        if len(databases) < 2:
            raise ValueError(f"a study compares at least two databases, got {len(databases)}")
        if "emotion" in databases:
            raise ValueError("the name 'emotion' is kept for the pre-training database; call yours something else")
        return databases

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for where, names, valid in (
            ("training.class_balance", self.training.class_balance, self.databases),
            ("expect.favours", self.expect.favours, self.concepts),
            ("expect.favours", self.expect.favours.values(), self.databases),
            ("expect.no_difference", self.expect.no_difference, self.concepts),
        ):
            for name in names:
                if name not in valid:
                    raise ValueError(f"{where} names '{name}'; valid names are {', '.join(valid) or 'none'}")
        return self

    @property
    def replicates(self) -> tuple[str, ...]:
        """Names of the networks of each database: `seed=0` ..., then `half=0a`, `half=0b` ..."""
        seeds = [f"seed={s}" for s in range(self.replication.seeds)]
        halves = [f"half={h}{side}" for h in range(self.replication.half_splits) for side in "ab"]
        return (*seeds, *halves)


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file; `overrides` are strings like ``training.epochs=3``.

    Raises
    ------
    StudyError
        The file is missing or is not YAML, a key is unknown (the nearest valid name is given), or a value is wrong.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"study file not found: {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not a YAML file: {error}") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path} must hold keys and values like 'study: my-study', got {type(raw).__name__}")
    for override in overrides:
        _override(raw, override)
    return parse_study(raw, source=str(path), folder=path.parent)


def parse_study(raw: Mapping[str, Any], *, source: str = "study", folder: Path | None = None) -> Study:
    """Validate keys and values; relative paths are taken relative to `folder`."""
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise StudyError(f"{source}: " + "; ".join(lines)) from None
    return _absolute(study, folder) if folder is not None else study


def dump_study(study: Study) -> str:
    """The resolved study as YAML, every default written out."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _absolute(section: Any, folder: Path) -> Any:
    """Copy of a section with relative paths made absolute."""
    if isinstance(section, Path):
        return (folder / section.expanduser()).resolve()
    if isinstance(section, Section):
        return section.model_copy(
            update={key: _absolute(getattr(section, key), folder) for key in type(section).model_fields}
        )
    if isinstance(section, dict):
        return {key: _absolute(value, folder) for key, value in section.items()}
    return section


def _override(raw: dict[str, Any], override: str) -> None:
    """Apply ``a.b=c`` to nested dictionaries, in place."""
    keys, separator, value = override.partition("=")
    if not separator or not re.fullmatch(r"[\w.-]+", keys):
        raise StudyError(f"--set expects key.key=value, got '{override}'")
    *parents, last = keys.split(".")
    place = raw
    for key in parents:
        inner = place.setdefault(key, {})
        if inner is None:
            inner = place[key] = {}
        if not isinstance(inner, dict):
            raise StudyError(f"--set {override}: '{key}' holds {inner!r}, not a section")
        place = inner
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {override}: the value is not YAML: {error}") from None


def _explain(problem: Mapping[str, Any]) -> str:
    """One sentence for one pydantic problem."""
    location = [str(part) for part in problem["loc"]]
    where = ".".join(location)
    if problem["type"] == "extra_forbidden":
        valid = _fields_at(location[:-1])
        near = difflib.get_close_matches(location[-1], valid, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"valid keys are {', '.join(valid)}"
        return f"unknown key '{where}'; {hint}"
    if problem["type"] == "missing":
        return f"'{where}' is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    got = problem.get("input")
    shown = f", got {got!r}" if isinstance(got, str | int | float | bool) else ""
    return f"'{where}': {message}{shown}" if where else message


def _fields_at(location: Sequence[str]) -> list[str]:
    """Valid keys of the section at a place of the study."""
    model: type[BaseModel] = Study
    for part in location:
        field = model.model_fields.get(part)
        if field is None:  # a name chosen by the user, such as a database's
            continue
        model = _section_in(field.annotation) or model
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """First section type inside an annotation such as ``dict[str, Database] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
