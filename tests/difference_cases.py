"""Random maps, regions and tables of shares for the tests of differences."""

import numpy as np
import pandas as pd

from painlens.differences import shares_table
from painlens.regions import REGIONS


def random_maps(n: int, seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, size, size)).astype("f4")


def random_regions(n: int, seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, len(REGIONS), (n, size, size)).astype(np.uint8)


def face_table(people: dict[str, int], faces_each: int) -> pd.DataFrame:
    """Participants per database, each with some faces of alternating labels."""
    rows = [
        {
            "database": database, "participant": f"p{p}", "frame_id": f"p{p}/s/{f:03d}",
            "label": ["no-pain", "pain"][f % 2], "consent_display": "true", "consent_publish": "unknown",
        }
        for database, count in people.items() for p in range(count) for f in range(faces_each)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def study_shares(faces: pd.DataFrame, seeds: int = 2) -> pd.DataFrame:
    """Shares of models a and b; b gives the mouth less."""
    regions = random_regions(len(faces), 1)
    parts = []
    for number, model in enumerate("ab"):
        for seed in range(seeds):
            maps = random_maps(len(faces), 10 * number + seed)
            maps[regions == REGIONS.index("mouth")] += 1.0 if model == "a" else -1.0
            parts.append(shares_table(maps, regions, faces, model=model, replicate=f"seed={seed}"))
    return pd.concat(parts, ignore_index=True)
