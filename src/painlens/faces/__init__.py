"""Frames become face crops with landmarks and regions; every frame without a face keeps its reason.

Both databases of a study go through the same detector, margin and resampling: a difference in cropping would look
like a difference between models.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from painlens.faces.detectors import DETECTORS, Detector, detector_of
from painlens.faces.pieces import (
    PIECE,
    Found,
    Outcome,
    TwinPiece,
    check_networks,
    crop_piece,
    crop_twin_piece,
    pieces_of,
)
from painlens.faces.store import FaceArrays, load_faces, load_rows, write_faces, write_twins
from painlens.faces.suggestions import suggestions_of
from painlens.faces.workers import in_order
from painlens.progress import Progress, silent
from painlens.study import Faces
from painlens.tables import FACES, SUGGESTIONS, DataError, conform

__all__ = [
    "DETECTORS",
    "Detector",
    "FaceArrays",
    "Prepared",
    "crop_faces",
    "crop_twins",
    "load_faces",
    "load_rows",
    "prepare_faces",
]


@dataclass(frozen=True)
class Prepared:
    """What became of the kept frames of one database.

    Attributes
    ----------
    faces
        Table FACES: one row per kept frame.
    suggestions
        Table SUGGESTIONS; without rows where the study asks for none.
    """

    faces: pd.DataFrame
    suggestions: pd.DataFrame


def crop_faces(
    frames: pd.DataFrame,
    *,
    root: Path,
    settings: Faces,
    store: Path,
    truth: Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> pd.DataFrame:
    """One row per kept frame: the face's box and its row in the store, or why there is none (table FACES).

    As `prepare_faces`, without the suggestions.
    """
    return prepare_faces(
        frames, root=root, settings=settings, store=store, truth=truth, workers=workers, progress=progress
    ).faces


def prepare_faces(
    frames: pd.DataFrame,
    *,
    root: Path,
    settings: Faces,
    store: Path,
    truth: Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> Prepared:
    """Crops, regions and landmarks of all kept frames in a store, and the tables about them.

    Parameters
    ----------
    frames
        Table FRAMES of one database.
    root
        The owner's folder.
    settings
        Detector, alignment, size, margin, source of landmarks, suggestions.
    store
        `faces.h5` to write: faces uint8 (row, size, size, 3), regions uint8 (row, size, size), landmarks float32
        (row, 68, 2), in the order of `frames`.
    truth
        Truth folder of a rendered database, for its landmarks.
    workers
        Number of processes; the result does not depend on it.

    Raises
    ------
    DataError
        The detector or the networks are not available, or no face was found in any frame.
    BlockingIOError
        Another process is writing the store.
    """
    check_networks(settings)
    kept = frames.loc[frames["kept"].to_numpy(dtype=bool)].reset_index(drop=True)
    outcomes: list[tuple[Found | None, Outcome]] = []
    progress(0, len(kept))
    with write_faces(store, settings.size) as writer:
        for piece in in_order(crop_piece, pieces_of(kept, root, settings, truth), workers=workers):
            found = [face for face, _ in piece if face is not None]
            if found:
                writer.append(
                    faces=np.stack([face.pixels for face in found]),
                    regions=np.stack([face.regions for face in found]),
                    landmarks=np.stack([face.landmarks for face in found]),
                )
            outcomes += [(None if face is None else face.without_pixels(), outcome) for face, outcome in piece]
            progress(len(outcomes), len(kept), f"{len(outcomes) - writer.rows} without a face")
        if not writer.rows:
            raise DataError(_nothing_found(outcomes, settings.detector))
    return Prepared(
        _faces_table(kept, outcomes, version=detector_of(settings.detector).version),
        conform(suggestions_of(kept, [face for face, _ in outcomes], settings.suggestions), SUGGESTIONS),
    )


def crop_twins(
    truth: Path, *, settings: Faces, store: Path, workers: int = 1, progress: Progress = silent
) -> pd.DataFrame:
    """One row per counterfactual pair of a rendered database: pair, participant, concept, found, reason, row.

    The face is detected on the picture without the concept and its box is used for both, so that the crops differ
    in the concept alone.

    Parameters
    ----------
    truth
        Truth folder of a rendered database with `twins.parquet`.
    settings
        Detector, size and margin.
    store
        `twins.h5` to write: `without` and `with`, uint8 (row, size, size, 3). Rows are those of the returned table,
        black where no face was found.
    """
    try:
        twins = pd.read_parquet(truth / "twins.parquet")
    except (OSError, ValueError) as error:
        raise DataError(f"{truth} has no readable twins.parquet: {error}; render the database again") from None
    check_networks(settings)
    paths = list(zip(twins["path_without"].astype(str), twins["path_with"].astype(str), strict=True))
    pieces = [TwinPiece(truth, settings, tuple(paths[first : first + PIECE])) for first in range(0, len(paths), PIECE)]
    reasons: list[str] = []
    progress(0, len(paths))
    with write_twins(store, settings.size) as writer:
        for crops, outcomes in in_order(crop_twin_piece, pieces, workers=workers):
            writer.append(**{"without": crops[:, 0], "with": crops[:, 1]})
            reasons += outcomes
            progress(len(reasons), len(paths))
    table = twins[["pair", "participant", "concept"]].astype("string").reset_index(drop=True)
    found = [reason == "" for reason in reasons]
    return table.assign(found=pd.array(found, dtype="boolean"), reason=reasons, row=range(len(table)))


def _faces_table(kept: pd.DataFrame, outcomes: list[tuple[Found | None, Outcome]], *, version: str) -> pd.DataFrame:
    """Table FACES of the kept frames and what became of them."""
    table = pd.DataFrame([_row(face, outcome) for face, outcome in outcomes])
    carried = ("frame_id", "database", "participant", "sequence", "label", "consent_display", "consent_publish")
    for name in (*carried, *(name for name in ("sex", "age") if name in kept)):
        table[name] = kept[name]
    table["row"] = table["found"].cumsum().sub(1).where(table["found"]).astype("Int64")
    return conform(table.assign(detector=version), FACES)


def _row(face: Found | None, outcome: Outcome) -> dict[str, Any]:
    """Columns of FACES that detection fills."""
    row: dict[str, Any] = {"found": face is not None, "reason": outcome.reason, "n_boxes": outcome.n_boxes}
    if face is None:
        nothing = dict.fromkeys(("box_x", "box_y", "box_w", "box_h", "angle_deg"), float("nan"))
        return row | nothing | {"landmarks": ""}
    square = face.square
    box = {"box_x": square.x, "box_y": square.y, "box_w": square.side, "box_h": square.side}
    return row | box | {"angle_deg": square.angle_deg, "landmarks": face.source}


def _nothing_found(outcomes: list[tuple[Found | None, Outcome]], detector: str) -> str:
    counts = pd.Series([outcome.reason for _, outcome in outcomes], dtype="str").value_counts().head(3)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in counts.items())
    return f"detector '{detector}' found no face in {len(outcomes)} frames: {reasons or 'no frame is kept'}"
