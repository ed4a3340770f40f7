"""The trust checks of `painlens.differences.trust` on a subset of the test faces of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from torch import nn

from painlens import attributions, differences, tables
from painlens.backbones import FaceNetwork
from painlens.differences import trust
from painlens.differences.resampling import mean_intervals, people_of
from painlens.regions import REGIONS, region_shares
from painlens.study import Attribution, Study
from painlens.workflow.context import Context
from painlens.workflow.crops import TestFaces
from painlens.workflow.modelling import explained_by, folds_of_people, load_trained, seed_of

SHOWN = "seed=0"  # the networks that the figures show
MUST_FAIL = "edges"
LAYERS = {"randomised layers": 0.5, "randomised network": 1.0}  # check -> share of the layers, from the logits down


@dataclass(frozen=True)
class Checked:
    """TRUST, RANDOMISED and UNTAUGHT rows."""

    badges: pd.DataFrame
    curve: pd.DataFrame
    floor: pd.DataFrame


@dataclass(frozen=True)
class _Material:
    """Some faces, and how a network answers and is explained."""

    study: Study
    settings: Attribution  # the study's, with the model's own name of the explained class
    faces: np.ndarray
    regions: np.ndarray
    table: pd.DataFrame
    seed: int

    @property
    def people(self) -> pd.Series:
        """The participant of each face; equal names in two databases are two people."""
        return self.table["database"].astype(str) + "/" + self.table["participant"].astype(str)

    def maps(self, network: nn.Module, faces: np.ndarray | None = None) -> np.ndarray:
        """Maps of the checked faces, or of changed ones."""
        return attributions.attribute(
            network,
            self.faces if faces is None else faces,
            settings=self.settings,
            batch=len(self.faces),
            regions=self.regions,
            notice=lambda message: None,  # told when the step 'attribute' ran  # noqa: ARG005
        ).maps

    def logit(self, network: attributions.FaceNetwork) -> trust.Logit:
        """The explained logit of faces."""
        target = network.classes.index(self.settings.target)

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


@dataclass(frozen=True)
class _Method:
    """One way to explain one network, and its maps of the checked faces."""

    model: str
    name: str
    network: FaceNetwork
    explain: Callable[..., np.ndarray]  # a network and, if not the checked ones, faces
    maps: np.ndarray


@dataclass(frozen=True)
class _Curve:
    """Similarity of each face's map by the number of randomised layers, and the RANDOMISED rows."""

    similarity: Mapping[int, np.ndarray]
    rows: list[dict[str, object]]
    layers: int


def check_maps(context: Context, faces: TestFaces) -> Checked:
    """All checks of every model and every pair of models."""
    study, shown = context.study, context.study.networks_of(SHOWN)[0]
    if not study.trust.faces:
        return Checked(*(tables.empty(schema) for schema in (tables.TRUST, tables.RANDOMISED, tables.UNTAUGHT)))
    answered = np.flatnonzero(folds_of_people(context, faces.table) == 1)  # with cross-fitting those of the first fold
    chosen = answered[_spread(faces.table.iloc[answered], study.trust.faces)]
    table = faces.table.iloc[chosen].reset_index(drop=True)
    seed = seed_of(study.seed, "trust")
    shared = _Material(study, study.attribution, faces.crops[chosen], faces.regions[chosen], table, seed)
    networks = {model: load_trained(context, model, shown).eval() for model in study.compared}
    own_words = {
        model: replace(shared, settings=explained_by(context, model, network)) for model, network in networks.items()
    }
    null = {model: _of_halves(context, material, model) for model, material in own_words.items()}
    maps = {model: own_words[model].maps(network) for model, network in networks.items()}
    untaught = {
        model: own_words[model].maps(load_trained(context, model, name))
        for model in networks
        for name in study.untaught
    }
    rows, curves = [], []
    for model, network in networks.items():
        material = own_words[model]
        edges = _Method(model, MUST_FAIL, network, _edges_of(material), trust.edges(material.faces))
        own = _Method(model, study.attribution.method, network, material.maps, maps[model])
        pictures = [edges.maps] * 2  # of two networks; the edges know none, so that all are the same
        for method, right, permuted in ((own, null[model], untaught.get(model)), (edges, pictures, edges.maps)):
            curve = _randomised(material, method)
            curves += curve.rows
            rows += _checks(material, method, curve)
            if model in untaught and permuted is not None:
                rows.append(material.row(model, method.name, "randomised labels", trust.taught(right, permuted)))
    for pair in combinations(networks, 2):
        rows += _pair_checks(own_words, pair, networks, maps, null)
    return Checked(
        tables.conform(pd.DataFrame(rows), tables.TRUST),
        tables.conform(pd.DataFrame(curves), tables.RANDOMISED),
        _floor(shared, maps, untaught),
    )


