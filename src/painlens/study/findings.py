"""Part of a study: from networks to findings: relevance, concepts and who labels them, the concept test, the report."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from painlens.study.section import Name, Section


class Attribution(Section):
    """Relevance of one class's logit."""

    method: Literal[
        "lrp", "zennit", "gradient", "gradient-times-input", "integrated-gradients", "smoothgrad", "grad-cam",
        "occlusion", "lime", "kernel-shap",
    ] = Field(
        default="lrp",
        description="lrp: fast for sequential networks, others go to zennit: the same composites for any network; the "
        "rest are no LRP (lime and kernel-shap explain facial regions)",
    )  # fmt: skip
    composite: str = Field(
        default="paper",
        pattern=r"^(paper|lrp-0|epsilon|epsilon-plus|epsilon-plus-flat|epsilon-alpha2-beta1|epsilon-alpha2-beta1-flat"
        r"|epsilon-gamma-box|preset-a|zennit:[a-z0-9_]+)$",
        description="lrp and zennit: rules by layer; paper: z+ in convolutions, LRP-0 in dense layers; "
        "zennit:NAME takes a composite of that library",
    )
    steps: int = Field(default=32, ge=2, description="integrated-gradients: steps of the integral (ours)")
    samples: int = Field(default=32, ge=2, description="smoothgrad, lime, kernel-shap: copies of a face (ours)")
    noise: float = Field(
        default=0.15, gt=0, description="smoothgrad: standard deviation as a share of the face's range (its authors)"
    )
    patch: float = Field(
        default=0.125, gt=0, le=1, description="occlusion: side of the square as a share of the face's side (ours)"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="lrp: of z+ and the way back through convolutions; bfloat16 deviates by about 1 %: previews only",
    )
    target: Name = Field(default="pain", description="the class whose logit is explained (paper: pain)")


class Concept(Section):
    """A facial concept that people can see on a face: its labels, and the region that it changes."""

    definition: str = Field(description="what annotators are asked to see, in words")
    region: Literal["eyes", "brows", "nose", "mouth", "cheeks", "forehead", "chin"] = Field(
        description="facial region that the concept changes: where its relevance is looked for"
    )
    labels: Literal["truth", "suggested"] | Path = Field(
        default="truth",
        description="truth of rendered databases, suggested (guesses of the face networks, no truth: see "
        "faces.suggestions), a CSV with database, frame_id, concept, value, or an .sqlite store of "
        "annotations (relative to the study file)",
    )


class Annotation(Section):
    """How people label a concept in the browser."""

    annotators: int = Field(default=2, ge=1, description="people who answer every face (paper: 2)")
    unsure: Literal["answer", "missing"] = Field(
        default="answer",
        description="unsure against yes or no: answer = a disagreement for the adjudicator, missing = no label (ours)",
    )
    repeats: float = Field(
        default=0.1, ge=0, le=0.3, description="share of the faces that everybody sees twice, unannounced (ours)"
    )
    training: int = Field(
        default=10, ge=0, le=50, description="rendered faces with known truth before the real ones (ours)"
    )


class Differences(Section):
    """How two relevance maps of one face are subtracted."""

    normalisation: Literal["paper", "raw", "logit", "max", "sum-abs"] = Field(
        default="max",
        description="of single faces before subtraction; max (recovered planted differences best), sum-abs: of each "
        "map; logit: by the root mean square of the network's logit; paper: raw maps, the difference is scaled",
    )
    bootstrap: int = Field(
        default=1000, ge=0, description="draws over test participants for regions and normalisations (ours); 0: none"
    )


class Trust(Section):
    """Checks of the maps; their badges stand in the report."""

    faces: int = Field(
        default=48, ge=0, description="test faces that the checks run on (ours), at least 2; 0: maps stay unchecked"
    )
    depths: int = Field(
        default=6, ge=2, description="points of the curve of randomised layers, from the logits to all layers (ours)"
    )
    randomised_labels: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="a network per database is trained on permuted labels, for this share of the others' steps: a "
        "floor for maps and regions (Adebayo et al. 2018; the share is ours); 0: none",
    )


MeasureName = Literal[
    "auroc", "regression", "regression:adjusted", "relevance:max", "cause", "gradient:stratified", "gradient:svm-cav",
    "gradient:pattern-cav", "decodability:participants",
]  # fmt: skip


