"""What a run itself tells about each question of a checklist: one sentence, and the files it rests on with digests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from painlens import consent, tables
from painlens.tables import DataError, Schema
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of, networks_of

DIGITS = 12  # of a digest that are printed


@dataclass(frozen=True)
class Pointer:
    """A file of the run and its digest."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """A sentence from artefacts.

    Attributes
    ----------
    sentence
        What the files say; empty where the step that would tell has not run.
    pointers
        Where it stands.
    """

    sentence: str
    pointers: tuple[Pointer, ...]


class Artefacts:
    """Tables of a run, read when a question needs them."""

    def __init__(self, run: RunFolder) -> None:
        self.run, self.study = run, run.study()
        self._digests: dict[Path, str] = {}

    def table(self, stage: str, schema: Schema, database: str = "") -> pd.DataFrame:
        """A table that a step wrote."""
        return tables.load_table(self.run.folder(stage, database) / f"{schema.name}.parquet", schema)

    def of_all(self, stage: str, schema: Schema) -> Iterator[tuple[str, pd.DataFrame]]:
        """A step's table of every database of the study."""
        for name in self.study.databases:
            yield name, self.table(stage, schema, name)

    def pointers(self, *files: Path) -> tuple[Pointer, ...]:
        """Digests of files."""
        found = []
        for file in files:
            self._digests.setdefault(file, tables.sha256_of(file))
            found.append(Pointer(file.relative_to(self.run.root).as_posix(), self._digests[file]))
        return tuple(found)


def gather(run: RunFolder) -> dict[str, Evidence]:
    """Name -> evidence; where a step has not run, the sentence says which command to run."""
    artefacts = Artefacts(run)
    found = {}
    for name, (stage, tell) in TELL.items():
        try:
            files = list(_files(artefacts, stage))
            found[name] = Evidence(tell(artefacts), artefacts.pointers(run.study_file, *files))
        except (DataError, FileNotFoundError):
            found[name] = Evidence(f"Not known yet: run `painlens run {run.root.name}` (step {stage}).", ())
    return found


def _files(artefacts: Artefacts, stage: str) -> Iterator[Path]:
    """Manifests of a stage, which list its files with digests."""
    run, study = artefacts.run, artefacts.study
    if stage == "networks":
        for job in networks_of(study):
            if job.replicate in study.networks:
                yield run.manifest(job)
    elif stage in ("frames", "faces", "split"):
        for name in study.databases:
            yield run.folder(stage, name) / "manifest.json"
    elif stage != "study":
        yield run.folder(stage) / "manifest.json"


def _study(found: Artefacts) -> str:
    study = found.study
    names = " and ".join(study.databases)
    concepts = ", ".join(study.concepts) or "none"
    target = study.attribution.target
    if study.models:
        models = " and ".join(study.models)
        return f"Networks that were trained elsewhere ({models}) are compared on faces of {names} for '{target}'; " + (
            f"concepts: {concepts}."
        )
    return f"Networks for '{target}' trained on {names} are compared on the same faces; concepts: {concepts}."


def _databases(found: Artefacts) -> str:
    told = []
    for name, database in databases_of(found.study).items():
        kind = "rendered faces of people who do not exist" if database.synthetic is not None else "an owner's folder"
        told.append(f"{name}: {kind}, reader {database.reader}, licence: {database.licence or 'not stated'}")
    return "; ".join(told) + "."


def _exclusions(found: Artefacts) -> str:
    told = []
    both = zip(found.of_all("frames", tables.FRAMES), found.of_all("faces", tables.FACES), strict=True)
    for (name, frames), (_, faces) in both:
        told.append(
            f"{name}: {len(frames):,} frames listed, {int(frames['kept'].sum()):,} kept, "
            f"{int(faces['found'].sum()):,} with a face; every other one has its reason in the table"
        )
    return "; ".join(told) + "."


def _participants(found: Artefacts) -> str:
    told = []
    for name, split in found.of_all("split", tables.SPLIT):
        parts = split.groupby("part").agg(people=("participant", "size"), faces=("faces", "sum"))
        counts = ", ".join(f"{part} {row.people} people with {row.faces:,} faces" for part, row in parts.iterrows())
        told.append(f"{name}: {counts}")
    return "; ".join(told) + "."


def _labels(found: Artefacts) -> str:
    rules = []
    for name, database in found.study.databases.items():
        rule = "; ".join(f"{label}: {when}" for label, when in database.label.items()) or "the reader's own rule"
        rules.append(f"{name}: {rule}")
    return f"Labels follow rules in the study file: {' | '.join(rules)}."


