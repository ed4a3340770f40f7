"""SHA-256 of the files behind the frames that take part, so that later steps know when a picture was exchanged."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pandas as pd

from painlens.progress import Progress, silent, track
from painlens.tables import KnownDigests

_AT_ONCE = 32  # files that a thread reads before it is asked again: waiting for it costs as much as a small file


def with_digests(frames: pd.DataFrame, *, root: Path, known: KnownDigests, progress: Progress = silent) -> pd.DataFrame:
    """The frames with the column `sha256` of their files; kept frames whose file cannot be read get a reason.

    Parameters
    ----------
    frames
        Table FRAMES; the files of kept frames are read, once each.
    root
        The owner's folder.
    known
        Digests of earlier times, so that only new and changed files are read.
    """
    kept = frames["kept"].to_numpy(dtype=bool)
    paths = [str(path) for path in frames.loc[kept, "path"].dropna().unique()]
    parts = [paths[first : first + _AT_ONCE] for first in range(0, len(paths), _AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = chain.from_iterable(pool.map(lambda part: [_read(root / path, known) for path in part], parts))
        found = dict(zip(paths, track(results, len(paths), progress, "reading"), strict=True))
    known.save()
    digests = frames["path"].map({path: digest for path, (digest, _) in found.items()})
    why = frames["path"].map({path: reason for path, (_, reason) in found.items()}).fillna("").astype("string")
    broken = pd.Series(kept, index=frames.index) & (why != "").to_numpy(dtype=bool)
    return frames.assign(
        sha256=digests.where(pd.Series(kept, index=frames.index)).astype("string"),
        reason=frames["reason"].mask(broken, why),
        kept=frames["kept"] & ~broken,
    )


def _read(file: Path, known: KnownDigests) -> tuple[str | None, str]:
    """Digest, and why there is none."""
    try:
        return known.sha256(file), ""
    except OSError as error:
        return None, f"file cannot be read ({error.strerror})"
