"""A network and faces become relevance: which pixels speak for the explained class, and how much.

`ATTRIBUTIONS` lists the ways; `attribute` runs one over faces; `attribute_models` runs one over faces for several
networks in one pass; `relevance_file` writes into a file that a killed run takes up again.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from torch import nn

from painlens.attributions.chunks import Chunks, Notice
from painlens.attributions.composites import COMPOSITES
from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.methods import ATTRIBUTIONS, Attribution
from painlens.attributions.network import FaceNetwork, logits_of
from painlens.attributions.randomised import layers_with_weights, randomised
from painlens.attributions.ready import Faces, Ready, RegionMaps, check_faces, explaining, together
from painlens.attributions.relevance import Explanation, Relevance, concatenate, to_arrays
from painlens.attributions.store import RelevanceHeader, RelevanceWriter, StoredRelevance, load_relevance
from painlens.attributions.structure import NoLogits, UnsupportedStructure
from painlens.attributions.virelay import virelay_projects
from painlens.progress import Progress, silent
from painlens.study import Attribution as AttributionSettings

__all__ = [
    "ATTRIBUTIONS",
    "COMPOSITES",
    "Attribution",
    "AttributionNotice",
    "Explanation",
    "FaceNetwork",
    "FaceSource",
    "NoLogits",
    "Relevance",
    "RelevanceHeader",
    "RelevanceWriter",
    "SequentialLRP",
    "StoredRelevance",
    "UnsupportedStructure",
    "attribute",
    "attribute_models",
    "layers_with_weights",
    "load_relevance",
    "logits_of",
    "randomised",
    "relevance_file",
    "relevance_file_of_folds",
    "virelay_projects",
]


class AttributionNotice(UserWarning):
    """Something that a user should know about how maps were made; the maps are valid."""


def tell(message: str) -> None:
    """The usual `notice`: a warning."""
    warnings.warn(message, AttributionNotice, stacklevel=2)


def attribute(
    network: nn.Module,
    faces: Faces,
    *,
    settings: AttributionSettings,
    batch: int,
    regions: RegionMaps | None = None,
    progress: Progress = silent,
    notice: Notice = tell,
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
        Largest number of faces that are in memory as floats at once; the maps do not depend on it. Fewer are taken
        where they would not fit into 1 GiB, and half as many each time the device runs out of memory.
    regions
        Index of the facial region of every pixel, for methods that explain regions.
    notice
        Told what the user should know: another method was taken, chunks were made smaller. Default: a warning.

    Raises
    ------
    UnsupportedStructure
        The method cannot explain this network; the message names the layer.
    DataError
        The faces are of the wrong form, the explained class is not one of the network's, its weights are not numbers,
        or the number of its logits is not that of its classes.
    """
    models = {"": network}
    return attribute_models(
        models, faces, settings=settings, batch=batch, regions=regions, progress=progress, notice=notice
    )[""]


def attribute_models(
    networks: Mapping[str, nn.Module],
    faces: Faces,
    *,
    settings: AttributionSettings,
    batch: int,
    regions: RegionMaps | None = None,
    progress: Progress = silent,
    notice: Notice = tell,
) -> dict[str, Relevance]:
    """Relevance of several networks for the same faces, in one pass over these; see `attribute`.

    Faces are read and prepared once for all networks that prepare them alike. With the fast engine first layers that
    networks have in common (a frozen prefix) are passed once.
    """
    check_faces(faces)
    with ExitStack() as stack:
        ready = {
            name: stack.enter_context(explaining(network, settings, faces[:1], _first(regions), notice))
            for name, network in networks.items()
        }
        parts: dict[str, list[Relevance]] = {name: [] for name in networks}

        def explain(rows: slice) -> None:
            found = together(list(ready.values()), faces[rows], None if regions is None else regions[rows])
            for name, one in zip(ready, found, strict=True):
                parts[name].append(to_arrays(one))
            progress(rows.stop, len(faces))

        size = min([batch, *(one.fitting for one in ready.values())])
        if len(faces):
            Chunks(size, notice).run(slice(0, len(faces)), explain)
        else:
            explain(slice(0, 0))
    return {name: concatenate(found) for name, found in parts.items()}


@dataclass(frozen=True)
class FaceSource:
    """Faces that are read when they are needed.

    Attributes
    ----------
    table
        One row per face, in the order of the file: database, frame_id, participant, label.
    read
        Rows of that table -> their faces, uint8 RGB.
    regions
        Rows -> the facial region of every pixel, for methods that explain regions.
    """

    table: pd.DataFrame
    read: Callable[[slice], Faces]
    regions: Callable[[slice], RegionMaps] | None = None


def relevance_file(
    path: Path,
    network: nn.Module,
    source: FaceSource,
    *,
    header: RelevanceHeader,
    settings: AttributionSettings,
    batch: int,
    progress: Progress = silent,
    notice: Notice = tell,
) -> Path:
    """Write relevance.h5 of one network for faces, batch by batch; a killed run goes on where it stopped.

    Parameters
    ----------
    header
        Which network and class; a started file of another network, class or list of faces is begun anew.
    """
    everything = [(network, np.arange(len(source.table)))]
    given = {"header": header, "settings": settings, "batch": batch, "progress": progress, "notice": notice}
    return relevance_file_of_folds(path, everything, source, **given)


def relevance_file_of_folds(
    path: Path,
    networks: Iterable[tuple[nn.Module, Int[np.ndarray, " row"]]],
    source: FaceSource,
    *,
    header: RelevanceHeader,
    settings: AttributionSettings,
    batch: int,
    progress: Progress = silent,
    notice: Notice = tell,
) -> Path:
    """Write one relevance.h5 of several networks of one structure, each for the rows of its own fold of people.

    Parameters
    ----------
    networks
        Each with its rows of the source; together they cover all rows once.
    header
        As in `relevance_file`; `weights` stands for all networks.
    """
    first = source.read(slice(0, 1))
    check_faces(first)
    regions = source.regions and source.regions(slice(0, 1))
    with ExitStack() as open_file:
        writer: RelevanceWriter | None = None
        for network, own in networks:
            with explaining(network, settings, first, regions, notice) as ready:
                if writer is None:
                    layers = replace(header, layers=ready.method.layers)
                    writer = open_file.enter_context(
                        RelevanceWriter(path, layers, source.table, size=(first.shape[1], first.shape[2]))
                    )
                _write_rows(writer, ready, source, own, Chunks(min(batch, ready.fitting), notice), batch, progress)
        if writer is None:
            raise ValueError("relevance_file_of_folds needs at least one network")
        return writer.finish()


def _write_rows(  # noqa: PLR0913 - who writes what for whom
    writer: RelevanceWriter, ready: Ready, source: FaceSource, own: np.ndarray, chunks: Chunks, batch: int,
    progress: Progress,
) -> None:  # fmt: skip
    """Relevance of some rows, those that are not written yet."""

    def explain(rows: slice) -> None:
        found = ready.explain(source.read(rows), source.regions and source.regions(rows))
        writer.write(rows, to_arrays(found))
        progress(rows.stop, len(source.table), "faces")

    for rows in writer.pending(batch, among=own):
        chunks.run(rows, explain)


def _first(regions: RegionMaps | None) -> RegionMaps | None:
    return None if regions is None else regions[:1]
