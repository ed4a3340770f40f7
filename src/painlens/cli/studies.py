"""Whole studies: run, demonstration, estimate."""

from pathlib import Path
from typing import Annotated

import typer

from painlens.cli.options import Cores, Overrides, RunOption, Source, fail, open_run
from painlens.cli.web import DEFAULT_PORT, Port, serve_demo
from painlens.study import StudyError, load_study
from painlens.tables import DataError
from painlens.workflow.failures import CHECK_FAILED, REFUSED, USAGE
from painlens.workflow.run_folder import RunFolder

app = typer.Typer()


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
    run_folder = open_run(source, overrides, folder, write=not dry_run)
    _run_all(run_folder, cores=cores, dry_run=dry_run, profile=profile)


def _run_all(run_folder: RunFolder, *, cores: int | None, dry_run: bool, profile: str) -> None:
    """Run the workflow, print the verdict, exit with what the study's expectation says."""
    from painlens.workflow.engine import run_workflow

    try:
        code = run_workflow(run_folder, cores=cores, dry_run=dry_run, profile=profile)
    except DataError as error:
        fail(error, REFUSED)
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
    return 0 if outcome.met else CHECK_FAILED


@app.command()
def demo(
    folder: RunOption = None,
    overrides: Overrides = None,
    cores: Cores = None,
    serve: Annotated[bool, typer.Option("--serve", help="Open the web interface on it, with a prepared task.")] = False,
    port: Port = DEFAULT_PORT,
) -> None:
    """Run the embedded demonstration: rendered databases with a planted difference.

    Some minutes on two cores. Exits with 4 if the planted difference is missed. With `--serve` the web interface
    opens on the finished run: `painlens demo --serve`.
    """
    from painlens.workflow.run_folder import shipped_study

    run_folder = open_run(shipped_study("demo"), overrides, folder or Path("runs/demo"))
    if serve:
        serve_demo(run_folder.root, lambda: _run_all(run_folder, cores=cores, dry_run=False, profile="laptop"), port)
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
        fail(error, USAGE)
    print_estimate(estimate_study(study, cores=cores))
