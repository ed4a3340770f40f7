"""Databases of rendered faces in the owners' layouts, with ground truth.

A rendered database tests the software and the method, not medicine: does an explanation find a planted cause, and does
it find none where none was planted? Never read an accuracy on these faces as an estimate for real people.
"""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from painlens.progress import Progress, silent
from painlens.study import Synthetic
from painlens.synthetic import affectnet, biovid, posed, twins, unbc
from painlens.synthetic.actions import CONCEPTS
from painlens.synthetic.anatomy import REGIONS, load_anatomy
from painlens.synthetic.layout import Job, Layout, Part, truth_table
from painlens.tables import DataError

LAYOUTS: dict[str, Layout] = {
    "unbc": unbc.LAYOUT,
    "biovid": biovid.LAYOUT,
    "affectnet": affectnet.LAYOUT,
    "manifest": posed.LAYOUT,
}
TWIN_COLUMNS = ("pair", "participant", "concept", "path_without", "path_with", "pain")
MARK = "frames.parquet"  # a truth folder that holds it was rendered and may be rendered again

__all__ = ["CONCEPTS", "LAYOUTS", "REGIONS", "synthesize"]


def synthesize(
    settings: Synthetic,
    *,
    reader: str,
    name: str,
    root: Path,
    truth: Path,
    workers: int = 1,
    progress: Progress = silent,
    masks: bool = False,
) -> dict[str, int]:
    """Render a database and count its participants, frames, files and twins.

    Parameters
    ----------
    settings
        Sizes, seed, planted bias.
    reader
        The owner's layout.
    name
        Name of the database in the study; with the seed it decides who the people are, so two databases of one seed
        show different people.
    root
        Folder for the owner's layout. It appears whole or not at all.
    truth
        Folder for the ground truth: ``frames.parquet``, ``landmarks.npy``, ``twins.parquet``, ``twins/*.png`` and, if
        `masks`, ``masks.npz`` with ``regions``, the index into `REGIONS` of each pixel of each row of the frames.
    workers
        Processes.

    Raises
    ------
    ValueError
        The layout cannot honour the settings.
    DataError
        `root` holds something that was not rendered: nothing is overwritten.
    """
    layout = LAYOUTS[reader]
    layout.check(settings)
    load_anatomy()  # a damaged installation fails before anything is written
    with _published(root, truth) as (new_root, new_truth):
        job = Job(settings, name, new_root, new_truth, masks)
        pieces = [(reader, number) for number in range(layout.tasks(settings))]
        pairs = [("twins", number) for number in range(twins.tasks(job))]
        done = _run(job, reader, [*pieces, *pairs], workers=workers, progress=progress)
        parts: list[Part] = done[: len(pieces)]
        rows = [row for part in done[len(pieces) :] for row in part]
        listed = layout.finish(job, parts)
        _write_truth(job, parts, rows)
    return {
        "participants": sum(len(part.participants) for part in parts),
        "frames": sum(len(part.rows) for part in parts),
        "files": sum(part.files for part in parts) + listed,
        "twins": len(rows),
    }


@contextmanager
def _published(root: Path, truth: Path) -> Iterator[tuple[Path, Path]]:
    """Temporary folders beside `root` and `truth` that take their places on leaving without an error."""
    new = [folder.parent / f".{folder.name}.rendering" for folder in (root, truth)]
    old = [folder.parent / f".{folder.name}.replaced" for folder in (root, truth)]
    # A kill while the folders change places leaves the truth under one of its temporary names.
    ours = any((folder / MARK).is_file() for folder in (truth, new[1], old[1]))
    if root.exists() and any(root.iterdir()) and not ours:
        raise DataError(
            f"{root} is not empty and has no truth folder at {truth}, so it may be somebody's data; "
            "choose another folder or remove it yourself"
        )
    try:
        for folder in (*new, *old):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in new:
            folder.mkdir(parents=True)
        yield new[0], new[1]
        # The truth goes first and comes last: pictures never stand beside the truth of others.
        for place, former in ((truth, old[1]), (root, old[0])):
            if place.exists():
                place.rename(former)
        for place, rendered in ((root, new[0]), (truth, new[1])):
            rendered.rename(place)
    finally:
        for folder in (*new, *old):
            shutil.rmtree(folder, ignore_errors=True)


def _piece(job: Job, reader: str, kind: str, number: int) -> Any:
    """Render one piece: a participant, some images or some twins."""
    if kind == "twins":
        return twins.write(job, number, LAYOUTS[reader].style)
    return LAYOUTS[kind].write(job, number)


def _run(job: Job, reader: str, pieces: Sequence[tuple[str, int]], *, workers: int, progress: Progress) -> list[Any]:
    """Results of all pieces in their order."""
    progress(0, len(pieces))
    results: list[Any] = []
    if workers <= 1:
        for kind, number in pieces:
            results.append(_piece(job, reader, kind, number))
            progress(len(results), len(pieces))
        return results
    results.append(_piece(job, reader, *pieces[0]))  # compiles, so that the workers read the compiled code from disk
    progress(1, len(pieces))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(pieces)), mp_context=context, initializer=_one_thread) as executor:
        try:
            results += _collected(executor, lambda piece: (_piece, job, reader, *piece), pieces[1:], progress)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def _collected(
    executor: Executor,
    call: Callable[[tuple[str, int]], tuple[Any, ...]],
    pieces: Sequence[tuple[str, int]],
    progress: Progress,
) -> list[Any]:
    """Results in the order of the pieces, with progress in the order of their completion."""
    futures: list[Future[Any]] = [executor.submit(*call(piece)) for piece in pieces]
    waiting = set(futures)
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()
        progress(1 + len(futures) - len(waiting), 1 + len(futures))
    return [future.result() for future in futures]


def _one_thread() -> None:
    """Keep OpenCV from starting threads in every worker."""
    cv2.setNumThreads(1)


def _write_truth(job: Job, parts: Sequence[Part], twin_rows: Sequence[dict[str, Any]]) -> None:
    """Tables and arrays of the truth folder."""
    np.save(job.truth / "landmarks.npy", np.stack([points for part in parts for points in part.points]))
    if job.masks:
        maps = np.stack([regions for part in parts for regions in part.regions])
        np.savez_compressed(job.truth / "masks.npz", regions=maps)
    pd.DataFrame(twin_rows, columns=list(TWIN_COLUMNS)).to_parquet(job.truth / "twins.parquet", index=False)
    truth_table(parts).to_parquet(job.truth / MARK, index=False)
