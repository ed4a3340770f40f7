"""How often the procedure is right, and what a study of some size can find."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from painlens.cli.options import Cores, fail, failing
from painlens.study import Replication
from painlens.tables import DataError
from painlens.workflow.failures import FAILURE

app = typer.Typer()
_REPLICATION = Replication()  # a study's own defaults


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
    with failing(), reporter("certify") as progress:
        made = certifying.certify(wanted, certifying.stamp(wanted), progress=progress)
    for sentence in certifying.summary(made.certificate):
        typer.echo(sentence)
    typer.echo(f"\nCertificate: {wanted.output}")
    if made.failed:
        names = ", ".join(f"{draw.cell}/{draw.number}" for draw in made.failed)
        fail(f"{len(made.failed)} studies failed and were not counted: {names}; their logs say why", FAILURE)


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

    with failing():
        people = (participants, other or participants)
        planned = plan_of(people, images=images, prevalence=prevalence, seeds=seeds, halves=halves, test=test)
        certificate = read_certificate(record or SHIPPED)
        if certificate is None:
            raise DataError(f"there is no certificate {record or SHIPPED}; make one with `painlens certify`")
        found = plan_table(certificate, planned, power=power, confidence=confidence)
    show_plan(found, planned, Console())
