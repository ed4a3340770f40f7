"""Thousands of whole made studies, from faces to verdict, with small networks on made features.

Studies are drawn in chunks of 50; a chunk is one file that appears whole or not at all, and what it holds depends on
its design, its number and the seed only. So a run may be stopped at any time, go on with any number of processes, and
be enlarged later. Chunks are drawn in turn through all designs: a run that was stopped early is a coarser certificate,
not half of one.
"""

import multiprocessing
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.certificate.designs import CONCEPTS, MadeDesign, counted_as
from painlens.certificate.made_decodability import decode_study
from painlens.certificate.made_study import DATABASES, draw_study
from painlens.certificate.measuring import measure_study, networks_among
from painlens.concept_test.claims import DATABASES as ABOUT_DATABASES
from painlens.concept_test.claims import FINE_TUNINGS, NETWORKS, PEOPLE, claim_rows
from painlens.concept_test.measured import Measured
from painlens.concept_test.replication import PairedTest
from painlens.concept_test.variance import participant_part
from painlens.progress import Progress, silent
from painlens.tables import DataError, atomic_path

CHUNK = 50  # studies in a file
CONFIDENCE = 0.95
PAPER, CORRECTED = "paper", "nadeau-bengio"
NUMBERS = ("value_a", "value_b", "difference", "standard_error", "df", "low", "high", "p")
COMPONENTS = ("seeds_a", "seeds_b", "halves_a", "halves_b", "people_a", "people_b")


