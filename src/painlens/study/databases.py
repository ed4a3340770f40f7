"""Part of a study: databases, their frames and labels, who may be shown, how people are divided."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from painlens.study.section import Name, Probability, Section


class ConceptRate(Section):
    """How often a concept is shown, given the label: the planted bias of a rendered database."""

    pain: Probability = Field(description="share of pain frames that show the concept")
    no_pain: Probability = Field(description="share of the other frames")


class Synthetic(Section):
    """How a rendered database is drawn. The layout follows the reader of the database."""

    seed: int = Field(default=0, ge=0, description="identities, recordings and noise all follow from it")
    participants: int = Field(default=25, ge=2, description="people who are made up")
    non_reactive: int = Field(default=0, ge=0, description="participants who show nothing (BioVid: 20 of 87)")
    sequences: int = Field(
        default=8,
        ge=1,
        description="sequences (UNBC), clips per class (BioVid) or pictures per class (manifest) of a participant",
    )
    classes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], ...] = Field(
        default=(),
        description="what a participant shows: of a BioVid-like database BL1 and heats PA1 .. PA4 (none: BL1, PA4), of "
        "a manifest pain and AffectNet's emotions in small letters (none: neutral, happy, sad, disgust, pain)",
    )
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

    rule: Literal["all", "collapse-runs", "cut-runs", "at-time", "stride", "last-k", "peak"] = Field(
        default="all",
        description="all: every frame; collapse-runs, cut-runs: fewer of the frames that follow each other with one "
        "PSPI; at-time: of each clip the frame at `seconds`; stride: every `step`-th; last-k: the last `count`; peak: "
        "the strongest `count`",
    )
    longest: int = Field(
        default=5,
        ge=1,
        description="collapse-runs: longer runs of equal PSPI keep their first frame (paper); cut-runs: their first "
        "`longest` frames",
    )
    gaps_end_runs: bool = Field(default=True, description="a gap in the frame numbers ends a run (ours)")
    seconds: float = Field(default=4.0, ge=0, description="at-time: seconds from the start of the clip (paper)")
    step: int = Field(default=1, ge=1, description="stride: keep every step-th frame")
    count: int = Field(
        default=1, ge=1, description="last-k: frames kept at the end of each sequence; peak: its strongest frames"
    )
    by: str = Field(default="pspi", description="peak: the column by which frames are strong, e.g. pspi or au04")
    duplicates: Literal["keep", "drop"] = Field(
        default="keep",
        description="drop: of frames that look alike (equal average hash of 8 x 8) one remains; test and validation "
        "pictures of the owner go before training ones (ours: keep)",
    )
    exclude: Literal["none", "non-reactive"] | tuple[str, ...] = Field(
        default="none",
        description="participants left out; non-reactive: the reader's published list (paper: BioVid's 20)",
    )


class Consent(Section):
    """Whose face may be shown to the lab (display) and outside it (publish). Unknown counts as no."""

    display: Literal["all", "none"] | tuple[str, ...] = Field(
        default="none", description="ids, all, or none: unknown; of a rendered database all, for they do not exist"
    )
    publish: Literal["all", "none"] | tuple[str, ...] = Field(default="none", description="ids, all, or none: unknown")


FEWEST_TESTED = 10  # test participants of a database, below which intervals over people are uncertain (ours)


class Split(Section):
    """Participants of the parts: a list of ids, or how many are drawn."""

    test: int | Literal["all"] | tuple[str, ...] = Field(
        default=4, description="ids, how many are drawn, or all: for models that were trained elsewhere"
    )
    validation: int | tuple[str, ...] = Field(
        default=1, description="participants who watch the training: how many, or their ids"
    )
    seed: int = Field(default=0, ge=0, description="draws the participants where only their number is given")
    published: str | None = Field(
        default=None,
        description="a published test part in place of `test`: leave-one-out, owner (the owner's own parts), or one of "
        "the reader's lists, e.g. unbc-five-folds, biovid-holdout",
    )
    fold: int | str = Field(
        default=1, description="published: number of the fold from 1; leave-one-out: number or id of the participant"
    )


class Layout(Section):
    """What a layout leaves open: for tables of your own, folders of classes, cameras."""

    table: str | None = Field(
        default=None, description="manifest, samples, huggingface: name of the table in the root; none: the usual ones"
    )
    path: str = Field(
        default="video/{subject_name}/{sample_name}.mp4",
        description="samples: place of a sample under the root; {columns} of the table, and * for several files",
    )
    participant: str | None = Field(
        default=None,
        description="imagefolder, samples, huggingface: regular expression that finds the person in the path (its "
        "first group), or each-file: every file is a person of its own (pictures from the web)",
    )
    camera: str | None = Field(
        default=None, description="X-ITE, MIntPAIN, DISFA: folder of the camera; none: that of the face from the front"
    )


USUAL_LAYOUT = Layout()


class Measurements(Section):
    """Landmarks and action units that another program measured on the frames."""

    tool: Literal["openface", "py-feat", "libreface"] = Field(description="program whose columns the table has")
    path: Path = Field(description="its table, or a folder of tables (one per video or picture)")


class Database(Section):
    """One database of faces: an owner's folder, or a rendered one."""

    reader: Literal[
        "unbc", "biovid", "affectnet", "manifest", "samples", "imagefolder", "huggingface", "mintpain", "xite", "bp4d",
        "bp4dplus", "disfa", "ckplus", "rafdb", "fer2013", "kdef"
    ] = Field(description="layout of the owner's folder")  # fmt: skip
    root: Path | None = Field(
        default=None, description="the owner's folder, which is only read; none for rendered databases"
    )
    synthetic: Synthetic | None = None
    layout: Layout = Layout()
    measurements: Measurements | None = None
    frames: FrameSelection = FrameSelection()
    classes: Literal["pain", "pain-levels", "emotions", "pain-and-emotions"] | None = Field(
        default=None, description="one of the reader's own label rules; `label` goes before it"
    )
    label: dict[Name, str] = Field(
        default_factory=dict,
        description="class -> condition on a column, first match wins, e.g. {pain: 'pspi > 0', no-pain: 'pspi == 0'}; "
        "empty: the reader's own rule",
    )
    consent: Consent = Consent()
    split: Split = Split()
    licence: str = Field(default="", description="the owner's licence in words, for the datasheet")
    citation: str = Field(default="", description="how the owner wants to be cited, for the datasheet")

    @model_validator(mode="before")
    @classmethod
    def _rendered_people_may_be_looked_at(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("synthetic") is not None:
            given = raw.get("consent")
            if given is None or (isinstance(given, dict) and "display" not in given):
                return raw | {"consent": {"display": "all", **(given or {})}}
        return raw

    @model_validator(mode="after")
    def _one_source(self) -> "Database":
        if (self.root is None) == (self.synthetic is None):
            raise ValueError("a database needs either 'root' (your folder) or 'synthetic' (a rendered one), not both")
        return self