def _concepts(found: Artefacts) -> str:
    labels = found.table("evaluate", tables.CONCEPTS)
    told = []
    for name, own in labels.groupby("concept", sort=False):
        known, source = own["value"].dropna(), ", ".join(sorted(own["source"].dropna().unique()))
        counts = f"{len(known):,} of {len(own):,} faces labelled, present on {int(known.sum()):,}"
        told.append(f"{name}: {counts} (source: {source})")
    agreement = found.table("concepts", tables.RELIABILITY)
    kappas = [f"{row['concept']} kappa {row['kappa']:.2f}" for row in agreement.to_dict("records")]
    raters = ", ".join(kappas) or "no two raters on record"
    return f"{'; '.join(told) or 'no concepts'}. Agreement of raters: {raters}."


def _preprocessing(found: Artefacts) -> str:
    faces = found.study.faces
    crops = f"crops of {faces.size} x {faces.size} pixels, margin {faces.margin:g}, alignment {faces.align}"
    return f"Faces found by {faces.detector}, {crops}."


def _model(found: Artefacts) -> str:
    study = found.study
    if study.models:
        return f"Trained elsewhere, taken over from checkpoints: {'; '.join(_adopted(found))}."
    start = study.pretraining
    kind = (
        "a checkpoint" if start.checkpoint is not None else "an emotion network" if start.database else "random weights"
    )
    return f"{study.backbone.name}, fine-tuned per database from {kind}; all networks share this start."


def _adopted(found: Artefacts) -> Iterator[str]:
    """What is known of every checkpoint that was taken over."""
    for job in networks_of(found.study):
        facts = tables.load_json(found.run.manifest(job).parent / "adopted.json")
        checked = facts["reproduced"]
        known = "no known answers were given" if checked is None else f"{checked['faces']} known answers reproduced"
        yield (
            f"{job.database} {job.replicate}: {facts['architecture']}, {facts['parameters']:,} parameters, file "
            f"{facts['checkpoint']} ({facts['sha256'][:DIGITS]}), {known}"
        )


def _training(found: Artefacts) -> str:
    own, again = found.study.training, found.study.replication
    if found.study.models:
        return "The networks were trained elsewhere; painlens knows nothing of their training people or settings."
    length = f"{own.epochs} epochs" if own.steps is None else f"about {own.steps} steps"
    balance = f"class weights for {', '.join(own.class_balance)}" if own.class_balance else "no class weights"
    return (
        f"{own.optimizer}, learning rate {own.learning_rate:g}, {own.loss} loss, {length}, {balance}, the {own.keep} "
        f"epoch is kept; {again.seeds} seeds and {again.half_splits} splits into halves per database{_folds(found)}."
    )


def _folds(found: Artefacts) -> str:
    """How people rotate through the test part, if they do."""
    folds = found.study.replication.cross_fitting
    return f", each of {folds} networks whose people rotate through the test part" if folds else ""


def _split(found: Artefacts) -> str:
    for _, split in found.of_all("split", tables.SPLIT):
        if not split["participant"].is_unique:
            raise DataError("a participant stands in two parts")
    if found.study.models:
        return (
            "Every participant is a test participant. Whether the networks have seen them in training is not known to "
            "painlens."
        )
    if found.study.replication.cross_fitting:
        return (
            f"Cross-fitting in {found.study.replication.cross_fitting} folds by participant: nobody is answered by a "
            "network that has seen them; every participant stands in one fold only (checked now)."
        )
    return (
        "Parts are disjoint by participant: every participant of every database stands in one part only (checked now)."
    )


def _statistics(found: Artefacts) -> str:
    own = found.study.concept_test
    return (
        f"Intervals at {found.study.replication.confidence:g} over participants, seeds and training participants; "
        f"declared measures: {', '.join(own.declared)}, with Holm's correction over them; all others are exploratory."
    )


def _detectable(found: Artefacts) -> str:
    verdicts = found.table("concepts", tables.VERDICTS)
    own = verdicts[(verdicts["claim"] == "databases") & (verdicts["measure"] == "auroc")]
    told = [f"{row['concept']} {row['smallest_detectable']:.2f}" for row in own.to_dict("records")
            if pd.notna(row.get("smallest_detectable"))]  # fmt: skip
    return f"Difference of AUROC that 80 % of such studies would find: {', '.join(told) or 'not estimated'}."


