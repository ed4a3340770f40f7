"""Pictures that look alike, by the average hash of 8 x 8 grey values.

Databases from the web show the same photograph many times, often on both sides of the owner's parts: then a network
is tested on what it has learnt. Of pictures with equal hashes one remains: those of the owner's test and validation
parts go before training ones (32,941 such pictures are known in AffectNet), then the order of the rows decides.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from painlens.databases.pictures import FrameSource
from painlens.progress import Progress, silent, track
from painlens.tables import DataError

_SIDE = 8
# Which of several look-alikes remains; sequences of AffectNet are called after its lists.
_RANK = {"test": 0, "validation": 1}


def average_hash(image: NDArray[np.uint8]) -> int:
    """64 bits that tell which of 8 x 8 shrunk grey values lie above their mean.

    Parameters
    ----------
    image
        uint8 RGB (height, width, 3).

    Examples
    --------
    >>> image = np.zeros((8, 8, 3), np.uint8)
    >>> image[0, 0] = 255
    >>> f"{average_hash(image):016x}"
    '8000000000000000'
    """
    grey = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    values = np.asarray(grey, dtype=np.float64)
    bits = (values > values.mean()).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def drop_duplicates(frames: pd.DataFrame, *, root: Path, progress: Progress = silent) -> pd.DataFrame:
    """The table with the column `average_hash` and a reason for frames that look like an earlier one.

    Parameters
    ----------
    frames
        Rows with path, frame_index, sequence and reason; only those without a reason are looked at.
    root
        The owner's folder.
    """
    rows = np.flatnonzero((frames["reason"] == "").to_numpy(dtype=bool))
    places = [(str(frames["path"].iloc[row]), frames["frame_index"].iloc[row]) for row in rows]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(track(pool.map(lambda place: _hash_of(root, *place), places), len(rows), progress, "looking"))
    known = pd.Series(pd.NA, index=frames.index, dtype="string")
    known.iloc[rows] = hashes
    part = frames["part"] if "part" in frames else frames["sequence"]
    order = pd.DataFrame({"hash": known, "rank": part.map(_RANK).fillna(len(_RANK)), "row": range(len(frames))})
    order = order[order["hash"].notna()].sort_values(["rank", "row"], kind="stable")
    first = order.groupby("hash")["row"].transform("first")
    alike = first != order["row"]
    reason = frames["reason"].copy()
    originals = frames["frame_id"].iloc[first[alike].to_numpy()].astype(str).to_numpy()
    reason.loc[alike.index[alike]] = [f"looks like {original}" for original in originals]
    return frames.assign(reason=reason, average_hash=known)


def _hash_of(root: Path, path: str, frame_index: object) -> str | None:
    """The hash as 16 hexadecimal digits; None where the picture cannot be decoded (the faces step tells why)."""
    source = FrameSource(root)
    try:
        number = None if pd.isna(frame_index) else int(frame_index)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return f"{average_hash(source.frame(path, number)):016x}"
    except DataError:
        return None
    finally:
        source.close()
