"""What a step is given and what it gives back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from painlens import tables
from painlens.progress import Progress
from painlens.study import Database, Study
from painlens.tables import Schema
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of

if TYPE_CHECKING:  # a step that finds nothing to do reads no table: it does not wait for pandas
    import pandas as pd


@dataclass(frozen=True)
class Context:
    """The run, the study, the step's own folder, and how much of the machine it may use."""

    run: RunFolder
    study: Study
    folder: Path
    database: str
    replicate: str
    workers: int
    progress: Progress

    @property
    def settings(self) -> Database:
        """The study's section about this step's database."""
        return databases_of(self.study)[self.database]

    @property
    def root(self) -> Path:
        """The owner's folder of this step's database, or the rendered one."""
        return self.settings.root or self.run.rendered_root(self.database)

    @property
    def truth(self) -> Path | None:
        """Ground truth of this step's database if it is rendered, else None."""
        return self.truth_of(self.database)

    def truth_of(self, database: str) -> Path | None:
        """Folder with the ground truth of a rendered database, else None."""
        return self.run.rendered_truth(database) if databases_of(self.study)[database].synthetic else None

    def load(self, stage: str, schema: Schema, *, database: str = "", file: str = "") -> "pd.DataFrame":
        """A table that an earlier step wrote."""
        return tables.load_table(self.run.folder(stage, database) / (file or f"{schema.name}.parquet"), schema)

    def save(self, table: "pd.DataFrame", schema: Schema) -> Path:
        """Write a table of this step under its schema's name; its path."""
        path = self.folder / f"{schema.name}.parquet"
        tables.save_table(table, path, schema)
        return path


@dataclass(frozen=True)
class Result:
    """Files that a step wrote, how many rows they hold, and the device that computed them."""

    outputs: list[Path]
    rows: dict[str, int] = field(default_factory=dict)
    device: str = "cpu"