class ConceptTest(Section):
    """The paper's test (decodability), the association measures, and what was declared about them beforehand."""

    layer: str = Field(
        default="last-pool",
        description="whose output is decoded: last-pool (paper), pool3, conv4_2, dense1, features.28",
    )
    layers: tuple[str, ...] = Field(default=(), description="layers of a sweep of decodability; exploratory")
    folds: tuple[Literal["images", "participants"], ...] = Field(
        default=("images", "participants"),
        description="halves of the SVMs: of faces (paper; a person may be in both) and of participants",
    )
    repeats: int = Field(default=500, ge=5, description="paper")
    stratified: bool = Field(
        default=True, description="halves of the images keep the share of the concept (ours; the paper does not say)"
    )
    participant_repeats: int = Field(default=100, ge=5, description="repeats of the participant-grouped folds (ours)")
    cost: float = Field(default=1.0, gt=0, description="C of the linear SVM (ours; scikit-learn's default)")
    rows: Literal["raw", "unit"] = Field(default="raw", description="unit: each face's features divided by their norm")
    centring: Literal["none", "fold"] = Field(
        default="none", description="fold: minus the mean of the fold's training faces (ours: none)"
    )
    scaling: Literal["none", "norm"] = Field(
        default="none", description="norm: one number, so that a fold's training faces have mean square norm 1"
    )
    solver: Literal["pairs", "liblinear"] = Field(
        default="pairs", description="pairs: painlens' own, all cores; liblinear: scikit-learn's LinearSVC"
    )
    floor_permutations: int = Field(default=100, ge=0, description="random concepts for the floor (ours)")
    smallest_cell: int = Field(
        default=5, ge=1, description="images with and without the concept that a label x database cell needs (ours)"
    )
    paired_tests: tuple[Literal["dietterich", "alpaydin"], ...] = Field(
        default=(), description="5 x 2 tests of one network against one network, beside Nadeau and Bengio's"
    )
    gradients: bool = Field(
        default=True, description="gradient of the score along concept directions at the last pooling layer; TCAV"
    )
    random_directions: int = Field(default=20, ge=0, description="SVMs on random concepts: the floor of TCAV (ours)")
    bootstrap: int = Field(default=1000, ge=0, description="draws over test participants that check the jackknife")
    declared: tuple[MeasureName, ...] = Field(
        default=("auroc", "regression:adjusted", "cause"),
        description="measures declared beforehand: Holm's correction is over them and all concepts; others are "
        "exploratory (ours)",
    )
    equivalence: dict[MeasureName, Annotated[float, Field(gt=0)]] = Field(
        default={"auroc": 0.1},
        description="measure -> largest difference that counts as none; within it the verdict can be 'equivalent' "
        "(ours)",
    )
    ratings: Path | None = Field(
        default=None,
        description="CSV of two raters before adjudication: database, frame_id, concept, rater, value; brings kappa "
        "and the test under label noise",
    )
    label_noise_draws: int = Field(default=200, ge=0, description="repeats of the test with noisy labels")

    @field_validator("centring", mode="before")
    @classmethod
    def _no_centring_on_all(cls, value: Any) -> Any:
        if value == "all":
            raise ValueError(
                "centring on all faces is not offered: the mean of the test faces is then minus that of the training "
                "faces, and the SVM's intercept puts the whole test half on one side (F1 .664 became .449); use 'fold'"
            )
        return value

    @field_validator("scaling", mode="before")
    @classmethod
    def _no_scaling_of_features(cls, value: Any) -> Any:
        if value in ("features", "standard"):
            raise ValueError(
                "a scale for each feature, learned in each fold, is not offered: it is not exact on a shared Gram "
                "matrix and would need a new one for each of the thousand folds; use 'norm', one number for all"
            )
        return value

    @model_validator(mode="after")
    def _no_layer_twice(self) -> "ConceptTest":
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers must be different, got {list(self.layers)}")
        return self


class Expectation(Section):
    """What a study on planted or null databases must find; `painlens run` exits 4 where it does not."""

    favours: dict[Name, Name] = Field(default_factory=dict, description="concept -> database whose models use it more")
    no_difference: tuple[Name, ...] = Field(default=(), description="concepts that must not be called different")
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="level at which `favours` and `no_difference` are judged"
    )


class Report(Section):
    """What the report shows."""

    faces: Literal["consented", "none"] = Field(
        default="consented",
        description="consented: faces whose participants agreed to publication; none: no face, whoever agreed",
    )
