"""Inspect: all test faces as strips, filters in the URL, region statistics of the selection."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.web import people, pictures, words
from painlens.web.access import require
from painlens.web.index import Index
from painlens.web.pages import Link, refuse, render
from painlens.web.run import Run
from painlens.web.selection import (
    FILTERS,
    MEASURES,
    SCOPES,
    SORTS,
    FilterError,
    Query,
    Selection,
    answers,
    choices,
    measured,
    parse_query,
    probabilities,
    seed_rows,
    select,
    to_url,
)
from painlens.web.statistics import RegionStatistic, region_statistics

THEMES = ("light", "dark")
_MANY = 3  # classes from which a probability alone does not tell the answer


@dataclass(frozen=True)
class View:
    """What a request asks for, on one run."""

    run: Run
    query: Query
    norm: str

    @property
    def index(self) -> Index:
        """The faces."""
        return self.run.faces

    def url(self, **changes: Any) -> str:
        """The query with changes, as text."""
        return to_url(self.query, self.norm, self.index, **changes)

    def link(self, path: str, **changes: Any) -> str:
        """An address with the query."""
        query = self.url(**changes)
        return f"{path}?{query}" if query else path


def view_of(request: Request) -> View:
    """The view that a request's URL describes.

    Raises
    ------
    FilterError
        A filter cannot be used.
    """
    run: Run = request.app.state.run
    norm = run.study.differences.normalisation
    return View(run, parse_query(request.query_params, run.faces, norm), norm)


@require("researcher")
def gallery(request: Request) -> Response:
    """The page of tiles."""
    run: Run = request.app.state.run
    try:
        view = view_of(request)
    except FilterError as error:
        plain = View(
            run, parse_query({}, run.faces, run.study.differences.normalisation), run.study.differences.normalisation
        )
        page = _controls(plain) | {"problem": str(error), "here": ""}
        return render(request, "gallery.html.j2", status=400, **page)
    selection = select(view.index, view.query, run.consent.shown())
    with run.connect() as connection:
        detail = f"{view.url() or 'no filter'} ({len(selection.rows)} faces)"
        people.record(connection, request.state.person.person_id, "view gallery", detail, now=request.app.state.clock())
    return render(request, "gallery.html.j2", problem="", **_controls(view), **_results(view, selection))


@require("researcher")
def strip_picture(request: Request) -> Response:
    """One tile's picture; it asks for consent itself."""
    run: Run = request.app.state.run
    theme, row = request.query_params.get("theme", "light"), run.find(request.path_params["face"])
    if row is None or not run.consent.shown()[row]:
        return refuse(request, 404, "There is no such face, or it may not be shown.")
    try:
        view = view_of(request)
    except FilterError as error:
        return refuse(request, 400, str(error))
    if theme not in THEMES:
        return refuse(request, 400, f"theme must be one of {', '.join(THEMES)}, got '{theme[:40]}'")
    return Response(pictures.strip(run, row, view.query, theme), media_type="image/webp")


def _controls(view: View) -> dict[str, Any]:
    """Valid values of the filters and their words."""
    valid = choices(view.index)
    return {
        "query": view.query,
        "valid": valid,
        "target": view.index.target,
        "many_classes": len(view.index.classes) >= _MANY,
        "measures": MEASURES,
        "norms": words.NORMS,
        "units": words.UNITS,
        "usual_norm": view.norm,
        "sorts": SORTS,
        "scopes": SCOPES,
        "pairs": {pair: pair.replace("~", " and ") for pair in valid["pair"]},
        "panel": pictures.PANEL,
        "strip_width": 5 * pictures.PANEL + 4 * pictures.GAP,
    }


