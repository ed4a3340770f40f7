"""How many faces a detector finds in each class: one that loses a class more than another biases the comparison."""

from typing import Any

import pandas as pd

from painlens.databases.pictures import FrameSource
from painlens.doctor.findings import Finding
from painlens.doctor.material import Material, spread
from painlens.faces import DETECTORS
from painlens.metrics import in_reading_order
from painlens.tables import DataError

_FEW = 5  # frames of a class below which a rate says nothing
_CLASS_SHARE = 0.15  # difference of a class's detection rate that is told


def detection_rates(
    name: str, own: Material, detectors: tuple[str, ...], sample: int
) -> tuple[tuple[dict[str, Any], ...], list[Finding]]:
    """Rates of detection by class: of the run, or of a sample that is tried now."""
    if own.faces is not None:
        version = str(own.faces["detector"].iloc[0]) if len(own.faces) else ""
        tried = own.faces[["label", "participant", "found"]].assign(detector=version)
    elif sample and len(own.kept):
        tried = _tried(own, detectors, sample)
    else:
        return (), []
    rows, findings = [], []
    for detector, table in tried.groupby("detector", sort=False):
        rates = table.groupby("label")["found"].agg(["size", "sum"])
        rows += [
            {"detector": str(detector), "label": str(label), "frames": int(row["size"]), "found": int(row["sum"])}
            for label, row in rates.loc[list(in_reading_order(rates.index))].iterrows()
        ]
        share = (rates["sum"] / rates["size"])[rates["size"] >= _FEW]
        if len(share) > 1 and share.max() - share.min() > _CLASS_SHARE:
            worst, best = share.idxmin(), share.idxmax()
            text = (
                f"{detector} finds {share.min():.0%} of the faces of '{worst}' and {share.max():.0%} of '{best}': a "
                "detector that loses one class more biases the comparison; try faces.detector: blazeface"
            )
            findings.append(Finding("warning", "faces", name, text))
    return tuple(rows), findings


def _tried(own: Material, detectors: tuple[str, ...], sample: int) -> pd.DataFrame:
    """The detectors on some frames, evenly spaced."""
    chosen = spread(own.kept, sample)
    source, rows = FrameSource(own.root), []
    built = {name: DETECTORS[name]() for name in detectors}
    for frame in chosen.to_dict("records"):
        number = None if pd.isna(frame["frame_index"]) else int(frame["frame_index"])
        try:
            image = source.frame(str(frame["path"]), number)
        except DataError:
            continue  # told by the audit of files
        for name, detector in built.items():
            found = len(detector.boxes(image)) > 0
            rows.append(
                {"detector": name, "label": frame["label"], "participant": frame["participant"], "found": found}
            )
    source.close()
    return pd.DataFrame(rows, columns=["detector", "label", "participant", "found"])
