"""Whose face a report may show: what the gate of `painlens.consent` lets through, and how many it withholds."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from painlens.consent import TRUE, Gate, gate_of
from painlens.report.inputs import Example, ReportInputs

__all__ = ["TRUE", "Shown", "publishable", "report_gate", "shown_examples"]


@dataclass(frozen=True)
class Shown:
    """Faces that may be shown, and how many of them may not."""

    examples: tuple[Example, ...]
    withheld: int


def report_gate(inputs: ReportInputs) -> Gate:
    """The gate of a report: publication, with the study's present lists; shut where `report.faces` is 'none'."""
    study = inputs.study
    return gate_of(
        inputs.faces,
        "publish",
        settings={name: database.consent for name, database in study.databases.items()},
        withdrawn=inputs.withdrawn,
        nobody=study.report.faces == "none",
    )


def shown_examples(inputs: ReportInputs) -> Shown:
    """The examples of a report that it may show."""
    return publishable(inputs.examples, inputs.faces, gate=report_gate(inputs))


def publishable(examples: Sequence[Example], faces: pd.DataFrame, *, gate: Gate | None = None) -> Shown:
    """The examples whose own flag *and* whose row in the table of faces allow publication.

    A face that the table does not know counts as withheld: consent is asked for, never assumed.
    """
    gate = gate_of(faces, "publish") if gate is None else gate
    stated = [example for example in examples if example.consent_publish == TRUE]
    allowed = gate.select(stated, lambda example: (example.database, example.frame_id)).items
    return Shown(allowed, len(examples) - len(allowed))
