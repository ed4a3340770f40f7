"""Where each thing of a run lies.

A folder can be read by a person: its names carry database and replicate, not hashes. What belongs to the engine
alone (markers, states, locks) lies in ``.workflow`` and can be deleted; finished steps then only check themselves.
"""

from dataclasses import dataclass, field
from pathlib import Path

from painlens.study import Study, StudyError, dump_study, load_study
from painlens.workflow.stages import EMOTION, Job, needs, parameters_of, people_files, sources_of

__all__ = ["EMOTION", "Job", "RunFolder", "inputs_of", "parameters_of", "prepare_run", "shipped_study", "sources_of"]


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; relative to it everything that the steps write.

    Attributes
    ----------
    root
        The folder; it need not be there yet.
    proposed
        A study that is looked at but not written (``--dry-run``); None: the one that lies in the folder.
    """

    root: Path
    proposed: Study | None = field(default=None, compare=False)

    @property
    def study_file(self) -> Path:
        """The resolved study, every default written out."""
        return self.root / "study.yaml"

    def study(self) -> Study:
        """The study of this run."""
        return self.proposed or load_study(self.study_file)

    # ---- what the steps write -------------------------------------------------------------------------------
    def weights(self, model: str, replicate: str) -> Path:
        """Weights of a network that is compared, trained here or taken over."""
        return self.folder("train", model, replicate) / "weights.safetensors"

    def rendered_root(self, database: str) -> Path:
        """A rendered database in its owner's layout."""
        return self.folder("synthesize", database) / "root"

    def rendered_truth(self, database: str) -> Path:
        """Ground truth of a rendered database; no reader sees it."""
        return self.folder("synthesize", database) / "truth"

    @property
    def report(self) -> Path:
        """The page with all results."""
        return self.folder("report") / "report.html"

    def folder(self, stage: str, database: str = "", replicate: str = "") -> Path:
        """Folder that a step writes.

        >>> RunFolder(Path("runs/demo")).folder("train", "clinical", "seed=0").as_posix()
        'runs/demo/models/clinical/seed=0'
        """
        below = {
            "synthesize": f"databases/{database}",
            "frames": f"frames/database={database}",
            "faces": f"faces/database={database}",
            "split": f"split/database={database}",
            "pretrain": f"models/{EMOTION}",
            "train": f"models/{database}/{replicate}",
            "adopt": f"models/{database}/{replicate}",
            "predict": f"predictions/model={database}",
            "evaluate": "metrics",
            "attribute": f"relevance/model={database}",
            "differences": "differences",
            "concepts": "concept-test",
            "report": "report",
        }
        return self.root / below[stage]

    def manifest(self, job: Job) -> Path:
        """Manifest of a job's folder; it is written last."""
        return self.folder(job.stage, job.database, job.replicate) / "manifest.json"

    # ---- what the engine and the steps tell each other ------------------------------------------------------
    @property
    def logs(self) -> Path:
        """One ``<job>.log`` per job, ``<job>.error.json`` of failed ones, and the engine's ``workflow.log``."""
        return self.root / "logs"

    @property
    def workflow_log(self) -> Path:
        """What Snakemake wrote."""
        return self.logs / "workflow.log"

    def log(self, job: Job) -> Path:
        """What a job printed."""
        return self.logs / f"{job.file_name}.log"

    def error(self, job: Job) -> Path:
        """Sentence and exit code of a failed job: ``{"message", "exit_code"}``."""
        return self.logs / f"{job.file_name}.error.json"

    @property
    def engine(self) -> Path:
        """The engine's own folder."""
        return self.root / ".workflow"

    def done(self, job: Job) -> Path:
        """Digests of a finished job's results: the file by which Snakemake orders the jobs."""
        return self.engine / "done" / f"{job.file_name}.json"

    @property
    def states(self) -> Path:
        """One ``<job>.json`` per job: running, finished, unchanged, failed or stopped, and since when."""
        return self.engine / "state"

    @property
    def progress(self) -> Path:
        """One ``<job>.json`` per running job: how much of its work is done."""
        return self.engine / "progress"

    @property
    def lock(self) -> Path:
        """Held while a run is at work here."""
        return self.engine / "run.lock"


def inputs_of(stage: str, study: Study, run: RunFolder, database: str = "", replicate: str = "") -> dict[str, Path]:
    """Name -> file that a step reads: manifests of earlier steps, and files that people hand in."""
    job = Job(stage, database, replicate)
    people = {name: run.root / path for name, path in people_files(job, study).items()}
    own = {earlier.name: run.manifest(earlier) for earlier in needs(job, study)} | people
    return own | {name: run.root / file for name, file in _notes(job).items() if (run.root / file).exists()}


def _notes(job: Job) -> dict[str, str]:
    """Name -> file in which a run notes who must not be read again, who withdrew consent, what people believed."""
    if job.stage == "frames":
        return {"forgotten": f"forgotten/{job.database}.json"}
    believed = {"hypotheses": "hypotheses.json"} if job.stage == "report" else {}
    return believed | ({"withdrawn": "withdrawn.json"} if job.stage in ("differences", "report") else {})


def prepare_run(study: Study, root: Path, *, write: bool = True) -> RunFolder:
    """The run folder of a study, with the resolved study in it; an unchanged study file is not touched.

    Without `write` nothing is: the folder answers as if it held the study.

    Raises
    ------
    StudyError
        The folder belongs to another study.
    """
    run = RunFolder(root.resolve())
    text = dump_study(study)
    if run.study_file.exists():
        earlier = run.study_file.read_text(encoding="utf-8")
        if earlier == text:
            return run
        name = load_study(run.study_file).study
        if name != study.study:
            raise StudyError(
                f"{root} holds the run of study '{name}', not of '{study.study}'; choose another --run folder"
            )
    if not write:
        return RunFolder(run.root, proposed=study)
    run.logs.mkdir(parents=True, exist_ok=True)
    temporary = run.study_file.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(run.study_file)
    return run


def shipped_study(name: str) -> Path:
    """File of a study that comes with the package: demo, null or paper."""
    folder = Path(__file__).parents[1] / "studies"
    path = folder / f"{name}.yaml"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise StudyError(f"no study '{name}' comes with painlens; there are {names}")
    return path
