"""Made-up cells, records and studies for the tests of the certificate."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from painlens.certificate.cells import Cell, Certificate, Design, Level, Origin

ORIGIN = Origin(date="2026-01-31", version="0.1.0", command="painlens certify", studies=1000)
SIZES = {"train_a": 16, "train_b": 47, "test_a": 7, "test_b": 15, "seeds": 3, "half_splits": 3}


def made_design(**changes: Any) -> Design:
    """A design at the size of the demonstration."""
    return Design.model_validate(SIZES | {"bias": 0.0, "description": "drawn alike"} | changes)


def made_cell(**changes: Any) -> Cell:
    """A cell of a thousand null studies that keeps its word."""
    plain = {
        "level": "features", "kind": "null", "design": "null", "concept": "smile", "expected": "none",
        "measure": "auroc", "claim": "databases", "confidence": 0.95, "studies": 1000, "rejections": 40,
        "covered": 960, "truth": 0.0,
    }  # fmt: skip
    return Cell.model_validate(plain | changes)


def made_record(*cells: Cell, **designs: Design) -> Certificate:
    """A record of some cells; designs that are not given have the size of the demonstration."""
    named = {cell.design: designs.get(cell.design.replace("-", "_"), made_design()) for cell in cells}
    origins: dict[Level, Origin] = {cell.level: ORIGIN for cell in cells}
    return Certificate(
        date=ORIGIN.date, version="0.1.0", command="painlens certify", origins=origins, designs=named, cells=cells
    )


def made_rows(rng: np.random.Generator, *, studies: int, truth: float = 0.0, spread: float = 0.1) -> pd.DataFrame:
    """Rows of studies whose difference is normal around the truth, with a standard error that is known."""
    rows = []
    for concept in ("eyes-closed", "teeth-visible"):
        difference = rng.normal(truth, spread, studies)
        rows.append(
            pd.DataFrame({
                "study": np.arange(studies), "measure": "auroc", "concept": concept, "claim": "databases",
                "difference": difference, "standard_error": spread, "df": 1e9,
                "p": 2 * stats.norm.sf(np.abs(difference) / spread),
            })
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)
