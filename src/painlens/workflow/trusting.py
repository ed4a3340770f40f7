"""The trust checks of `painlens.differences.trust` on a subset of the test faces of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from torch import nn

from painlens import attributions, differences, tables
from painlens.backbones import FaceNetwork
from painlens.differences import trust
from painlens.study import Study
from painlens.workflow.context import Context
from painlens.workflow.crops import TestFaces
from painlens.workflow.modelling import folds_of_people, load_trained, seed_of

CHECKED = 48  # faces; enough for an interval, and seconds on one core
SHOWN = "seed=0"  # the networks that the figures show
MUST_FAIL = "edges"
LAYERS = {"randomised layers": 0.5, "randomised network": 1.0}  # check -> share of the layers, from the logits down


@dataclass(frozen=True)
class _Material:
    """Some faces, and how a network answers and is explained."""

    study: Study
    faces: np.ndarray
    regions: np.ndarray
    people: pd.Series
    seed: int

    def maps(self, network: nn.Module, faces: np.ndarray | None = None) -> np.ndarray:
        """Maps of the checked faces, or of changed ones."""
        return attributions.attribute(
            network,
            self.faces if faces is None else faces,
            settings=self.study.attribution,
            batch=len(self.faces),
            regions=self.regions,
            notice=lambda message: None,  # told when the step 'attribute' ran  # noqa: ARG005
        ).maps

    def logit(self, network: attributions.FaceNetwork) -> trust.Logit:
        """The explained logit of faces."""
        target = network.classes.index(self.study.attribution.target)

        def answer(faces: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return attributions.logits_of(network, faces)[:, target].double().cpu().numpy()

        return answer

    def row(self, model: str, method: str, check: str, values: np.ndarray) -> dict[str, object]:
        """One row of TRUST."""
        rng = np.random.default_rng([self.seed, 1])
        confidence = self.study.replication.confidence
        found = trust.summary(check, values, self.people, confidence=confidence, rng=rng)
        return {"model": model, "method": method, **found}


def trust_table(context: Context, faces: TestFaces) -> pd.DataFrame:
    """TRUST rows of every model and every pair of models."""
    study, shown = context.study, context.study.networks_of(SHOWN)[0]
    answered = np.flatnonzero(folds_of_people(context, faces.table) == 1)  # with cross-fitting those of the first fold
    chosen = answered[_spread(faces.table.iloc[answered], CHECKED)]
    table = faces.table.iloc[chosen]
    people = (table["database"].astype(str) + "/" + table["participant"].astype(str)).reset_index(drop=True)
    material = _Material(study, faces.crops[chosen], faces.regions[chosen], people, seed_of(study.seed, "trust"))
    networks = {model: load_trained(context, model, shown).eval() for model in study.databases}
    maps = {model: material.maps(network) for model, network in networks.items()}
    rows = []
    for model, network in networks.items():
        rows += _checks(material, model, network, study.attribution.method, maps[model], material.maps)
        rows += _checks(
            material, model, network, MUST_FAIL, trust.edges(material.faces),
            lambda _, given=None: trust.edges(material.faces if given is None else given),
        )  # fmt: skip
    null = {model: _of_halves(context, material, model) for model in networks}
    for a, b in combinations(networks, 2):
        found = differences.difference(maps[a], maps[b], "max")
        logits = (material.logit(networks[a]), material.logit(networks[b]))
        moved = trust.difference_faithfulness(material.faces, found, logits)
        rows.append(material.row(f"{a} - {b}", study.attribution.method, "difference deletion", moved))
        alike = trust.agreement([(model, own) for model in (a, b) for own in null[model]])
        gap = alike["same"] - alike["other"]
        rows.append(material.row(f"{a} - {b}", study.attribution.method, "beyond the null band", gap))
    return tables.conform(pd.DataFrame(rows), tables.TRUST)


def _checks(
    material: _Material,
    model: str,
    network: FaceNetwork,
    method: str,
    maps: np.ndarray,
    explain: Callable[..., np.ndarray],
) -> list[dict[str, object]]:
    """All checks of one method on one network; `explain` takes a network and, if not the checked ones, faces."""
    values = {
        check: trust.similarity(maps, explain(attributions.randomised(network, share=share, seed=material.seed)))
        for check, share in LAYERS.items()
    }
    rng = np.random.default_rng(material.seed)
    values |= trust.faithfulness(material.faces, maps, material.logit(network), rng=rng)
    values["small shifts"] = trust.stability(material.faces, maps, lambda faces: explain(network, faces))
    return [material.row(model, method, check, found) for check, found in values.items()]


def _of_halves(context: Context, material: _Material, model: str) -> list[np.ndarray]:
    """Maps of networks on halves of one database's people, or of its seeds where there are no halves."""
    kind = "half=" if context.study.replication.half_splits else "seed="
    study = context.study
    names = [study.networks_of(name)[0] for name in study.replicates if name.startswith(kind)]
    return [material.maps(load_trained(context, model, name)) for name in names]


def _spread(faces: pd.DataFrame, count: int) -> np.ndarray:
    """Faces spread evenly over databases and people, the same every time."""
    order = faces.reset_index(drop=True)
    turn = order.groupby(["database", "participant"], sort=False).cumcount()
    size = order.groupby("database", sort=False)["database"].transform("size")
    ranked = order.assign(turn=turn, size=size).sort_values(["turn", "database", "participant"], kind="stable")
    per_database = max(1, count // order["database"].nunique())
    return np.sort(ranked.groupby("database", sort=False).head(per_database).index.to_numpy())
