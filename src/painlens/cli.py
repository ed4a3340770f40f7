"""The terminal: one command per step, and `run` for all of them.

Exit codes: 0 done, 1 failure, 2 usage, 3 data or consent refused, 4 a check failed.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from painlens import cli_annotations, cli_web
from painlens.study import Replication, StudyError, load_study
from painlens.tables import DataError
from painlens.workflow.failures import CHECK_FAILED, FAILURE, REFUSED, USAGE, record_failure
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

app.add_typer(cli_annotations.app, name="annotations")
app.add_typer(cli_web.people_app, name="people")
app.command()(cli_web.serve)

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


_REPLICATION = Replication()  # a study's own defaults


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
def demo(
    folder: RunOption = None,
    overrides: Overrides = None,
    cores: Cores = None,
    serve: Annotated[bool, typer.Option("--serve", help="Open the web interface on it, with a prepared task.")] = False,
    port: cli_web.Port = cli_web.DEFAULT_PORT,
) -> None:
    """Run the embedded demonstration: rendered databases with a planted difference.

    Some minutes on two cores. Exits with 4 if the planted difference is missed. With `--serve` the web interface
    opens on the finished run: `painlens demo --serve`.
    """
    from painlens.workflow.run_folder import shipped_study

    run_folder = _open(shipped_study("demo"), overrides, folder or Path("runs/demo"))
    if serve:
        cli_web.serve_demo(
            run_folder.root, lambda: _run_all(run_folder, cores=cores, dry_run=False, profile="laptop"), port
        )
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
def certify(  # noqa: PLR0913, PLR0917 - one argument per option
    level: Annotated[Literal["features", "images", "both"], typer.Option(help="What is made.")] = "both",
    cells: Annotated[
        list[str] | None, typer.Option("--cells", help="Only this design; repeatable. Default: all.", metavar="NAME")
    ] = None,
    studies: Annotated[
        int | None, typer.Option(min=1, help="Studies per design; default: 1,000 of made features, 10 of images.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the studies; finished ones are kept.")] = Path("runs/certify"),
    output: Annotated[Path | None, typer.Option(help="The record; default: certificate.json in the folder.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Begin no study of images after so many minutes; default: make all.")
    ] = None,
    pause_file: Annotated[Path | None, typer.Option(help="While this file exists no study of images is begun.")] = None,
    cores: Cores = None,
    profile: Annotated[str, typer.Option(help="laptop, slurm, or the folder of a Snakemake profile.")] = "laptop",
) -> None:
    """Run the whole procedure on databases with known truth and count how often it is right.

    Features: small networks on made features, thousands of studies. Images: whole studies from rendered faces to
    verdict, some minutes each. Finished studies are never made again, a killed one goes on; several of these commands
    may work in one folder at the same time.

    For example `painlens certify --level images --cells null --studies 20 --minutes 90`.
    """
    from painlens.certificate import certifying
    from painlens.certificate.images import Course
    from painlens.progress import reporter

    course = Course(folder, cores, profile, minutes, pause_file, say=lambda line: typer.echo(line, err=True))
    wanted = certifying.Order(
        levels=("features", "images") if level == "both" else (level,),
        cells=tuple(cells or ()),
        studies=(studies or certifying.STUDIES[0], studies or certifying.STUDIES[1]),
        course=course,
        output=output or folder / certifying.RECORD,
    )
    try:
        with reporter("certify") as progress:
            made = certifying.certify(wanted, certifying.stamp(wanted), progress=progress)
    except StudyError as error:
        _fail(str(error), USAGE)
    except DataError as error:
        _fail(str(error), REFUSED)
    for sentence in certifying.summary(made.certificate):
        typer.echo(sentence)
    typer.echo(f"\nCertificate: {wanted.output}")
    if made.failed:
        names = ", ".join(f"{draw.cell}/{draw.number}" for draw in made.failed)
        _fail(f"{len(made.failed)} studies failed and were not counted: {names}; their logs say why", FAILURE)


@app.command()
def plan(  # noqa: PLR0913, PLR0917 - the size of a study
    participants: Annotated[int, typer.Option(min=4, help="Participants of each database.")],
    images: Annotated[int, typer.Option(min=4, help="Annotated test faces of each database.")],
    prevalence: Annotated[float, typer.Option(min=0.001, max=0.999, help="Share of the faces that show the concept.")],
    seeds: Annotated[int, typer.Option(min=1, help="Fine-tunings of each database.")] = _REPLICATION.seeds,
    halves: Annotated[
        int, typer.Option(min=1, help="Splits of the training participants into halves.")
    ] = _REPLICATION.half_splits,
    test: Annotated[
        int | None, typer.Option(min=2, help="Of the participants, how many are tested; default: 3 of 10.")
    ] = None,
    other: Annotated[
        int | None, typer.Option(min=4, help="Participants of the second database; default: as many.")
    ] = None,
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="Wanted probability to find it.")] = 0.8,
    confidence: Annotated[float, typer.Option(min=0.51, max=0.9999, help="Level of the intervals.")] = 0.95,
    record: Annotated[
        Path | None, typer.Option(help="A certificate; default: the one that comes with painlens.")
    ] = None,
) -> None:
    """Say beforehand which difference between two databases a study of some size can detect.

    From the variance components of the certificate: training participants, seeds, test participants and faces.

    For example `painlens plan --participants 25 --images 400 --prevalence 0.2 --seeds 5 --halves 4`.
    """
    from rich.console import Console

    from painlens.certificate.cells import SHIPPED, read_certificate
    from painlens.certificate.planning import plan_of
    from painlens.certificate.planning_shown import plan_table, show_plan

    try:
        people = (participants, other or participants)
        planned = plan_of(people, images=images, prevalence=prevalence, seeds=seeds, halves=halves, test=test)
        certificate = read_certificate(record or SHIPPED)
        if certificate is None:
            raise DataError(f"there is no certificate {record or SHIPPED}; make one with `painlens certify`")
        found = plan_table(certificate, planned, power=power, confidence=confidence)
    except StudyError as error:
        _fail(str(error), USAGE)
    except DataError as error:
        _fail(str(error), REFUSED)
    show_plan(found, planned, Console())


@app.command()
def doctor(  # noqa: PLR0913 - options of a command
    target: Annotated[
        Path, typer.Argument(help="A study file, a run, or an owner's folder.", metavar="STUDY|RUN|FOLDER")
    ],
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    pictures: Annotated[
        int | None, typer.Option(min=0, help="Pictures per database that are opened; default: all; 0: none.")
    ] = None,
    faces: Annotated[
        int, typer.Option(min=0, help="Frames per database on which detectors are tried before a run has faces.")
    ] = 120,
    workers: Workers = 1,
) -> None:
    """Audit databases before a study is believed: counts, unreadable files, duplicates, people in two parts, consent.

    Exits with 3 if it finds a leak. Nothing is written. For example `painlens doctor /data/UNBC`, or
    `painlens doctor studies/paper.yaml --pictures 2000 --json`.
    """
    from rich.console import Console

    from painlens.doctor import Depth
    from painlens.doctor.examine import examine
    from painlens.doctor.show import as_json as to_json
    from painlens.doctor.show import show

    try:
        found = examine(target, overrides or (), depth=Depth(pictures, faces, workers), quiet=as_json)
    except StudyError as error:
        _fail(str(error), USAGE)
    except (DataError, OSError) as error:
        _fail(str(error), REFUSED)
    if as_json:
        typer.echo(to_json(found))
    else:
        show(found, Console())
    raise typer.Exit(REFUSED if found.leaks else 0)


@app.command()
def forget(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")],
    participant: Annotated[str, typer.Option(help="Id of the person, as in the tables.")] = "",
    database: Annotated[str, typer.Option("--database", "-d", help="Only in this database; alone: all of it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
) -> None:
    """Remove a person or a database from a run: every crop, map, feature, prediction, and networks that saw them.

    Says what must be computed again. The owner's folder is not touched, and the person is not read from it again.
    For example `painlens forget runs/paper --participant 042-ll042 --dry-run`.
    """
    from painlens.forgetting import forget as carry_out
    from painlens.forgetting import plan_forgetting

    run_folder = _open(run, None, None)
    try:
        plan = plan_forgetting(run_folder, participant=participant, database=database)
        for change in plan.changes:
            typer.echo(f"{change.place}: {change.what}")
        if plan.recompute:
            typer.echo("To be computed again (painlens run): " + ", ".join(job.name for job in plan.recompute))
        if dry_run:
            typer.echo("Nothing was touched (--dry-run).")
            return
        left = carry_out(run_folder, plan)
    except DataError as error:
        _fail(str(error), REFUSED)
    if left.answers:
        typer.echo("annotations.sqlite keeps people's answers about the person (no pixels); delete it if they must go")
    if left.places:
        _fail(f"still named in {', '.join(left.places)}; remove it there by hand", CHECK_FAILED)
    typer.echo("Forgotten. A study file of your own may still name the person; take the id out before the next run.")


@app.command()
def datasheet(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")],
    database: Annotated[str, typer.Option("--database", "-d", help="Only this database; default: all.")] = "",
    croissant: Annotated[bool, typer.Option(help="Also Croissant metadata, without pixels.")] = False,
) -> None:
    """Write a datasheet per database from what was found: counts, exclusions, classes, consent, licence.

    Example: `painlens datasheet runs/demo --croissant`
    """
    from painlens.datasheet import write_datasheets

    try:
        for path in write_datasheets(_open(run, None, None), only=database, croissant=croissant):
            typer.echo(path)
    except DataError as error:
        _fail(str(error), REFUSED)


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
