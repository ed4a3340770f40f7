"""Part of a study: networks that were trained elsewhere, given as checkpoints instead of trainings."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from painlens.study.section import Name, Section

OWN = "painlens"  # architecture of files that painlens has written: they say all about themselves
EVERY_OTHER = "*"  # in a mapping: classes that it does not name
Scalar = bool | int | float | str


class Normalisation(Section):
    """What is subtracted from and divides the channels of a face, RGB in 0..1."""

    mean: tuple[float, float, float] = Field(description="subtracted from RGB in 0 to 1")
    std: tuple[float, float, float] = Field(description="what is left is divided by it")

    @field_validator("std")
    @classmethod
    def _positive(cls, std: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(std) <= 0:
            raise ValueError(f"deviations must be positive, got {list(std)}")
        return std


# The usual normalisations by name, RGB in 0..1. Means in 0..255 are divided by 255; those that go with BGR weights are
# given here in the order of RGB. imagenet: torchvision's public weights. half: -1..1. unit: 0..1. bytes: 0..255.
# vggface: Parkhi et al. 2015. vggface2: Cao et al. 2018. caffe: Simonyan's VGG weights, Keras' preprocess_input.
NORMALISATIONS: dict[str, Normalisation] = {
    "imagenet": Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "half": Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "unit": Normalisation(mean=(0, 0, 0), std=(1, 1, 1)),
    "bytes": Normalisation(mean=(0, 0, 0), std=(1 / 255, 1 / 255, 1 / 255)),
    "vggface": Normalisation(mean=(129.1863 / 255, 104.7624 / 255, 93.5940 / 255), std=(1 / 255, 1 / 255, 1 / 255)),
    "vggface2": Normalisation(mean=(131.0912 / 255, 103.8827 / 255, 91.4953 / 255), std=(1 / 255, 1 / 255, 1 / 255)),
    "caffe": Normalisation(mean=(123.68 / 255, 116.779 / 255, 103.939 / 255), std=(1 / 255, 1 / 255, 1 / 255)),
}
NormalisationName = Literal["imagenet", "half", "unit", "bytes", "vggface", "vggface2", "caffe"]


class Model(Section):
    """A network of your own: its file, how to build it, what its logits mean, what it wants to see."""

    checkpoint: Path | tuple[Path, ...] = Field(
        description="safetensors or a PyTorch state dict; several: trainings of one model with other seeds"
    )
    architecture: str = Field(
        default=OWN,
        pattern=r"^(painlens|vgg16|compact|torchvision:[a-z0-9_]+|timm:[A-Za-z0-9_./-]+|code:[A-Za-z_][\w.]*:[A-Za-z_]\w*)$",
        description="painlens: a file that painlens wrote; vgg16, compact; torchvision:NAME; timm:NAME; "
        "code:MODULE:CLASS, which runs only with --allow-code MODULE:CLASS",
    )
    arguments: dict[str, Scalar] = Field(
        default_factory=dict, description="what the architecture is built with, e.g. {num_classes: 2}"
    )
    classes: tuple[str, ...] = Field(
        default=(), description="names of the logits in their order; files of painlens know them"
    )
    mapping: dict[str, Name] = Field(
        default_factory=dict,
        description="own class -> class of the study; '*': all others; what is not named and is no class of the study "
        "is left out; empty: the names are the same",
    )
    target: str | None = Field(
        default=None, description="own class whose logit is explained; default: the one that becomes attribution.target"
    )
    normalisation: NormalisationName | Normalisation | None = Field(
        default=None, description="a name, or {mean: , std: } of RGB in 0..1; files of painlens know it; else imagenet"
    )
    channels: Literal["rgb", "bgr"] = Field(default="rgb", description="order of the channels that the weights expect")
    size: int | None = Field(
        default=None, ge=16, description="side of the input in pixels; must be faces.size, which all models share"
    )
    predictions: Path | tuple[Path, ...] | None = Field(
        default=None,
        description="CSV with image and logit:<class>, probability:<class> or label; the network must reproduce it",
    )
    tolerance: float = Field(
        default=0.01, gt=0, lt=1, description="largest difference of a probability that counts as reproduced (ours)"
    )

    @model_validator(mode="after")
    def _fits(self) -> "Model":
        if not self.checkpoints:
            raise ValueError("'checkpoint' names no file")
        if self.architecture != OWN and len(self.classes) < 2:
            raise ValueError(
                "'classes' must name the logits in their order, e.g. [no-pain, pain]; only files that painlens wrote "
                "know their classes"
            )
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes must be different, got {', '.join(self.classes)}")
        for name in (*self.mapping, *([self.target] if self.target else [])):
            if self.classes and name not in (*self.classes, EVERY_OTHER):
                raise ValueError(f"'{name}' is not one of the model's classes {', '.join(self.classes)}")
        if self.predictions is not None and len(self.prediction_files) != len(self.checkpoints):
            raise ValueError(
                f"{len(self.prediction_files)} files of predictions are given for {len(self.checkpoints)} checkpoints; "
                "give one for each, in the same order"
            )
        return self

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """The files, in the order of the seeds."""
        return (self.checkpoint,) if isinstance(self.checkpoint, Path) else self.checkpoint

    @property
    def prediction_files(self) -> tuple[Path, ...]:
        """A file of given predictions per checkpoint, or none."""
        if self.predictions is None:
            return ()
        return (self.predictions,) if isinstance(self.predictions, Path) else self.predictions
