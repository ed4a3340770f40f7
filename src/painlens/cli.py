"""The terminal: one command per step, and `run` for all of them.

Exit codes: 0 done, 1 failure, 2 usage, 3 data or consent refused, 4 a check failed.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from painlens.study import StudyError, load_study
from painlens.tables import DataError
from painlens.workflow.failures import FAILURE, REFUSED, USAGE, record_failure
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Two models were trained on two databases of faces: do they look at different things, which, how sure are we?",
    epilog="Start with: `painlens demo`",
)

Source = Annotated[Path, typer.Argument(help="A study file (.yaml), or the folder of a run.", metavar="STUDY|RUN")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting: `--set training.epochs=3`. Repeatable.", metavar="KEY=VALUE"),
]
RunOption = Annotated[Path | None, typer.Option("--run", help="Folder of the run; default: runs/<name of the study>.")]
DatabaseOption = Annotated[str, typer.Option("--database", "-d", help="Name of the database in the study.")]
ReplicateOption = Annotated[
    str, typer.Option("--replicate", "-r", help="Which network: seed=0 ..., half=0a, half=0b ...")
]
Cores = Annotated[int | None, typer.Option("--cores", "-c", min=1, help="Processes at once; default: all cores.")]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, help="Processes that this step may use.")]


def _fail(message: str, code: int) -> NoReturn:
    """One clear sentence on stderr and an exit code."""
    typer.secho(f"painlens: {message}", fg=typer.colors.RED, err=True)
    raise typer.Exit(code)


def _open(source: Path, overrides: list[str] | None, run: Path | None) -> RunFolder:
    """The run folder of a study file, or the run folder itself; writes the resolved study into it."""
    from painlens.workflow.run_folder import prepare_run

    try:
        if source.is_dir():
            if not (source / "study.yaml").exists():
                raise StudyError(
                    f"{source} is no run of painlens: it has no study.yaml; give a study file to start one"
                )
            return prepare_run(load_study(source / "study.yaml", overrides or ()), run or source)
        study = load_study(source, overrides or ())
        return prepare_run(study, run or Path("runs") / study.study)
    except StudyError as error:
        _fail(str(error), USAGE)
    except OSError as error:
        _fail(f"the run folder cannot be written: {error}", FAILURE)


def _step(stage: str, source: Path, *, database: str = "", replicate: str = "", workers: int = 1) -> None:
    """Run one step in this process; its failure is one sentence, also left for a parent process to read."""
    from painlens.progress import reporter
    from painlens.workflow.steps import perform

    run = _open(source, None, None)
    job = Job(stage, database, replicate)
    try:
        with reporter(job.name) as progress:
            outcome = perform(job, run, workers=workers, progress=progress)
    except (StudyError, DataError, OSError, MemoryError, KeyboardInterrupt, Exception) as error:  # noqa: BLE001
        message, code = record_failure(error, run.error(job))
        _fail(message, code)
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


@app.command()
def run(
    source: Source,
    overrides: Overrides = None,
    folder: RunOption = None,
    cores: Cores = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would run.")] = False,
    profile: Annotated[str, typer.Option(help="laptop, slurm, or the folder of a Snakemake profile.")] = "laptop",
) -> None:
    """Run a whole study, from the databases to the report; finished steps are not repeated.

    For example `painlens run studies/demo.yaml --dry-run`, or
    `painlens run studies/paper.yaml --set databases.clinical.root=/data/UNBC --cores 8`.
    """
    run_folder = _open(source, overrides, folder)
    _run_all(run_folder, cores=cores, dry_run=dry_run, profile=profile)


def _run_all(run_folder: RunFolder, *, cores: int | None, dry_run: bool, profile: str) -> None:
    """Run the workflow, print the verdict, exit with what the study's expectation says."""
    from painlens.workflow.engine import run_workflow

    try:
        code = run_workflow(run_folder, cores=cores, dry_run=dry_run, profile=profile)
    except DataError as error:
        _fail(str(error), REFUSED)
    if dry_run or code:
        raise typer.Exit(code)
    raise typer.Exit(_verdict(run_folder))


def _verdict(run_folder: RunFolder) -> int:
    """Print the sentences and the report's path; 4 where the study's expectation is not met."""
    from painlens.workflow.outcome import read_outcome

    outcome = read_outcome(run_folder)
    for sentence in outcome.sentences:
        typer.echo(sentence)
    for finding in outcome.findings:
        typer.secho(finding.sentence, fg=typer.colors.GREEN if finding.met else typer.colors.RED)
    typer.echo(f"\nReport: {run_folder.report}")
    return 0 if outcome.met else 4


@app.command()
def demo(folder: RunOption = None, overrides: Overrides = None, cores: Cores = None) -> None:
    """Run the embedded demonstration: rendered databases with a planted difference.

    Some minutes on two cores. Exits with 4 if the planted difference is missed.
    """
    from painlens.workflow.run_folder import shipped_study

    run_folder = _open(shipped_study("demo"), overrides, folder or Path("runs/demo"))
    _run_all(run_folder, cores=cores, dry_run=False, profile="laptop")


@app.command()
def estimate(source: Source, overrides: Overrides = None, cores: Cores = None) -> None:
    """Say beforehand what will run and roughly how long, how much memory and disk it takes.

    Example: `painlens estimate studies/paper.yaml`
    """
    from painlens.workflow.estimate import estimate_study, print_estimate

    path = source / "study.yaml" if source.is_dir() else source
    try:
        study = load_study(path, overrides or ())
    except StudyError as error:
        _fail(str(error), USAGE)
    print_estimate(estimate_study(study, cores=cores))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    typer.echo(metadata.version("painlens"))


def main() -> None:
    """Run the command line; Ctrl-C leaves finished results whole."""
    try:
        app()
    except KeyboardInterrupt:
        typer.secho("painlens: stopped; the same command goes on where it stopped", err=True)
        sys.exit(130)
