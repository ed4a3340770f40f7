"""Relevance maps of faces: which pixels speak for a class."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import attributions
from painlens.api.display import table_html
from painlens.backbones import FaceNetwork, adopt, load_network
from painlens.mapping import class_map
from painlens.regions import REGIONS, region_shares
from painlens.study import Attribution, Model


@dataclass(frozen=True)
class Maps:
    """Relevance maps of faces for one class's logit.

    Attributes
    ----------
    maps
        float32 (face, height, width), in units of the logit: positive speaks for the class.
    faces
        One row per map: names of the face where they are known, the explained logit and the ledger.
    target
        The network's own name of the explained class.
    regions
        uint8 (face, height, width), numbers of `painlens.regions.REGIONS`; None where nobody measured them.
    """

    maps: NDArray[np.float32]
    faces: pd.DataFrame
    target: str
    regions: NDArray[np.uint8] | None = None

    def to_frame(self) -> pd.DataFrame:
        """A row per map; with regions also the share of the relevance in each, of |R|."""
        if self.regions is None:
            return self.faces.copy()
        size = np.abs(self.maps)
        total = size.sum(axis=(1, 2), keepdims=True)
        shares = region_shares(np.divide(size, total, out=np.zeros_like(size), where=total > 0), self.regions)
        return self.faces.assign(**{name: shares[:, number] for number, name in enumerate(REGIONS)})

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        count, *shape = self.maps.shape
        head = f"<p><b>{count} maps</b> of {' × '.join(map(str, shape))} for the logit '{escape(self.target)}'</p>"
        return head + table_html(self.to_frame())


def attribute(
    model: str | Path | FaceNetwork | Model,
    faces: NDArray[np.uint8],
    *,
    target: str = "pain",
    settings: Attribution | None = None,
    regions: NDArray[np.uint8] | None = None,
    batch: int = 16,
) -> Maps:
    """Relevance maps of faces: which pixels speak for a class.

    Parameters
    ----------
    model
        A file that painlens wrote, a network, or the description of a checkpoint of another package.
    faces
        uint8 RGB (face, size, size, 3).
    target
        Class whose logit is explained.
    settings
        Method and rules; default: a study's, LRP with the paper's composite.
    regions
        uint8 (face, size, size): facial region of every pixel, for shares of relevance.
    batch
        Faces in memory at once; the maps do not depend on it.

    Raises
    ------
    DataError
        The network or the faces cannot be used; the message says why.

    Examples
    --------
    >>> from painlens.backbones import build_network
    >>> from painlens.study import Backbone
    >>> network = build_network(Backbone(name="compact", head=16), classes=("no-pain", "pain"), size=32, seed=0)
    >>> found = attribute(network, np.zeros((2, 32, 32, 3), np.uint8))
    >>> found.maps.shape, found.target
    ((2, 32, 32), 'pain')
    """
    network, own = _network(model, int(faces.shape[1]) if faces.ndim > 1 else 0, target)
    chosen = (settings or Attribution()).model_copy(update={"target": own})
    found = attributions.attribute(network, faces, settings=chosen, batch=batch, regions=regions)
    ledger = {name: getattr(found, name) for name in ("logit", "relevance", "bias", "dead")}
    return Maps(found.maps, pd.DataFrame(ledger), own, regions)


def _network(model: str | Path | FaceNetwork | Model, size: int, target: str) -> tuple[FaceNetwork, str]:
    """A network at hand, and its own name of the explained class."""
    if isinstance(model, FaceNetwork):
        return model, target
    if isinstance(model, Model):
        network = adopt(model, model.checkpoints[0], size=size)
        return network, class_map(model, network.classes, target=target, name="model").target
    return load_network(Path(model)), target