def run_features(  # noqa: PLR0913 - what to draw, and how
    folder: Path,
    designs: Sequence[MadeDesign],
    *,
    studies: int,
    seed: int,
    processes: int = 1,
    chunk_size: int = CHUNK,
    progress: Progress = silent,
) -> None:
    """Draw the studies that are not in the folder yet.

    Parameters
    ----------
    folder
        ``<folder>/<design>/<chunk>.parquet``.
    studies
        Of each design; rounded up to whole chunks.
    chunk_size
        Studies in a file; must not change within a folder.

    Raises
    ------
    DataError
        The folder holds studies of another procedure: its first study of a design, drawn again, has other numbers.
    """
    for design in designs:
        _check_same_procedure(folder, design, seed)
    wanted = [(design, chunk) for chunk in range(-(-studies // chunk_size)) for design in designs]
    missing = [task for task in wanted if not chunk_file(folder, *task).exists()]
    done, total = len(wanted) - len(missing), len(wanted)
    progress(done * chunk_size, total * chunk_size, "studies")
    for design, chunk in _performed(folder, missing, seed, processes=processes, chunk_size=chunk_size):
        done += 1
        progress(done * chunk_size, total * chunk_size, f"{design.name}/{chunk}")


def chunk_file(folder: Path, design: MadeDesign, chunk: int) -> Path:
    """Where the studies of a chunk are."""
    return folder / design.name / f"{chunk:04d}.parquet"


def draw_chunk(folder: Path, design: MadeDesign, chunk: int, seed: int, *, size: int = CHUNK) -> None:
    """Draw the studies of a chunk and write them for all designs that they are counted for."""
    studies = [study_rows(design, study, seed) for study in range(chunk * size, (chunk + 1) * size)]
    for counted in reversed(counted_as(design)):  # the design itself comes last: its file says that all are there
        table = pd.concat([rows[counted] for rows in studies], ignore_index=True)
        with atomic_path(chunk_file(folder, counted, chunk)) as temporary:
            table.to_parquet(temporary, index=False)


def study_rows(design: MadeDesign, study: int, seed: int) -> dict[MadeDesign, pd.DataFrame]:
    """One study: for each design that it is counted for, a row per measure, concept and claim.

    Columns study, measure, concept, claim, the numbers of the VERDICTS table, and for the claim about databases the
    variances by their source (`COMPONENTS`). A claim that was refused has no numbers. Where fewer networks are counted
    than were trained, only the association and the causal effect, under the claim about databases.
    """
    key = [seed, zlib.crc32(design.name.encode()), study]
    rng, rng_folds = (np.random.default_rng(s) for s in np.random.SeedSequence(key).spawn(2))
    drawn = draw_study(design, rng)
    measured, refused = measure_study(drawn)
    rows: list[dict[str, object]] = []
    if design.decodability:
        decoded = decode_study(drawn, rng_folds)
        measured, refused = [*measured, *decoded.measured], refused | decoded.refused
        for concept, paired in decoded.paired.items():
            rows += _paired_rows(concept, paired)
    rows += [row for one in measured for row in _claims(one)]
    for measure, concept in refused:
        for claim in (PEOPLE, FINE_TUNINGS, ABOUT_DATABASES):
            rows.append({"measure": measure, "concept": concept, "claim": claim})
    tables: dict[MadeDesign, pd.DataFrame] = {design: _table(rows, study)}
    few = [one for one in measured if one.measure in ("auroc", "cause")]
    for counted in counted_as(design)[1:]:
        networks = {"seeds": counted.seeds, "halves": counted.halves}
        own = [
            row for one in few for row in _claims(networks_among(one, **networks)) if row["claim"] == ABOUT_DATABASES
        ]
        tables[counted] = _table(own, study)
    return tables


def _claims(measured: Measured) -> list[dict[str, object]]:
    """Rows of all claims that have an interval, that about databases with the sources of its variance."""
    rows = claim_rows(measured, *DATABASES, confidence=CONFIDENCE, fine_tunings=True)
    for row in rows:
        if row["claim"] == ABOUT_DATABASES:
            row |= _components(measured)
    return [row for row in rows if row["claim"] != NETWORKS]


def _table(rows: list[dict[str, object]], study: int) -> pd.DataFrame:
    """Rows with the columns of a chunk."""
    names = ["measure", "concept", "claim", *NUMBERS, *COMPONENTS]
    table = pd.DataFrame(rows).reindex(columns=names)
    table = table.astype(dict.fromkeys([*NUMBERS, *COMPONENTS], float))
    table.insert(0, "study", study)
    return table


def _paired_rows(concept: str, paired: PairedTest) -> list[dict[str, object]]:
    """The paper's uncorrected test, and Nadeau and Bengio's beside it."""
    shared = {"measure": "decodability:images", "concept": concept, "difference": paired.difference}
    shared |= {"value_a": paired.f1_a, "value_b": paired.f1_b}
    return [shared | {"claim": PAPER, "p": paired.p}, shared | {"claim": CORRECTED, "p": paired.nadeau_bengio_p}]


def _components(measured: Measured) -> dict[str, float]:
    """Mean squares that the claim about databases is made of, by source, for planning."""
    found: dict[str, float] = {}
    means = {}
    for model in DATABASES:
        replicates = measured.replicates_of(model)
        seeds = np.array([row for name, row in replicates.items() if name.startswith("seed=")])
        first, second = (
            np.array([row[0] for name, row in replicates.items() if name.startswith("half=") and name.endswith(side)])
            for side in "ab"
        )
        means[model] = seeds.mean(axis=0)
        found[f"seeds_{model}"] = float(seeds[:, 0].var(ddof=1)) if len(seeds) > 1 else np.nan
        found[f"halves_{model}"] = float(np.mean((first - second) ** 2)) / 4 if len(first) else np.nan
    without, database = (means["a"] - means["b"])[1:], np.array(measured.database)
    for name in DATABASES:
        own = database == name
        enough = own.sum() >= 2
        found[f"people_{name}"] = participant_part(without[own], [name] * int(own.sum())).variance if enough else np.nan
    return found


def _performed(
    folder: Path, tasks: Sequence[tuple[MadeDesign, int]], seed: int, *, processes: int, chunk_size: int
) -> Iterator[tuple[MadeDesign, int]]:
    """Draw the chunks, here or in other processes; yields them as they are done."""
    if processes == 1 or len(tasks) < 2:
        for design, chunk in tasks:
            draw_chunk(folder, design, chunk, seed, size=chunk_size)
            yield design, chunk
        return
    remaining = iter(tasks)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[Future[None], tuple[MadeDesign, int]] = {}
        try:
            while True:
                while len(running) < 2 * processes and (task := next(remaining, None)) is not None:
                    running[pool.submit(draw_chunk, folder, *task, seed, size=chunk_size)] = task
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield running.pop(future)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _check_same_procedure(folder: Path, design: MadeDesign, seed: int) -> None:
    """Compare the first study of a folder with the same study drawn now."""
    path = chunk_file(folder, design, 0)
    if not path.exists():
        return
    keys = ["measure", "concept", "claim"]
    stored = load_chunk(path)
    stored = stored[stored["study"] == 0].set_index(keys)
    now = study_rows(design, 0, seed)[design].set_index(keys)
    numbers, same_rows = [*NUMBERS, *COMPONENTS], stored.index.equals(now.index)
    if not same_rows or not np.allclose(stored[numbers], now[numbers], rtol=1e-4, atol=1e-7, equal_nan=True):
        raise DataError(
            f"{path.parent} holds studies of another version of the procedure (or of another seed or kind of machine): "
            "its first study, drawn again, comes out differently. Two procedures must not be counted together: use a "
            "new folder, or remove this one"
        )


def load_chunk(path: Path) -> pd.DataFrame:
    """The rows of a chunk.

    Raises
    ------
    DataError
        The file is not a chunk of this version.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it and run `painlens certify` again") from None
    wanted = ["study", "measure", "concept", "claim", *NUMBERS, *COMPONENTS]
    if list(table.columns) != wanted or not set(table["concept"]) <= set(CONCEPTS):
        raise DataError(
            f"{path} holds no made studies of this version: its columns are {list(table.columns)}; use a new folder"
        )
    return table
