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
)
from painlens.study.networks import Backbone, Faces, Pretraining, Replication, Training
from painlens.study.section import Name, Section


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
    annotation: Annotation = Annotation()
    differences: Differences = Differences()
    concept_test: ConceptTest = ConceptTest()
    replication: Replication = Replication()
    expect: Expectation = Expectation()
    report: Report = Report()

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