def _performance(found: Artefacts) -> str:
    metrics = found.table("evaluate", tables.METRICS)
    own = metrics[(metrics["measure"] == "balanced-accuracy") & (metrics["replicate"] == "mean")]
    told = [f"{row['model']} on {row['database']} {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            for row in own.to_dict("records") if row["model"] in found.study.compared]  # fmt: skip
    if not told:
        return "The faces carry no label that the networks answer; no accuracy was computed."
    errors = found.table("evaluate", tables.CALIBRATION)
    means = errors[(errors["measure"] == "ece") & (errors["replicate"] == "mean")]
    calibrated = [f"{row['model']} on {row['database']} {row['value']:.2f}" for row in means.to_dict("records")]
    return (
        f"Balanced accuracy, mean over seeds, interval over participants: {'; '.join(told)}. Expected calibration "
        f"error: {'; '.join(calibrated)}."
    )


def _groups(found: Artefacts) -> str:
    known = []
    for name, faces in found.of_all("faces", tables.FACES):
        columns = [column for column in ("sex", "age") if column in faces and faces[column].notna().any()]
        known.append(f"{name}: {' and '.join(columns) or 'neither sex nor age'}")
    groups = len(found.table("evaluate", tables.SUBGROUPS))
    by_group = f" Performance by sex and age: {groups} rows." if groups else ""
    recorded = "Skin colour and ethnicity are not recorded by painlens."
    return f"Known of the participants: {'; '.join(known)}.{by_group} {recorded}"


def _explanations(found: Artefacts) -> str:
    badges = found.table("differences", tables.TRUST)["badge"].value_counts()
    told = ", ".join(f"{count} {name}" for name, count in badges.items()) or "none"
    return f"Relevance by {found.study.attribution.method}; checks of the maps: {told}."


def _verdicts(found: Artefacts) -> str:
    verdicts = found.table("concepts", tables.VERDICTS)
    if found.study.models:
        return "Checkpoints allow no claim about databases; differences on other people stand in the table of verdicts."
    own = verdicts[(verdicts["claim"] == "databases") & (verdicts["family"] == "declared")]
    counts = own["verdict"].fillna("").replace("", "no claim").value_counts()
    told = ", ".join(f"{number} {word}" for word, number in counts.items()) or "none"
    return f"{len(own)} declared comparisons of databases: {told}; all are in the table."


def _hypotheses(found: Artefacts) -> str:
    path = found.run.root / "hypotheses.json"
    if not path.exists():
        return "Nobody wrote hypotheses down before the results were seen."
    written = tables.load_json(path)["hypotheses"]
    frozen = sum(one["frozen"] is not None for one in written)
    return f"{len(written)} hypotheses are on record, {frozen} of them frozen; times and digests stand in the file."


def _errors(found: Artefacts) -> str:
    rows = len(found.table("evaluate", tables.ERRORS))
    return f"Error rates by label, database and concept: {rows} rows with intervals."


def _consent(found: Artefacts) -> str:
    told = []
    for name, frames in found.of_all("frames", tables.FRAMES):
        for row in consent.summary(frames[frames["kept"].astype(bool)]).to_dict("records"):
            yes, unknown, no = (int(row[f"participants {word}"]) for word in ("true", "unknown", "false"))
            told.append(f"{name}, {row['purpose']}: {yes} agreed, {unknown} unknown, {no} refused")
    return "; ".join(told) + ". Unknown counts as no."


def _weights(found: Artefacts) -> str:
    networks = sum(job.replicate in found.study.networks for job in networks_of(found.study))
    return f"{networks} networks as safetensors; their digests stand in the manifests."


def _environment(found: Artefacts) -> str:
    facts = tables.load_json(found.run.folder("concepts") / "run.json")
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(facts["libraries"].items()))
    version = tables.load_manifest(found.run.folder("concepts")).version
    made = f"painlens {version}, Python {facts['python']}, {libraries}"
    return f"{made}; a sealed bundle of the run can be checked with `painlens verify`."


def _limits(found: Artefacts) -> str:
    rendered = [name for name, database in found.study.databases.items() if database.synthetic is not None]
    about = f" {', '.join(rendered)}: rendered faces, which say nothing about real people." if rendered else ""
    told = "The report's section on limits; maps and associations do not prove use."
    return f"{told}{about} Research only, no medical device."


# name -> the stage whose files it rests on, and what it tells
TELL: dict[str, tuple[str, Callable[[Artefacts], str]]] = {
    "study": ("study", _study),
    "databases": ("study", _databases),
    "exclusions": ("faces", _exclusions),
    "participants": ("split", _participants),
    "labels": ("study", _labels),
    "concepts": ("evaluate", _concepts),
    "preprocessing": ("study", _preprocessing),
    "model": ("study", _model),
    "training": ("study", _training),
    "split": ("split", _split),
    "statistics": ("study", _statistics),
    "detectable": ("concepts", _detectable),
    "performance": ("evaluate", _performance),
    "errors": ("evaluate", _errors),
    "groups": ("faces", _groups),
    "explanations": ("differences", _explanations),
    "verdicts": ("concepts", _verdicts),
    "hypotheses": ("study", _hypotheses),
    "consent": ("frames", _consent),
    "weights": ("networks", _weights),
    "environment": ("concepts", _environment),
    "limits": ("study", _limits),
}
