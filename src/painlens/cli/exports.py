"""What leaves a run: tables and figures, checklists, sealed bundles, projects for other programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from painlens.cli.options import RunArgument, fail, failing, open_run, require_run
from painlens.workflow.failures import CHECK_FAILED
from painlens.workflow.run_folder import RunFolder

if TYPE_CHECKING:
    from painlens.bundle import Verification

app = typer.Typer()
SHOWN = 20  # mismatches on the terminal; JSON has them all


@app.command()
def bundle(
    run: RunArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; default: RUN/exports/<study>.bundle.zip.")
    ] = None,
) -> None:
    """Seal a finished run for a reviewer: tables, study, manifests and what is needed to compute every number again.

    No pixels, no weights, no pickle; ids of participants and names of frames are in it. Prints the SHA-256 of the
    file: publish it with the results.

    For example `painlens bundle runs/demo --output demo.bundle.zip`.
    """
    from painlens.bundle import write_bundle

    require_run(run)
    with failing():
        opened = RunFolder(run.resolve())
        sealed = write_bundle(opened, output or run / "exports" / f"{opened.study().study}.bundle.zip")
    typer.echo(f"{sealed.path}: {sealed.files} files, {sealed.size / 2**20:.1f} MiB, no pixels")
    typer.echo(f"sha256 {sealed.sha256}")
    typer.echo("It names participants and frames by their ids; check that your agreement allows to hand it on.")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A file that `painlens bundle` wrote.", metavar="BUNDLE")],
    sha256: Annotated[str, typer.Option(help="The digest that was published with the results.")] = "",
    exact: Annotated[bool, typer.Option("--exact", help="Allow no rounding of another machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every mismatch.")] = False,
) -> None:
    """Check a bundle: digests, manifests, and every table, interval and verdict computed again from its contents.

    Needs neither the run nor its databases. Exits with 4 and tells file, row and column where a number is not what
    follows from the bundled predictions, labels and inner products, with 3 where the file is damaged.

    For example `painlens verify demo.bundle.zip --sha256 3f6c...`.
    """
    from painlens.bundle import as_dict, verify_bundle
    from painlens.progress import reporter

    with failing(), reporter("verify") as progress:
        found = verify_bundle(bundle, sha256=sha256, exact=exact, progress=progress)
    if as_json:
        typer.echo(json.dumps(as_dict(found), indent=1, ensure_ascii=False))
    else:
        _show(found, published=bool(sha256))
    if not found.passed:
        fail(f"{len(found.mismatches)} mismatches: the bundle does not say what follows from it", CHECK_FAILED)


@app.command()
def export(
    run: RunArgument,
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default: RUN/exports/paper.")] = None,
    width: Annotated[
        float, typer.Option(min=30, max=400, help="Width of the figures in mm: 84 one column, 174 the page.")
    ] = 84.0,
) -> None:
    """Write tables (CSV, LaTeX with booktabs), figures (SVG, PDF) and what to cite (BibTeX) for a paper.

    The paper's Tables 1 and 2 and its Figure 1 have these names. Faces stand in Figure 1 only where their participants
    agreed to publication.

    For example `painlens export runs/demo --to paper/results --width 84`.
    """
    from painlens.publication import export_run

    require_run(run)
    with failing():
        done = export_run(RunFolder(run.resolve()), to or run / "exports" / "paper", width_mm=width)
    typer.echo(f"{len(done.files)} files in {to or run / 'exports' / 'paper'}")
    if done.withheld:
        typer.echo(f"{done.withheld} faces are withheld from Figure 1: no consent to publication is on record")
    if not done.figure_1:
        typer.echo("There is no Figure 1: no face may be shown")


@app.command()
def checklist(
    run: RunArgument,
    answer: Annotated[
        tuple[str, str] | None,
        typer.Option("--answer", help="Answer one open question; kept in the run.", metavar="QUESTION TEXT"),
    ] = None,
    answers: Annotated[Path | None, typer.Option(help="YAML file of answers, `question: text`.")] = None,
) -> None:
    """Fill reporting checklists (TRIPOD+AI, CLAIM, GMLP) and model cards with pointers into the files of a run.

    Nothing is judged: each item shows what the run itself tells, with digests. Questions that only a person can answer
    are asked once, kept in `answers.json` of the run, and stand in every checklist that asks them.

    For example `painlens checklist runs/demo --answer purpose "Research on how two databases differ"`.
    """
    from painlens import checklists

    require_run(run)
    with failing():
        given = (checklists.answers_file(answers) if answers is not None else {}) | (dict([answer]) if answer else {})
        if given:
            checklists.keep_answers(run, given, checklists.questions())
        written, unanswered = checklists.write_checklists(RunFolder(run.resolve()))
    for path in written:
        typer.echo(path)
    for name in unanswered:
        typer.echo(f"open: {name}: {checklists.questions()[name]}")


def _show(found: "Verification", *, published: bool) -> None:
    """What was checked, and the mismatches as a table."""
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"study {found.study}, sha256 {found.sha256}" + (" (as published)" if published and found.passed else "")
    )
    same = found.cells - found.rounded
    typer.echo(
        f"{found.tables} tables computed again, {found.cells:,} cells: {same:,} identical, {found.rounded:,} equal to "
        "rounding"
    )
    typer.echo(f"{len(found.only_hashed)} tables rest on pixels, networks or people: compared by digest and identities")
    if found.other_code:
        typer.echo(
            f"Made by other code than the installed one: {', '.join(found.other_code)}; differences may be due to it"
        )
    if found.passed:
        typer.secho("No mismatch.", fg=typer.colors.GREEN)
        return
    shown = Table("file", "row", "column", "stored", "recomputed")
    for one in found.mismatches[:SHOWN]:
        shown.add_row(one.file, one.row, one.column, one.stored, one.recomputed)
    Console().print(shown)
    if len(found.mismatches) > SHOWN:
        typer.echo(f"... and {len(found.mismatches) - SHOWN} more (--json lists all)")


@app.command()
def virelay(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(help="A new folder; it shows faces, so only you may read it.")],
    replicate: Annotated[str, typer.Option("--replicate", "-r", help="Whose maps: seed=0, seed=1 ...")] = "seed=0",
) -> None:
    """Write projects for ViRelAy, which shows test faces and maps in the browser (a program of its own, AGPL).

    Only faces with consent to display are in it. Maps are not copied: keep the run where it is.
    Example: `painlens virelay runs/demo runs/virelay`, then `virelay runs/virelay/*.yaml`
    """
    from painlens.workflow.virelay import export_to_virelay

    with failing():
        for path in export_to_virelay(open_run(run), folder, replicate=replicate):
            typer.echo(path)
