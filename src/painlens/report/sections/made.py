"""How the results were made: settings, steps with their digests, versions, weights, durations."""

from pathlib import Path
from typing import Any

import yaml

from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Code, Folded, Section, TableBlock
from painlens.report.inputs import ReportInputs
from painlens.report.sections.training import class_weight_sentences
from painlens.report.tables import Cell, Column, Table, words
from painlens.study import Study, Training


def made(inputs: ReportInputs) -> Section:
    """Everything that is needed to do it again."""
    blocks: list[Block] = [Bullets(_facts(inputs))]
    blocks.append(Folded("Study file, every default written out", (Code(portable_yaml(inputs.study)),)))
    if inputs.steps:
        blocks.append(Folded("Steps, durations and digests", (TableBlock(_steps(inputs)),)))
    if inputs.versions:
        rows = tuple((words(name), words(version)) for name, version in inputs.versions.items())
        table = Table("versions", "Versions", (Column("library"), Column("version")), rows)
        blocks.append(Folded("Versions", (TableBlock(table),)))
    return Section("made", "How it was made", tuple(blocks))


def portable_yaml(study: Study) -> str:
    """The resolved study as YAML; of files and folders only the last name, for they tell whose machine it was."""
    return yaml.safe_dump(_portable(study.model_dump()), sort_keys=False, allow_unicode=True, width=100)


def _portable(value: Any) -> Any:
    if isinstance(value, Path):
        return f"…/{value.name}"
    if isinstance(value, dict):
        return {key: _portable(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(own) for own in value]
    return value


def _facts(inputs: ReportInputs) -> tuple[tuple[str, str], ...]:
    study = inputs.study
    trained, replication = study.training, study.replication
    if study.models:
        return _facts_of_models(inputs)
    weights = class_weight_sentences(inputs)
    facts = [
        (
            "Network:",
            f"{study.backbone.name}, crops of {study.faces.size} × {study.faces.size} pixels, all layers tuned.",
        ),
        (
            "Training:",
            f"{_length(trained)}, {trained.optimizer.upper()} with learning rate {trained.learning_rate:g}, "
            f"{trained.loss} loss, the {trained.keep} epoch is kept."
            + (" Networks on a half take as many steps." if replication.half_splits else ""),
        ),
        ("Class weights:", f"{'; '.join(weights)}." if weights else "none."),
        (
            "Networks:",
            f"{replication.seeds} fine-tunings and {replication.half_splits} splits into complementary halves per "
            "database.",
        ),
        (
            "Shared start:",
            f"All fine-tunings start from one and the same network ({_start(study)}). Every result is conditional on "
            "it: another start may give others.",
        ),
    ]
    return (*facts, *_time(inputs))


def _facts_of_models(inputs: ReportInputs) -> tuple[tuple[str, str], ...]:
    """What is known of networks that were trained elsewhere."""
    size = inputs.study.faces.size
    count = len(inputs.adopted)
    return (
        (
            "Networks:",
            f"{count} checkpoints of {len(inputs.models)} models, trained elsewhere; nothing was trained here.",
        ),
        ("Faces:", f"crops of {size} × {size} pixels, detector {inputs.study.faces.detector}."),
        *_time(inputs),
    )


def _time(inputs: ReportInputs) -> list[tuple[str, str]]:
    if not inputs.steps:
        return []
    seconds = sum(step.seconds for step in inputs.steps)
    return [("Time:", f"{numbers.duration(seconds)} of work in {len(inputs.steps)} steps.")]


def _start(study: Study) -> str:
    if study.pretraining.checkpoint is not None:
        return f"checkpoint {study.pretraining.checkpoint.name}"
    if study.pretraining.database is not None:
        kind = "rendered" if study.pretraining.database.synthetic is not None else study.pretraining.database.reader
        return f"trained on emotions, {kind} faces"
    return "random weights"


def _steps(inputs: ReportInputs) -> Table:
    rows = tuple(
        (words(step.name), Cell(numbers.duration(step.seconds), step.seconds), words(step.sha256))
        for step in inputs.steps
    )
    columns = (Column("step"), Column("time"), Column("SHA-256 of its manifest"))
    return Table("steps", "Steps of this run", columns, rows)


def _length(trained: Training) -> str:
    """How long a network is trained."""
    return f"{trained.epochs} epochs" if trained.steps is None else f"about {trained.steps} steps for every network"
