"""A rendered person is taken out of a rendered database in a run.

Rendered people do not exist; they are forgotten like others, so that the promise can be tested on them to the last
byte.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from painlens import tables
from painlens.forgetting.traces import pattern_of

_TEXTS = frozenset({".csv", ".txt", ".tsv", ".sha256", ".json"})


def forget_rendered(folder: Path, participant: str) -> None:
    """Remove a person's files, lines of the owner's lists and rows of the truth from a rendered database.

    Parameters
    ----------
    folder
        Folder of the database with `root`, `truth` and the list of digests.
    """
    pattern = pattern_of([participant])
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts)):
        if path.exists() and pattern.search(path.relative_to(folder).as_posix()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _forget_truth(folder / "truth", participant)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _TEXTS:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            if pattern.search(text):
                lines = [line for line in text.splitlines(keepends=True) if not pattern.search(line)]
                with tables.atomic_path(path) as temporary:
                    temporary.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def _forget_truth(truth: Path, participant: str) -> None:
    """Rows of the truth, and their landmarks and maps of regions."""
    path = truth / "frames.parquet"
    if not path.exists():
        return
    table = pd.read_parquet(path)
    kept = table["participant"] != participant
    for file in sorted(truth.glob("*.npy")):
        stored = np.load(file, allow_pickle=False)
        if len(stored) == len(table):
            with tables.atomic_path(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, stored[table.loc[kept, "landmark_row"].to_numpy(dtype=int)], allow_pickle=False)
    rest = table[kept].reset_index(drop=True)
    with tables.atomic_path(path) as temporary:
        rest.assign(landmark_row=np.arange(len(rest), dtype=np.int64)).to_parquet(temporary, index=False)
