"""The state of Inspect is its URL: a query chooses faces, an order, and how their maps are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from painlens.regions import REGIONS
from painlens.web.index import LOGIT, NORMALISATIONS, Index

PAPER = "paper"  # raw maps subtracted, as the paper's figures
PER_PAGE = (50, 100, 200)
SORTS = {
    "order": "order of the study",
    "difference": "difference in the region",
    "size": "size of the difference",
    "share_a": "share of model A",
    "share_b": "share of model B",
    "pa": "probability by A",
    "pb": "probability by B",
    "disagreement": "disagreement of A and B",
    "participant": "participant",
}
MEASURES = {"difference": "A minus B", "share_a": "model A", "share_b": "model B"}
SCOPES = {"all": "one scale for all faces", "face": "each face its own scale"}
ALL_SEEDS = "all"
EVERYWHERE = "all regions"


class FilterError(ValueError):
    """A filter that cannot be used: its name, what was expected, what came."""


@dataclass(frozen=True)
class Query:
    """Filters, order and view; empty text means no filter."""

    pair: tuple[str, str]
    seeds: str
    norm: str
    database: str = ""
    label: str = ""
    a: str = ""
    b: str = ""
    agree: str = ""
    a_min: float | None = None
    a_max: float | None = None
    b_min: float | None = None
    b_max: float | None = None
    participant: str = ""
    region: str = ""
    measure: str = "difference"
    min: float | None = None
    max: float | None = None
    concept: str = ""
    present: str = ""
    sort: str = "order"
    dir: str = "desc"
    scope: str = "all"
    over: str = ""
    per: int = 200
    page: int = 1


NUMBERS = ("a_min", "a_max", "b_min", "b_max", "min", "max")
FILTERS = (
    "database", "label", "a", "b", "agree", "a_min", "a_max", "b_min", "b_max", "participant", "region", "min", "max",
    "concept", "present",
)  # fmt: skip


def default_query(index: Index, norm: str) -> Query:
    """No filter, the first two models, the study's normalisation."""
    return Query(pair=(index.models[0], index.models[1]), seeds=ALL_SEEDS, norm=norm)


def choices(index: Index) -> dict[str, tuple[str, ...]]:
    """Valid values of every filter that chooses among names, "" for none."""
    yes_no = ("", "yes", "no")
    pairs = tuple(f"{a}~{b}" for a in index.models for b in index.models if a != b)
    return {
        "pair": pairs,
        "seeds": (ALL_SEEDS, *index.seeds),
        "norm": (PAPER, *NORMALISATIONS, LOGIT),
        "database": ("", *dict.fromkeys(index.database.tolist())),  # not the models: they may be people's own
        "label": ("", *index.labels()),
        "a": ("", *index.classes),
        "b": ("", *index.classes),
        "agree": yes_no,
        "participant": ("", *sorted(set(index.participant.tolist()))),
        "region": ("", *REGIONS),
        "measure": tuple(MEASURES),
        "concept": ("", *index.concepts),
        "present": ("", "yes", "no", "unlabelled"),
        "sort": tuple(SORTS),
        "dir": ("desc", "asc"),
        "scope": tuple(SCOPES),
        "over": ("", "yes"),
        "per": tuple(str(n) for n in PER_PAGE),
    }


def parse_query(params: Mapping[str, str], index: Index, norm: str) -> Query:
    """The query of a URL; unknown parameters are left alone, since other parts of a page may use them.

    Raises
    ------
    FilterError
        A value is not among the valid ones, or is no number.
    """
    query, valid = default_query(index, norm), choices(index)
    for name in (f.name for f in fields(Query)):
        value = params.get(name, "").strip()
        if not value:
            continue
        if name in NUMBERS:
            query = replace(query, **{name: _number(name, value)})
        elif name == "page":
            if not value.isdecimal() or not 1 <= int(value[:9]) <= 10**6:
                raise FilterError(f"page must be a whole number from 1, got '{value[:40]}'")
            query = replace(query, page=int(value))
        elif value not in valid[name]:
            shown = [v for v in valid[name] if v]
            known = ", ".join(shown[:12]) + (" ..." if len(shown) > 12 else "")
            raise FilterError(f"'{name}' must be one of {known}; got '{value[:80]}'")
        else:
            typed: Any = tuple(value.split("~")) if name == "pair" else int(value) if name == "per" else value
            query = replace(query, **{name: typed})
    if query.present and not query.concept:
        raise FilterError("'present' needs a concept; choose one")
    return query


def to_url(query: Query, default_norm: str, index: Index, /, **changes: Any) -> str:
    """The query as the text behind ``?``: only what differs from the default, always in one order."""
    changed, default = replace(query, **changes), default_query(index, default_norm)
    items = []
    for name in (f.name for f in fields(Query)):
        value = getattr(changed, name)
        if value != getattr(default, name) and value is not None:
            items.append((name, "~".join(value) if name == "pair" else _text(value)))
    return urlencode(items)


@dataclass(frozen=True)
class Selection:
    """The chosen faces.

    Attributes
    ----------
    rows
        Rows of the index, in order.
    withheld
        Faces that the filters choose but that may not be shown; they are in no row and no number.
    """

    rows: NDArray[np.intp]
    withheld: int


