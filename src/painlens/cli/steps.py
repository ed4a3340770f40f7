"""One command per step of the way."""

from pathlib import Path
from typing import Annotated

import typer

from painlens.cli.options import DatabaseOption, Source, Workers, fail, open_run
from painlens.study import StudyError
from painlens.tables import DataError
from painlens.workflow.failures import record_failure
from painlens.workflow.stages import Job

app = typer.Typer()
WITH_NETWORKS = ("pretrain", "train", "predict", "attribute", "differences", "concepts")
ReplicateOption = Annotated[
    str,
    typer.Option(
        "--replicate",
        "-r",
        help="Which network: seed=0 ..., half=0a, shuffled=0 (permuted labels); with folds seed=0-fold=1 ...",
    ),
]


def _step(stage: str, source: Path, *, database: str = "", replicate: str = "", workers: int = 1) -> None:
    """Run one step in this process; its failure is one sentence, also left for a parent process to read."""
    from painlens.progress import reporter
    from painlens.workflow.memory import keep_freed_memory
    from painlens.workflow.steps import perform

    run = open_run(source)
    if stage in WITH_NETWORKS:
        keep_freed_memory()
    job = Job(stage, database, replicate)
    try:
        with reporter(job.name) as progress:
            outcome = perform(job, run, workers=workers, progress=progress)
    except (StudyError, DataError, OSError, MemoryError, KeyboardInterrupt, Exception) as error:  # noqa: BLE001
        message, code = record_failure(error, run.error(job))
        fail(message, code)
    state = "up to date" if outcome.up_to_date else f"{outcome.seconds:.1f} s"
    rows = ", ".join(f"{count} {name}" for name, count in outcome.rows.items())
    typer.echo(f"{job.name}: {state}{f' ({rows})' if rows else ''} -> {outcome.folder}")


@app.command()
def synthesize(source: Source, database: DatabaseOption, workers: Workers = 1) -> None:
    """Render a synthetic database in its owner's layout, with ground truth beside it."""
    _step("synthesize", source, database=database, workers=workers)


@app.command()
def frames(source: Source, database: DatabaseOption) -> None:
    """List the frames of a database: whose, which label, kept or why not."""
    _step("frames", source, database=database)


@app.command()
def faces(source: Source, database: DatabaseOption, workers: Workers = 1) -> None:
    """Find and crop the face of every kept frame."""
    _step("faces", source, database=database, workers=workers)


@app.command()
def split(source: Source, database: DatabaseOption) -> None:
    """Divide the participants into training, validation and test, and the training ones into halves."""
    _step("split", source, database=database)


@app.command()
def pretrain(source: Source) -> None:
    """Train the emotion network, or take over the checkpoint that the study names."""
    _step("pretrain", source)


@app.command()
def train(source: Source, database: DatabaseOption, replicate: ReplicateOption) -> None:
    """Fine-tune one network on one database; a killed training goes on where it stopped.

    Example: `painlens train runs/demo --database clinical --replicate seed=0`
    """
    _step("train", source, database=database, replicate=replicate)


@app.command()
def adopt(
    source: Source,
    model: Annotated[str, typer.Option("--model", "-m", help="Name of the model in the study.")],
    replicate: ReplicateOption = "seed=0",
) -> None:
    """Take over a network that was trained elsewhere, and check that it gives the predictions that are known.

    For studies with models of their own (`painlens compare`). For example
    `painlens adopt runs/compare --model a --replicate seed=0`.
    """
    _step("adopt", source, database=model, replicate=replicate)


@app.command()
def predict(source: Source, database: DatabaseOption) -> None:
    """Let the networks trained on one database answer all databases' test faces."""
    _step("predict", source, database=database)


@app.command()
def evaluate(source: Source) -> None:
    """Tables of the paper: within and across databases, concept prevalence, errors by concept."""
    _step("evaluate", source)


@app.command()
def attribute(source: Source, database: DatabaseOption) -> None:
    """Relevance of the target class's logit for the networks trained on one database."""
    _step("attribute", source, database=database)


@app.command()
def differences(source: Source) -> None:
    """Difference maps of the models on the same faces, and relevance per facial region."""
    _step("differences", source)


@app.command()
def concepts(source: Source) -> None:
    """Association, decodability and cause of every concept, with the verdicts and their intervals."""
    _step("concepts", source)


@app.command()
def report(source: Source) -> None:
    """One portable page with all results."""
    _step("report", source)
