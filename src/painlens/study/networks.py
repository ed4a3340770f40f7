"""Part of a study: from frames to networks: faces, backbone, pre-training, fine-tuning, replicates."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from painlens.study.databases import Database
from painlens.study.section import Name, Section


class Suggestions(Section):
    """Guesses about closed eyes and visible teeth from landmarks; limits belong to one landmark model."""

    make: bool = Field(default=False, description="measure every face (needs the face networks)")
    eyes_closed_below: float = Field(default=0.24, ge=0, description="eye-aspect ratio of the iris network (ours)")
    eyes_open_above: float = Field(default=0.28, ge=0, description="between the two: unsure (ours)")
    mouth_open_above: float = Field(default=0.12, ge=0, description="gap of the lips in widths of the mouth (ours)")
    mouth_shut_below: float = Field(default=0.03, ge=0, description="between the two: unsure (ours)")

    @model_validator(mode="after")
    def _in_order(self) -> "Suggestions":
        if self.eyes_closed_below > self.eyes_open_above or self.mouth_shut_below > self.mouth_open_above:
            raise ValueError("eyes_closed_below must not exceed eyes_open_above, mouth_shut_below not mouth_open_above")
        return self


class Faces(Section):
    """From frames to face crops."""

    detector: Literal["haar", "blazeface", "none"] = Field(
        default="blazeface",
        description="haar: OpenCV's cascade (paper: 'OpenCV'); blazeface: a network that follows turned heads further; "
        "none: the whole frame is the face",
    )
    align: Literal["none", "eyes"] = Field(
        default="none", description="eyes: the crop is turned so that the eyes are level (paper: none)"
    )
    size: int = Field(default=224, ge=32, description="height and width of a crop in pixels (paper)")
    margin: float = Field(default=0.2, ge=0, description="share of the box that is added around it (ours)")
    landmarks: Literal["auto", "mesh", "template"] = Field(
        default="auto",
        description="auto: the owner's points, else those of a rendered database, else the face mesh where its "
        "networks are installed, else the template of a mean face; mesh: the face mesh for every face",
    )
    suggestions: Suggestions = Suggestions()

    @model_validator(mode="after")
    def _eyes_are_needed_to_align(self) -> "Faces":
        if self.align == "eyes" and self.landmarks == "template":
            raise ValueError("align: eyes needs landmarks of each face; set landmarks to auto or mesh")
        return self


class Backbone(Section):
    """The network. `vgg16` is the paper's; `compact` is a small VGG for two CPU cores."""

    name: Literal["vgg16", "compact"] = Field(
        default="vgg16", description="vgg16: the paper's; compact: seven convolutions for two CPU cores"
    )
    head: int = Field(default=1024, ge=8, description="width of the dense layers (ours)")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="between the dense layers (ours)")


class Augmentation(Section):
    """Ranges of Keras' ImageDataGenerator (paper: 25 degrees, 10 %, 10, 10 %, flip)."""

    rotation_deg: float = Field(default=25.0, ge=0, description="largest turn to either side (paper)")
    shift: float = Field(default=0.1, ge=0, lt=1, description="fraction of height and of width")
    shear_deg: float = Field(
        default=10.0, ge=0, description="Keras counts shear in degrees; the paper's '10 %' is open (ours: 10)"
    )
    zoom: float = Field(default=0.1, ge=0, lt=1, description="largest change of size, as a share (paper)")
    flip: bool = Field(default=True, description="half of the faces are mirrored (paper)")


class ClassBalance(Section):
    """Class-balanced weights (Cui et al. 2019)."""

    beta: float = Field(default=0.99, ge=0, lt=1, description="paper")
    normalised: bool = Field(
        default=True, description="weights sum to the number of classes (Cui et al.); the paper prints none"
    )


class Training(Section):
    """How a network is fine-tuned."""

    optimizer: Literal["sgd"] = Field(default="sgd", description="stochastic gradient descent (paper)")
    learning_rate: float = Field(default=0.01, gt=0, description="paper")
    schedule: Literal["constant", "one-cycle"] = Field(
        default="constant", description="of the learning rate: constant (paper), or up and down again (Smith 2018)"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="ours")
    weight_decay: float = Field(default=5e-4, ge=0, description="ours")
    clip_norm: float | None = Field(default=5.0, gt=0, description="gradient clipping (ours)")
    batch_size: int = Field(default=32, ge=2, description="ours")
    epochs: int = Field(
        default=30, ge=1, description="ours; a network on a half of the participants takes twice as many"
    )
    steps: int | None = Field(
        default=None,
        ge=1,
        description="optimisation steps instead of epochs, rounded to whole epochs: databases of unequal size, and "
        "halves of their people, are then trained equally long (ours)",
    )
    keep: Literal["last", "best"] = Field(default="last", description="best: smallest validation loss (ours: last)")
    loss: Literal["focal", "cross-entropy"] = Field(
        default="focal", description="focal: of Lin et al. 2017, with `gamma` (paper); cross-entropy: the same with 0"
    )
    gamma: float = Field(default=2.0, ge=0, description="paper")
    class_balance: dict[Name, ClassBalance] = Field(default_factory=dict, description="by database; absent: no weights")
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 where it is faster (CUDA, AMX)"
    )


class Pretraining(Section):
    """The emotion network: an emotion database to train it on, or a checkpoint, or none (random weights)."""

    database: Database | None = None
    checkpoint: Path | None = Field(default=None, description="weights of an emotion network, instead of a database")
    trained_on: tuple[str, ...] = Field(
        default=(), description="readers of the databases that a checkpoint was trained on, e.g. [affectnet]"
    )
    training: Training = Training(learning_rate=0.02, schedule="one-cycle", loss="cross-entropy", epochs=24)

    @model_validator(mode="after")
    def _at_most_one(self) -> "Pretraining":
        if self.database is not None and self.checkpoint is not None:
            raise ValueError("pretraining takes either 'database' or 'checkpoint', not both")
        return self


class Replication(Section):
    """Which networks are trained per database."""

    seeds: int = Field(default=5, ge=1, description="fine-tunings on all training participants (paper: 5)")
    half_splits: int = Field(
        default=4, ge=0, description="random splits into complementary halves; 4 = eight networks (ours)"
    )
    cross_fitting: int = Field(
        default=0,
        ge=0,
        description="0: a fixed test part; K >= 2: participants rotate through the test part in K folds, each with "
        "networks of its own (K times the trainings); as many folds as the smallest database has participants: "
        "leave one participant out (ours: 0)",
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="level of all intervals")

    @model_validator(mode="after")
    def _two_folds_or_none(self) -> "Replication":
        if self.cross_fitting == 1:
            raise ValueError("cross_fitting needs 2 folds or more, got 1: nobody would train; 0 turns it off")
        return self