def select(index: Index, query: Query, shown: NDArray[np.bool_]) -> Selection:
    """The faces that a query chooses, among those that may be shown."""
    chosen = _filtered(index, query)
    rows = np.flatnonzero(chosen & shown)
    key = _sort_key(index, query, rows)
    if key is not None:
        ascending = query.dir == "asc"
        # stable and with missing values last in either direction
        order = (
            np.argsort(key if ascending else -key, kind="stable")
            if key.dtype.kind == "f"
            else _text_order(key, ascending)
        )
        rows = rows[order]
    return Selection(rows, int((chosen & ~shown).sum()))


def model_rows(index: Index, query: Query) -> tuple[int, int]:
    """Positions of model A and model B."""
    return index.models.index(query.pair[0]), index.models.index(query.pair[1])


def seed_rows(index: Index, query: Query) -> tuple[int, ...]:
    """Positions of the chosen seeds."""
    return tuple(range(len(index.seeds))) if query.seeds == ALL_SEEDS else (index.seeds.index(query.seeds),)


def probabilities(index: Index, query: Query) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probability of the target by A and by B for every face, mean over the chosen seeds; NaN where not computed."""
    seeds = [index.replicates.index(index.seeds[s]) for s in seed_rows(index, query)]
    a, b = model_rows(index, query)
    return index.probability[a, seeds].mean(axis=0), index.probability[b, seeds].mean(axis=0)


def answers(index: Index, query: Query) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Classes that A and B answer for every face; -1 where not computed.

    Several seeds answer together: the class that most of them give, the earlier class where they are split evenly.
    """
    seeds = [index.replicates.index(index.seeds[s]) for s in seed_rows(index, query)]
    both = []
    for model in model_rows(index, query):
        given = index.predicted[model, seeds]
        votes = np.stack([(given == c).sum(axis=0) for c in range(len(index.classes))]) if index.classes else None
        most = votes.argmax(axis=0) if votes is not None else np.zeros(len(index), int)
        both.append(np.where((given < 0).any(axis=0), -1, most).astype(np.int8))
    return both[0], both[1]


def shares(index: Index, query: Query) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Relevance per region (face, region) of A and of B, mean over the chosen seeds; NaN where not computed."""
    how = NORMALISATIONS.index("raw" if query.norm in (PAPER, LOGIT) else query.norm)
    seeds = seed_rows(index, query)
    found = []
    for model in model_rows(index, query):
        values = index.shares[how, model][list(seeds)].astype(np.float64)
        if query.norm == LOGIT:
            units = index.logit_units(model, seeds)[:, None, None]
            values = np.divide(values, units, out=np.zeros_like(values), where=units > 0)
        found.append(values.mean(axis=0))
    return found[0], found[1]


def _filtered(index: Index, query: Query) -> NDArray[np.bool_]:
    chosen = np.ones(len(index), bool)
    for name in ("database", "label", "participant"):
        if value := getattr(query, name):
            chosen &= getattr(index, name) == value
    if query.a or query.b or query.agree:
        own = answers(index, query)
        for answer, wanted in zip(own, (query.a, query.b), strict=True):
            if wanted:
                chosen &= answer == index.classes.index(wanted)
        if query.agree:
            known = (own[0] >= 0) & (own[1] >= 0)
            chosen &= known & ((own[0] == own[1]) == (query.agree == "yes"))
    for values, name in zip(probabilities(index, query), ("a", "b"), strict=True):
        chosen &= _between(values, getattr(query, f"{name}_min"), getattr(query, f"{name}_max"))
    if query.min is not None or query.max is not None:
        chosen &= _between(measured(index, query), query.min, query.max)
    if query.concept:
        present = index.present[index.concepts.index(query.concept)]
        wanted = {"yes": present == 1, "no": present == 0, "unlabelled": present < 0, "": present >= 0}
        chosen &= wanted[query.present]
    return chosen


def measured(index: Index, query: Query, measure: str = "") -> NDArray[np.float64]:
    """The chosen measure of the chosen region for every face; without a region the sum over the facial ones."""
    a, b = shares(index, query)
    values = {"share_a": a, "share_b": b, "difference": a - b}[measure or query.measure]
    if query.region:
        return values[:, REGIONS.index(query.region)]
    return values[:, 1:].sum(axis=1)


def _between(values: NDArray[np.floating], low: float | None, high: float | None) -> NDArray[np.bool_]:
    chosen = np.ones(len(values), bool)
    with np.errstate(invalid="ignore"):
        if low is not None:
            chosen &= values >= low
        if high is not None:
            chosen &= values <= high
    return chosen


def _sort_key(index: Index, query: Query, rows: NDArray[np.intp]) -> NDArray[Any] | None:
    """Values to sort by, None for the study's order (which a direction turns round)."""
    if query.sort == "order":
        return None if query.dir == "desc" else -rows.astype(float)
    if query.sort == "participant":
        return index.participant[rows]
    if query.sort == "size":
        return np.abs(measured(index, query, "difference"))[rows]
    if query.sort in MEASURES:
        return measured(index, query, query.sort)[rows]
    pa, pb = probabilities(index, query)
    return {"pa": pa, "pb": pb, "disagreement": np.abs(pa - pb)}[query.sort][rows].astype(float)


def _text_order(key: NDArray[Any], ascending: bool) -> NDArray[np.intp]:
    """Order of text, stable in both directions."""
    ranks = np.unique(key, return_inverse=True)[1]
    return np.argsort(ranks if ascending else -ranks, kind="stable")


def _number(name: str, value: str) -> float:
    try:
        number = float(value.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        raise FilterError(f"'{name}' must be a number such as 0.25, got '{value[:40]}'") from None
    if not np.isfinite(number):
        raise FilterError(f"'{name}' must be a finite number, got '{value[:40]}'")
    return number


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