def _edges_of(material: _Material) -> Callable[..., np.ndarray]:
    def explain(_: nn.Module, faces: np.ndarray | None = None) -> np.ndarray:
        return trust.edges(material.faces if faces is None else faces)

    return explain


def _randomised(material: _Material, method: _Method) -> _Curve:
    """How alike maps remain with more and more layers randomised, from the logits downwards."""
    of = len(attributions.layers_with_weights(method.network))
    shares = (*LAYERS.values(), *np.linspace(0, 1, material.study.trust.depths + 1)[1:])
    found, rows = {}, []
    for count in sorted({_layers(share, of) for share in shares}):
        other = attributions.randomised(method.network, share=count / of, seed=material.seed)
        found[count] = trust.similarity(method.maps, method.explain(other))
        told = material.row(method.model, method.name, "randomised layers", found[count])
        rows.append({
            "model": method.model, "method": method.name, "layers": count, "of": of, "similarity": told["value"],
            **{name: told[name] for name in ("low", "high", "faces", "participants")},
        })  # fmt: skip
    return _Curve(found, rows, of)


def _layers(share: float, of: int) -> int:
    """Number of layers that a share of them means, at least one."""
    return max(1, round(share * of))


def _checks(material: _Material, method: _Method, curve: _Curve) -> list[dict[str, object]]:
    """The checks of one method on one network."""
    values = {check: curve.similarity[_layers(share, curve.layers)] for check, share in LAYERS.items()}
    rng = np.random.default_rng(material.seed)
    values |= trust.faithfulness(material.faces, method.maps, material.logit(method.network), rng=rng)
    values["small shifts"] = trust.stability(
        material.faces, method.maps, lambda faces: method.explain(method.network, faces)
    )
    return [material.row(method.model, method.name, check, found) for check, found in values.items()]


def _pair_checks(
    materials: Mapping[str, _Material],
    pair: tuple[str, str],
    networks: Mapping[str, FaceNetwork],
    maps: Mapping[str, np.ndarray],
    null: Mapping[str, list[np.ndarray]],
) -> list[dict[str, object]]:
    """The checks of a difference of two models."""
    a, b = pair
    material = materials[a]
    name, method = f"{a} - {b}", material.study.attribution.method
    found = differences.difference(maps[a], maps[b], "max")
    logits = (materials[a].logit(networks[a]), materials[b].logit(networks[b]))
    moved = trust.difference_faithfulness(material.faces, found, logits)
    rows = [material.row(name, method, check, values) for check, values in moved.items()]
    if not null[a]:
        return rows
    alike = trust.agreement([(model, own) for model in pair for own in null[model]])
    return [
        *rows,
        material.row(name, method, "beyond the null band", alike["same"] - alike["other"]),
    ]


def _floor(material: _Material, maps: Mapping[str, np.ndarray], untaught: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """UNTAUGHT rows: relevance per region with the right and with permuted labels."""
    people, rows = people_of(material.table), []
    for model, floor in untaught.items():
        shares = [region_shares(differences.normalise(own, "max"), material.regions) for own in (maps[model], floor)]
        low, high = mean_intervals(
            shares[0] - shares[1], people, draws=trust.DRAWS, confidence=material.study.replication.confidence,
            rng=np.random.default_rng([material.seed, 2]),
        )  # fmt: skip
        means = [own.mean(axis=0) for own in shares]
        for number, region in enumerate(REGIONS):
            taught, own = float(means[0][number]), float(means[1][number])
            rows.append({
                "model": model, "region": region, "taught": taught, "untaught": own, "difference": taught - own,
                "low": low[number], "high": high[number], "faces": len(material.faces), "participants": len(people),
            })  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=list(tables.UNTAUGHT.columns)), tables.UNTAUGHT)


def _of_halves(context: Context, material: _Material, model: str) -> list[np.ndarray]:
    """Maps of networks on halves of one database's people, or of its seeds where there are no halves."""
    study = context.study
    halves = [name for name in study.replicates if name.startswith("half=")]
    if study.models and len(study.replicates) == 1:  # one checkpoint of each model: nothing to agree with
        return []
    names = [study.networks_of(name)[0] for name in halves or study.replicates if not name.startswith("shuffled=")]
    return [material.maps(load_trained(context, model, name)) for name in names]


def _spread(faces: pd.DataFrame, count: int) -> np.ndarray:
    """Faces spread evenly over databases and people, the same every time."""
    order = faces.reset_index(drop=True)
    turn = order.groupby(["database", "participant"], sort=False).cumcount()
    size = order.groupby("database", sort=False)["database"].transform("size")
    ranked = order.assign(turn=turn, size=size).sort_values(["turn", "database", "participant"], kind="stable")
    per_database = max(1, count // order["database"].nunique())
    return np.sort(ranked.groupby("database", sort=False).head(per_database).index.to_numpy())
