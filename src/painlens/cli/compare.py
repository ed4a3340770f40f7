"""Two or more networks that were trained elsewhere, compared without training."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer

from painlens.cli.options import Overrides, RunOption, fail, failing
from painlens.study import StudyError
from painlens.workflow.failures import explain as explain_error

app = typer.Typer()

Files = list[Path] | None
Words = list[str] | None
MODELS = "Models"
FACES = "Faces"
_FOR_ONE = "NAME=... for one model."


def _model_option(*names: str, help: str, metavar: str = "[NAME=]VALUE") -> Any:  # noqa: A002 - typer's own word
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=MODELS)


@app.command()
def compare(  # noqa: PLR0913, PLR0917 - one argument per option
    run: Annotated[
        Path | None, typer.Argument(help="A comparison to continue, or with --before-after a run.", metavar="[RUN]")
    ] = None,
    a: Annotated[
        Files, _model_option("--a", help="Checkpoint of model a; again for other seeds.", metavar="FILE")
    ] = None,
    b: Annotated[Files, _model_option("--b", help="Checkpoint of model b.", metavar="FILE")] = None,
    before: Annotated[
        Files, _model_option("--before", help="Network before fine-tuning, e.g. for emotions.", metavar="FILE")
    ] = None,
    after: Annotated[Files, _model_option("--after", help="The same network fine-tuned.", metavar="FILE")] = None,
    model: Annotated[
        Words, _model_option("--model", "-m", help="Any number of models by name.", metavar="NAME=FILE")
    ] = None,
    faces: Annotated[
        Path | None, typer.Option(help="Manifest (CSV, TSV, Parquet) or folder.", rich_help_panel=FACES)
    ] = None,
    architecture: Annotated[
        Words,
        _model_option(
            "--architecture", help=f"vgg16, compact, torchvision:NAME, timm:NAME, code:MODULE:CLASS. {_FOR_ONE}"
        ),
    ] = None,
    classes: Annotated[
        Words, _model_option("--classes", help=f"Names of the logits in their order: no-pain,pain. {_FOR_ONE}")
    ] = None,
    mapping: Annotated[
        Words, _model_option("--mapping", help=f"Own class to class of the study: anger=pain,*=no-pain. {_FOR_ONE}")
    ] = None,
    explain: Annotated[Words, _model_option("--explain", help=f"Own class whose logit is compared. {_FOR_ONE}")] = None,
    normalisation: Annotated[
        Words,
        _model_option(
            "--normalisation",
            help=f"imagenet, half, unit, bytes, vggface, vggface2, caffe, or six numbers mean,std. {_FOR_ONE}",
        ),
    ] = None,
    channels: Annotated[Words, _model_option("--channels", help=f"rgb or bgr. {_FOR_ONE}")] = None,
    predictions: Annotated[
        Words,
        _model_option("--predictions", help=f"CSV of known answers to reproduce. {_FOR_ONE}", metavar="[NAME=]CSV"),
    ] = None,
    allow_code: Annotated[
        Words,
        _model_option("--allow-code", help="Let this class of yours be imported and run.", metavar="MODULE:CLASS"),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Class that is compared; default: pain.")] = None,
    size: Annotated[
        int | None, typer.Option(min=32, help="Side of the input in pixels; default: as the files say, or 224.")
    ] = None,
    detector: Annotated[
        Literal["none", "haar", "blazeface"],
        typer.Option(help="none: pictures are face crops already.", rich_help_panel=FACES),
    ] = "none",
    concept: Annotated[
        Words,
        typer.Option(
            help="A concept, the region that it changes, and its labels (database, frame_id, concept, value).",
            metavar="NAME:REGION=CSV",
        ),
    ] = None,
    display: Annotated[
        Literal["all", "none"], typer.Option(help="Whose face may be shown in the lab.", rich_help_panel=FACES)
    ] = "none",
    publish: Annotated[
        Literal["all", "none"], typer.Option(help="Whose face may be in the report.", rich_help_panel=FACES)
    ] = "none",
    trust_faces: Annotated[
        int | None, typer.Option(min=0, help="Check the maps on so many faces; default: 0, unchecked.")
    ] = None,
    before_after: Annotated[
        str | None,
        typer.Option(
            help="Of RUN: its emotion network against the one fine-tuned on this database.", metavar="DATABASE"
        ),
    ] = None,
    replicate: Annotated[str, typer.Option(help="With --before-after: which fine-tuned network.")] = "seed=0",
    name: Annotated[str, typer.Option(help="Name of the comparison.")] = "compare",
    folder: RunOption = None,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would run.")] = False,
) -> None:
    """Compare networks that were trained elsewhere, on the same faces, without training.

    Runs here, in this process; finished steps are not repeated. The folder is a run like any other: `painlens serve`,
    `painlens report` and `painlens run` work on it.

    For example `painlens compare --a clinical.safetensors --b experimental.safetensors --faces faces.csv`, or with
    other packages' weights
    `painlens compare --a a.pt --b b.pt --architecture torchvision:resnet18 --classes no-pain,pain --faces faces.csv`.
    What does fine-tuning forget: `painlens compare runs/demo --before-after clinical --explain before=anger`.
    """
    from painlens import comparing

    if allow_code:
        from painlens.backbones.foreign import ALLOW_CODE

        os.environ[ALLOW_CODE] = ",".join([*allow_code, *filter(None, [os.environ.get(ALLOW_CODE)])])
    said = {
        "architecture": architecture, "classes": classes, "mapping": mapping, "target": explain,
        "normalisation": normalisation, "channels": channels, "predictions": predictions,
    }  # fmt: skip
    given = {"a": a, "b": b, "before": before, "after": after}
    settings = list(overrides or ())
    with failing():
        if before_after is not None:
            how = (target, replicate, trust_faces, folder)
            if dry_run:
                with TemporaryDirectory() as rehearsal:
                    _run(_before_after(run, before_after, explain, how, settings, Path(rehearsal)), dry_run=True)
                return
            run_folder = _before_after(run, before_after, explain, how, settings)
        elif run is not None:
            settings += [] if trust_faces is None else [f"trust.faces={trust_faces}"]
            run_folder = comparing.continue_comparison(run, settings, write=not dry_run)
        else:
            models = _models(given, model or [])
            if faces is None:
                raise StudyError("say whose faces: --faces MANIFEST (a table with the columns path and participant)")
            wanted = comparing.Comparison(
                models=_describe(models, said), faces=faces, name=name, target=target, size=size, detector=detector,
                concepts=dict(map(_concept, concept or [])), display=display, publish=publish,
                trust_faces=trust_faces or 0, settings=settings,
            )  # fmt: skip
            study = comparing.comparison_study(wanted)
            run_folder = comparing.open_comparison(study, folder, write=not dry_run)
    _run(run_folder, dry_run=dry_run)


def _before_after(
    run: Path | None, database: str, explain: Words, how: tuple[str | None, str, int | None, Path | None],
    settings: list[str], rehearsal: Path | None = None,
) -> Any:  # fmt: skip
    """The run folder of a comparison within a run; with `rehearsal`, an empty folder, nothing is written elsewhere."""
    from painlens import comparing
    from painlens.study import load_study
    from painlens.workflow.run_folder import RunFolder

    target, replicate, trust_faces, folder = how
    if run is None or not (run / "study.yaml").exists():
        raise StudyError(
            "--before-after needs the folder of a finished run: painlens compare RUN --before-after DATABASE"
        )
    source = RunFolder(run.resolve())
    own = (explain or [""])[-1].removeprefix(f"{comparing.BEFORE}=")
    study = comparing.before_after(source, database, explain=own, target=target, replicate=replicate)
    place = folder or run.with_name(f"{run.resolve().name}-before-after-{database}")
    opened = comparing.open_comparison(study, rehearsal or place)
    changed = load_study(opened.study_file, [*settings, f"trust.faces={trust_faces or 0}"])
    if rehearsal is not None and (place / "study.yaml").exists():
        return comparing.prepare_run(changed, place, write=False)
    comparing.take_over(source, opened, link=rehearsal is not None)
    return comparing.prepare_run(changed, opened.root)


def _models(given: Mapping[str, Files], named: list[str]) -> dict[str, list[Path]]:
    """Name -> checkpoints."""
    models = {name: list(files) for name, files in given.items() if files}
    for one in named:
        name, sign, file = one.partition("=")
        if not sign:
            raise StudyError(f"--model expects NAME=FILE, got '{one}'")
        models.setdefault(name, []).append(Path(file))
    if len(models) < 2:
        raise StudyError(
            f"a comparison needs at least two models, got {', '.join(models) or 'none'}: --a FILE --b FILE, --before "
            "FILE --after FILE, or --model NAME=FILE for each"
        )
    return models


def _describe(models: Mapping[str, list[Path]], said: Mapping[str, Words]) -> dict[str, dict[str, Any]]:
    """Keys of `painlens.study.Model` for every model; what is said of one goes before what is said of all."""
    found: dict[str, dict[str, Any]] = {}
    for name, files in models.items():
        own: dict[str, Any] = {"checkpoint": str(files[0]) if len(files) == 1 else [str(file) for file in files]}
        for key, values in said.items():
            chosen = _of_model(values or [], name, models)
            if chosen:
                own[key] = _value(key, chosen, len(files))
        found[name] = own
    return found


def _of_model(values: list[str], name: str, models: Mapping[str, list[Path]]) -> list[str]:
    """What is said of a model: NAME=..., else what is said of all."""
    own, shared = [], []
    for value in values:
        first, sign, rest = value.partition("=")
        if sign and first == name:
            own.append(rest)
        elif not (sign and first in models):
            shared.append(value)
    return own or shared


def _value(key: str, values: list[str], files: int) -> Any:
    """The value of a key from the command line."""
    last = values[-1]
    if key == "classes":
        return [one.strip() for one in last.split(",")]
    if key == "mapping":
        pairs = [pair.partition("=") for pair in last.split(",")]
        if not all(sign for _, sign, _ in pairs):
            raise StudyError(f"--mapping expects own=study,own=study ..., got '{last}'")
        return {own.strip(): study.strip() for own, _, study in pairs}
    if key == "predictions":
        return last if files == 1 else values
    if key == "normalisation" and "," in last:
        try:
            numbers = [float(number) for number in last.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != 6:
            raise StudyError(
                f"--normalisation expects a name or six numbers (three means, three deviations), got '{last}'"
            )
        return {"mean": numbers[:3], "std": numbers[3:]}
    return last


def _concept(text: str) -> tuple[str, dict[str, Any]]:
    """A concept from the command line."""
    place, sign, file = text.partition("=")
    name, colon, region = place.partition(":")
    if not (sign and colon):
        raise StudyError(f"--concept expects NAME:REGION=CSV, such as eyes-closed:eyes=labels.csv, got '{text}'")
    return name, {"definition": name.replace("-", " "), "region": region, "labels": str(Path(file).resolve())}


def _run(run_folder: Any, *, dry_run: bool) -> None:
    """Run all due steps here and say where the results are."""
    from painlens.workflow.in_process import run_here
    from painlens.workflow.memory import keep_freed_memory
    from painlens.workflow.outcome import read_outcome
    from painlens.workflow.plan import describe, plan
    from painlens.workflow.stages import jobs_of

    study = run_folder.study()
    if dry_run:
        for line in describe(plan(run_folder, study), len(jobs_of(study))):
            typer.echo(line)
        return
    keep_freed_memory()
    try:
        run_here(
            run_folder,
            ended=lambda job, outcome, count, total: typer.echo(
                f"{'up to date' if outcome.up_to_date else 'done'}  {job.name}  {outcome.seconds:.1f} s  [{count} of "
                f"{total}]", err=True,
            ),
        )  # fmt: skip
    except BlockingIOError:
        fail(f"another painlens run is at work in {run_folder.root}; wait for it or stop it", 1)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told in one sentence
        fail(*explain_error(error))
    for sentence in read_outcome(run_folder).sentences:
        typer.echo(sentence)
    if not study.trust.faces:
        typer.echo(f"The maps are unchecked: painlens compare {run_folder.root} --trust-faces 48")
    typer.echo(f"\nReport: {run_folder.report}\nGallery: painlens serve {run_folder.root}")
