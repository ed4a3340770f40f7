"""A network and faces become relevance: which pixels speak for the explained class, and how much.

`ATTRIBUTIONS` lists the ways; `attribute` runs one over faces; `relevance_file` does so into a file that a killed
run takes up again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.network import at_inference, classes_of, layers_of, prepared
from painlens.attributions.relevance import Explanation, Relevance, concatenate, to_arrays
from painlens.attributions.store import RelevanceHeader, RelevanceWriter, StoredRelevance, load_relevance
from painlens.attributions.structure import UnsupportedStructure
from painlens.attributions.zennit import ZennitLRP
from painlens.progress import Progress, silent
from painlens.study import Attribution as AttributionSettings
from painlens.tables import DataError

__all__ = [
    "ATTRIBUTIONS",
    "Attribution",
    "Explanation",
    "Relevance",
    "RelevanceHeader",
    "RelevanceWriter",
    "SequentialLRP",
    "StoredRelevance",
    "UnsupportedStructure",
    "ZennitLRP",
    "attribute",
    "load_relevance",
    "relevance_file",
]


class Attribution(Protocol):
    """One way of explaining logits, prepared for one network."""

    def __call__(self, inputs: Tensor, target: int | Tensor) -> Explanation:
        """Relevance of inputs (n, channels, height, width) for the logit `target` (one class, or one per input)."""
        ...


def _lrp(network: nn.Module, settings: AttributionSettings) -> Attribution:
    rule_dtype = torch.bfloat16 if settings.precision == "bfloat16" else None
    return SequentialLRP(layers_of(network), rule_dtype=rule_dtype)


def _zennit(network: nn.Module, settings: AttributionSettings) -> Attribution:
    if settings.precision != "float32":
        raise DataError(f"attribution method 'zennit' has precision float32 only, got {settings.precision}")
    return ZennitLRP(network)


ATTRIBUTIONS: dict[str, Callable[[nn.Module, AttributionSettings], Attribution]] = {
    "lrp": _lrp,
    "zennit": _zennit,
}


def attribute(
    network: nn.Module,
    faces: UInt8[np.ndarray, "face height width 3"],
    *,
    settings: AttributionSettings,
    batch: int,
    progress: Progress = silent,
) -> Relevance:
    """Relevance maps of faces for one class's logit, with their ledger.

    Parameters
    ----------
    network
        With `classes`, `layers()` and `prepare()`, as the networks of `painlens.backbones`. Its training mode,
        gradient flags and hooks are afterwards as they were.
    faces
        uint8 RGB; anything that gives such an array when sliced, an HDF5 dataset too.
    batch
        Faces that are in memory as floats at once; the maps do not depend on it.

    Raises
    ------
    UnsupportedStructure
        The method cannot explain this network; the message names the layer.
    DataError
        The faces are of the wrong form, or the explained class is not one of the network's.
    """
    _check_faces(faces)
    with _explaining(network, settings) as explain:
        _check_layers(network, explain, faces[:1])
        parts = []
        for start in range(0, max(len(faces), 1), batch):
            parts.append(to_arrays(explain(prepared(network, faces[start : start + batch]))))
            progress(min(start + batch, len(faces)), len(faces))
    return concatenate(parts)


def relevance_file(
    path: Path,
    network: nn.Module,
    faces: pd.DataFrame,
    read_faces: Callable[[slice], UInt8[np.ndarray, "face height width 3"]],
    *,
    header: RelevanceHeader,
    settings: AttributionSettings,
    batch: int,
    progress: Progress = silent,
) -> Path:
    """Write relevance.h5 of one network for faces, batch by batch; a killed run goes on where it stopped.

    Parameters
    ----------
    faces
        One row per face, in the order of the file: database, frame_id, participant, label.
    read_faces
        Rows of that table -> their faces, uint8 RGB.
    header
        Which network and class; a started file of another network, class or list of faces is begun anew.
    """
    first = read_faces(slice(0, 1))
    _check_faces(first)
    with (
        RelevanceWriter(path, header, faces, size=first.shape[1:3]) as writer,
        _explaining(network, settings) as explain,
    ):
        _check_layers(network, explain, first)
        for rows in writer.pending(batch):
            writer.write(rows, to_arrays(explain(prepared(network, read_faces(rows)))))
            progress(rows.stop, len(faces), "faces")
        return writer.finish()


@contextmanager
def _explaining(network: nn.Module, settings: AttributionSettings) -> Iterator[Callable[[Tensor], Explanation]]:
    """The study's attribution of the study's class, for prepared inputs, while the network is at inference."""
    target = _target(network, settings)
    with at_inference(network):
        yield partial(ATTRIBUTIONS[settings.method](network, settings), target=target)


def _check_faces(faces: UInt8[np.ndarray, "face height width 3"]) -> None:
    if faces.dtype != np.uint8 or len(faces.shape) != 4 or faces.shape[3] != 3:
        raise DataError(
            f"faces must be uint8 of shape (n, height, width, 3), got {faces.dtype} of shape {tuple(faces.shape)}; "
            "give the crops of faces.h5 as they are"
        )


def _target(network: nn.Module, settings: AttributionSettings) -> int:
    """Index of the explained class."""
    classes = classes_of(network)
    if settings.target not in classes:
        raise DataError(
            f"attribution.target '{settings.target}' is not a class of the network, whose classes are "
            f"{', '.join(classes)}"
        )
    return classes.index(settings.target)


def _check_layers(
    network: nn.Module, explain: Callable[[Tensor], Explanation], faces: UInt8[np.ndarray, "face height width 3"]
) -> None:
    """The listed layers must give the network's own logits: a residual or a scaling in its code would not show."""
    inputs = prepared(network, faces)
    with torch.inference_mode():
        own = network(inputs)
    if not own.numel():
        return
    listed = explain(inputs).logits
    # Other convolution algorithms for other calls differ by about 1e-6 in float32.
    if own.shape != listed.shape or not torch.allclose(own, listed, rtol=1e-3, atol=1e-3 * float(own.abs().max())):
        raise UnsupportedStructure(
            f"the listed layers give the logits {listed.tolist()}, the network itself {own.tolist()}: its forward pass "
            "does more than its layers() say (a residual, a scaling); use attribution method 'zennit'"
        )
