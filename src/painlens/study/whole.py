"""The whole study: all its parts, and what must fit together between them."""

from pydantic import Field, field_validator, model_validator

from painlens.study.databases import Database
from painlens.study.findings import (
    Annotation,
    Attribution,
    Concept,
    ConceptTest,
    Differences,
    Expectation,
    Report,
    Trust,
)
from painlens.study.models import Model
from painlens.study.networks import Backbone, Faces, Pretraining, Replication, Training
from painlens.study.section import Name, Section


class Study(Section):
    """Everything that was chosen for one study."""

    study: Name = Field(description="name of the study, and of its run folder")
    title: str = Field(default="", description="heading of the report")
    seed: int = Field(default=0, ge=0, description="seed of fine-tunings, folds and bootstraps")
    databases: dict[Name, Database]
    models: dict[Name, Model] = Field(
        default_factory=dict,
        description="networks that were trained elsewhere, compared on the faces of the databases; empty: a network is "
        "trained per database",
    )
    pretraining: Pretraining = Pretraining()
    faces: Faces = Faces()
    backbone: Backbone = Backbone()
    training: Training = Training()
    attribution: Attribution = Attribution()
    concepts: dict[Name, Concept] = Field(default_factory=dict)
    annotation: Annotation = Annotation()
    differences: Differences = Differences()
    trust: Trust = Trust()
    concept_test: ConceptTest = ConceptTest()
    replication: Replication = Replication()
    expect: Expectation = Expectation()
    report: Report = Report()

    @field_validator("databases", "models")
    @classmethod
    def _no_kept_name(cls, named: dict[str, Section]) -> dict[str, Section]:
        for name, what in (("emotion", "the pre-training database"), ("random", "a network with random weights")):
            if name in named:
                raise ValueError(f"the name '{name}' is kept for {what}; call yours something else")
        return named

    @model_validator(mode="after")
    def _something_to_compare(self) -> "Study":
        if not self.models:
            if len(self.databases) < 2:
                raise ValueError(f"a study compares at least two databases, got {len(self.databases)}")
            alone = [name for name, database in self.databases.items() if database.split.test == "all"]
            if alone:
                raise ValueError(f"databases.{alone[0]}.split.test: 'all' leaves nobody for training")
            return self
        if len(self.models) < 2:
            raise ValueError(f"a comparison needs at least two models, got {', '.join(self.models)}")
        if not self.databases:
            raise ValueError("a comparison needs at least one database of faces")
        if self.pretraining.database is not None or self.pretraining.checkpoint is not None:
            raise ValueError("models that were trained elsewhere need no 'pretraining'; take one of the two out")
        if self.replication.cross_fitting:
            raise ValueError(
                "replication.cross_fitting trains networks for every fold of people; models that were trained "
                "elsewhere cannot be, set it to 0"
            )
        counts = {name: len(model.checkpoints) for name, model in self.models.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ValueError(f"models must have equally many checkpoints (seeds), got {told}")
        for name, model in self.models.items():
            if model.size is not None and model.size != self.faces.size:
                raise ValueError(
                    f"models.{name}.size is {model.size}, faces.size {self.faces.size}: maps are subtracted pixel by "
                    "pixel, so all models must take the same size; set faces.size to it, or resize in the network"
                )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for where, names, valid in (
            ("training.class_balance", self.training.class_balance, self.databases),
            ("expect.favours", self.expect.favours, self.concepts),
            ("expect.favours", self.expect.favours.values(), self.models or self.databases),
            ("expect.no_difference", self.expect.no_difference, self.concepts),
        ):
            for name in names:
                if name not in valid:
                    raise ValueError(f"{where} names '{name}'; valid names are {', '.join(valid) or 'none'}")
        return self

    @model_validator(mode="after")
    def _parts_rotate(self) -> "Study":
        """What cannot go together with participants who rotate through the test part."""
        if not self.replication.cross_fitting:
            return self
        for name, database in self.databases.items():
            split = database.split
            fixed = [part for part in ("test", "validation") if not isinstance(getattr(split, part), int)]
            fixed += ["published"] if split.published is not None else []
            if fixed:
                raise ValueError(
                    f"replication.cross_fitting tests everybody in turn, but databases.{name}.split.{fixed[0]} names "
                    "participants; leave it out (validation may be a number), or set cross_fitting to 0"
                )
        test = self.concept_test
        for field, value in (("centring", test.centring), ("scaling", test.scaling)):
            if value != "none":
                raise ValueError(
                    f"concept_test.{field}: '{value}' is not offered with replication.cross_fitting: every fold of "
                    "participants has networks, and so features, of its own; set it to 'none'"
                )
        return self

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the models in their order: those that were given, else the databases that they are trained on."""
        return tuple(self.models or self.databases)

    @property
    def replicates(self) -> tuple[str, ...]:
        """Replicates of each model: `seed=0` ..., then `half=0a`, `half=0b` ...

        One network each; with cross-fitting the networks of all folds together, each answering the people of its fold.
        """
        if self.models:
            return tuple(f"seed={s}" for s in range(len(next(iter(self.models.values())).checkpoints)))
        seeds = [f"seed={s}" for s in range(self.replication.seeds)]
        halves = [f"half={h}{side}" for h in range(self.replication.half_splits) for side in "ab"]
        return (*seeds, *halves)

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks of each database that answer: the replicates, or `seed=0-fold=1` ... of each."""
        return tuple(network for replicate in self.replicates for network in self.networks_of(replicate))

    def networks_of(self, replicate: str) -> tuple[str, ...]:
        """The networks that a replicate consists of, in the order of the folds."""
        folds = 0 if self.models else self.replication.cross_fitting
        return tuple(f"{replicate}-fold={fold}" for fold in range(1, folds + 1)) or (replicate,)

    @property
    def untaught(self) -> tuple[str, ...]:
        """Name of the network of each database that learns permuted labels, `shuffled=0`, if there is one.

        It answers nobody and takes part in no test; it serves the checks of the maps, on the first fold's faces.
        """
        wanted = self.trust.randomised_labels and self.trust.faces and not self.models
        return self.networks_of("shuffled=0")[:1] if wanted else ()

    @property
    def trainings(self) -> tuple[str, ...]:
        """Names of all networks of each database that are trained."""
        return (*self.networks, *self.untaught)
