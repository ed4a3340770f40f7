"""A study file becomes a frozen, validated `Study`.

Every scientific default of painlens lives in this package and nowhere else, each with its source. Abbreviations
of sources: *paper* = Prajod, Huber, Andre 2022 (MMM); *ours* = a choice that the paper leaves open.
"""

from painlens.study.databases import (
    FEWEST_TESTED,
    USUAL_LAYOUT,
    ConceptRate,
    Consent,
    Database,
    FrameSelection,
    Layout,
    Measurements,
    Split,
    Synthetic,
)
from painlens.study.findings import (
    Annotation,
    Attribution,
    Concept,
    ConceptTest,
    Differences,
    Expectation,
    MeasureName,
    Report,
)
from painlens.study.models import EVERY_OTHER, NORMALISATIONS, OWN, Model, Normalisation
from painlens.study.networks import (
    Augmentation,
    Backbone,
    ClassBalance,
    Faces,
    Pretraining,
    Replication,
    Suggestions,
    Training,
)
from painlens.study.reading import dump_study, load_study, parse_study
from painlens.study.section import Name, Probability, Section, StudyError
from painlens.study.whole import Study

__all__ = [
    "Annotation",
    "Attribution",
    "Augmentation",
    "Backbone",
    "ClassBalance",
    "Concept",
    "ConceptRate",
    "ConceptTest",
    "Consent",
    "Database",
    "Differences",
    "Expectation",
    "FEWEST_TESTED",
    "Faces",
    "FrameSelection",
    "Layout",
    "MeasureName",
    "EVERY_OTHER",
    "Measurements",
    "Model",
    "NORMALISATIONS",
    "Name",
    "Normalisation",
    "OWN",
    "Pretraining",
    "Probability",
    "Replication",
    "Report",
    "Section",
    "Split",
    "Study",
    "StudyError",
    "Suggestions",
    "Synthetic",
    "Training",
    "USUAL_LAYOUT",
    "dump_study",
    "load_study",
    "parse_study",
]