def _results(view: View, selection: Selection) -> dict[str, Any]:
    """Everything below the filters."""
    index, query, rows = view.index, view.query, selection.rows
    confidence = view.run.study.replication.confidence
    statistics = region_statistics(index, query, rows, confidence=confidence)
    first = (query.page - 1) * query.per
    pages = max(1, -(-len(rows) // query.per))
    keys = np.char.add(np.char.add(index.database[rows], "\n"), index.participant[rows])
    scale = pictures.common_scale(view.run, query) if statistics else None
    return {
        "total": len(rows),
        "withheld": selection.withheld,
        "participants": len(np.unique(keys)) if len(rows) else 0,
        "headline": _headline(view, statistics),
        "chips": chips(view),
        "statistics": [_plotted(view, s, statistics) for s in _facial(statistics)],
        "breakdown": _breakdown(view, rows) if statistics else [],
        "confidence": confidence,
        "seeds": len(seed_rows(index, query)),
        "here": view.url(page=1),
        "scale": {"maps": words.plain(scale.maps), "difference": words.plain(scale.difference)} if scale else None,
        "first": first + 1,
        "tiles": _tiles(view, rows[first : first + query.per], first),
        "pages": _pages(view, pages),
    }


def _tiles(view: View, rows: Any, first: int) -> list[dict[str, Any]]:
    index, query, run = view.index, view.query, view.run
    pa, pb = probabilities(index, query)
    a, b = answers(index, query)
    measure, short = measured(index, query), words.short_measure(query)
    picture = {theme: view.url(page=1, sort="order", **_NO_FILTERS) for theme in THEMES}
    tiles = []
    for number, row in enumerate(rows, start=first + 1):
        name, label = run.opaque_of(row), str(index.label[row])
        database, said_a, said_b = (
            str(index.database[row]),
            words.answer(index, int(a[row])),
            words.answer(index, int(b[row])),
        )
        value = words.signed(float(measure[row]))
        tiles.append({
            "id": name,
            "number": number,
            "url": view.link(f"/inspect/i/{name}"),
            **{theme: f"/inspect/strip/{name}.webp?theme={theme}&{picture[theme]}".rstrip("&") for theme in THEMES},
            "alt": f"Face {number}: {label}, {database}; A says {said_a}, B {said_b}; {words.measure(query)} {value}",
            "label": label,
            "database": database,
            "a": said_a,
            "b": said_b,
            "pa": _said(index, said_a, float(pa[row])),
            "pb": _said(index, said_b, float(pb[row])),
            "right_a": _right(said_a, label),
            "right_b": _right(said_b, label),
            "measure": value,
            "about": short,
        })  # fmt: skip
    return tiles


# A strip depends on the view, not on what was chosen: its address must not change with every filter.
_NO_FILTERS: dict[str, Any] = {
    name: None if name in ("a_min", "a_max", "b_min", "b_max", "min", "max") else "" for name in FILTERS
} | {"measure": "difference", "dir": "desc", "per": 200}


def _said(index: Index, answer: str, probability: float) -> str:
    """The probability of the target, behind the answer where it does not follow from it: three classes and more."""
    text = words.probability(probability)
    return f"{answer} {text}" if len(index.classes) >= _MANY and answer != words.NOT_COMPUTED else text


def _right(answer: str, label: str) -> str:
    return "unknown" if answer == words.NOT_COMPUTED else "right" if answer == label else "wrong"


def _headline(view: View, statistics: list[RegionStatistic]) -> str:
    """The chosen region's difference in one sentence."""
    found = [s for s in statistics if s.region == view.query.region]
    if not found:
        return ""
    own = found[0]
    interval = f" ({words.interval(own.low, own.high)})" if own.known else ""
    return f"A − B in {own.region} {words.signed(own.difference)}{interval}"


def _facial(statistics: list[RegionStatistic]) -> list[RegionStatistic]:
    """Facial regions by the size of their difference, outside last."""
    return sorted(statistics, key=lambda s: (s.region == "outside", -abs(s.difference)))


def _plotted(view: View, own: RegionStatistic, every: list[RegionStatistic]) -> dict[str, Any]:
    """A row of the forest plot: positions in a picture 120 wide with zero in its middle."""
    reach = max(max(abs(s.low), abs(s.high)) if s.known else abs(s.difference) for s in every) or 1.0
    at = {name: round(60 + 54 * value / reach, 2) for name, value in
          (("x", own.difference), ("x_low", own.low), ("x_high", own.high)) if np.isfinite(value)}  # fmt: skip
    clear = own.known and own.low * own.high > 0
    return {
        "region": own.region,
        "known": own.known,
        **at,
        "side": ("a" if own.difference > 0 else "b") if clear else "none",
        "text": words.signed(own.difference),
        "interval": words.interval(own.low, own.high) if own.known else "no interval",
        "faces": own.faces,
        "participants": own.participants,
        "url": view.link("/inspect", region="" if own.region == view.query.region else own.region, page=1),
    }


def _breakdown(view: View, rows: Any) -> list[dict[str, Any]]:
    """The chosen region by label and database, where there is more than one part."""
    if not view.query.region:
        return []
    index, confidence = view.index, view.run.study.replication.confidence
    databases = dict.fromkeys(index.database[rows].tolist())
    cells = [(d, label) for d in databases for label in index.labels(rows[index.database[rows] == d])]
    if len(cells) < 2:
        return []
    found = []
    for database, label in cells:
        part = rows[(index.database[rows] == database) & (index.label[rows] == label)]
        for own in region_statistics(index, view.query, part, confidence=confidence):
            if own.region == view.query.region:
                found.append({
                    "name": f"{label}, {database}",
                    "faces": own.faces,
                    "difference": words.signed(own.difference),
                    "interval": words.interval(own.low, own.high) if own.known else "no interval",
                })  # fmt: skip
    return found


def chips(view: View) -> list[dict[str, str]]:
    """Active filters, each with the address without it."""
    chips = []
    for name in FILTERS:
        value = getattr(view.query, name)
        if value not in ("", None):
            empty = None if isinstance(value, float) else ""
            also = {"present": ""} if name == "concept" else {}
            text = words.chip(name, value, view.query, view.index.target)
            chips.append({"text": text, "url": view.link("/inspect", **{name: empty}, **also, page=1)})
    return chips


def _pages(view: View, count: int) -> list[dict[str, Any]]:
    """Links to pages: the neighbours, the first, the last, and those around the current one."""
    current = min(view.query.page, count)

    def entry(number: int, text: str, rel: str = "") -> dict[str, Any]:
        return {"number": number, "text": text, "rel": rel, "url": view.link("/inspect", page=number)}

    near = [n for n in range(1, count + 1) if n in (1, count) or abs(n - current) <= 2]
    found = [entry(current - 1, "← Previous", "prev")] if current > 1 else []
    last = 0
    for number in near:
        if number > last + 1:
            found.append({"number": 0, "text": "…", "rel": "", "url": ""})
        found.append(entry(number, str(number)))
        last = number
    return [*found, entry(current + 1, "Next →", "next")] if current < count else found


links = [Link("Inspect", "/inspect", ("researcher",))]
routes = [Route("/inspect", gallery), Route("/inspect/strip/{face}.webp", strip_picture)]
