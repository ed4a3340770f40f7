"""One face: five linked panels, both models' answers and ledgers, neighbours in the filtered order, side by side."""

from dataclasses import replace
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.regions import REGIONS
from painlens.web import people, pictures, words
from painlens.web.access import require
from painlens.web.gallery import View, view_of
from painlens.web.index import LOGIT
from painlens.web.pages import json_for_script, refuse, render
from painlens.web.run import Run
from painlens.web.selection import (
    PAPER,
    SCOPES,
    FilterError,
    choices,
    model_rows,
    seed_rows,
    select,
    shares,
)

ENTRIES = ("logit", "relevance", "bias", "dead")
NO_FACE = "There is no such face, or it may not be shown."


@require("researcher")
def face_page(request: Request) -> Response:
    """The page of one face."""
    run: Run = request.app.state.run
    row = shown_row(request)
    if row is None:
        return refuse(request, 404, NO_FACE)
    try:
        view = view_of(request)
    except FilterError as error:
        return refuse(request, 400, str(error))
    name = f"{run.faces.database[row]}/{run.faces.frame_id[row]}"
    with run.connect() as connection:
        people.record(connection, request.state.person.person_id, "view face", name, now=request.app.state.clock())
    return render(request, "face.html.j2", **_context(view, row))


@require("researcher")
def face_picture(request: Request) -> Response:
    """The face alone."""
    run: Run = request.app.state.run
    row = shown_row(request)
    if row is None:
        return refuse(request, 404, NO_FACE)
    crop = run.crop(str(run.faces.database[row]), str(run.faces.frame_id[row]))
    return Response(pictures.face_picture(crop), media_type="image/webp")


@require("researcher")
def face_values(request: Request) -> Response:
    """Normalised maps of A, then of B, as little-endian float32; 404 where they are not computed."""
    row = shown_row(request)
    if row is None:
        return refuse(request, 404, NO_FACE)
    try:
        view = view_of(request)
    except FilterError as error:
        return refuse(request, 400, str(error))
    pair = pictures.maps_of(view.run, row, view.query)
    if pair is None:
        return refuse(request, 404, "The relevance of this face is not computed.")
    return Response(np.stack(pair).astype("<f4").tobytes(), media_type="application/octet-stream")


@require("researcher")
def face_regions(request: Request) -> Response:
    """The facial region of every pixel, one byte each."""
    row = shown_row(request)
    if row is None:
        return refuse(request, 404, NO_FACE)
    return Response(request.app.state.run.regions(row).tobytes(), media_type="application/octet-stream")


def shown_row(request: Request) -> int | None:
    """Row of the face in the address if it exists and may be shown at this moment."""
    run: Run = request.app.state.run
    row = run.find(request.path_params["face"])
    return row if row is not None and run.consent.shown()[row] else None


def _context(view: View, row: int) -> dict[str, Any]:
    run, index, query = view.run, view.index, view.query
    name = run.opaque_of(row)
    pair = pictures.maps_of(run, row, query)
    size = run.crop(str(index.database[row]), str(index.frame_id[row])).shape[0]
    valid = choices(index)
    own = pictures.scale_of(*pair) if pair else None
    common = pictures.common_scale(run, query) if pair else None
    viewer = {
        "size": size,
        "face": f"/inspect/i/{name}/face.webp",
        "values": f"/inspect/i/{name}/values?{view.url()}" if pair else None,
        "regions": f"/inspect/i/{name}/regions",
        "names": list(REGIONS),
        "maps": "/static/colour-maps.json",
        "scales": {"face": vars(own), "all": vars(common)} if own and common else None,
        "scope": query.scope,
        "unit": words.UNITS[query.norm],
    }
    return {
        "view": view,
        "query": query,
        "valid": valid,
        "norms": words.NORMS,
        "scopes": SCOPES,
        "signed_maps": pictures.SIGNED_MAPS,
        "one_sided_maps": pictures.ONE_SIDED_MAPS,
        "target": index.target,
        "face": _facts(view, row),
        "computed": pair is not None,
        "viewer": json_for_script(viewer),
        "answers": _answers(view, row),
        "ledgers": _ledgers(view, row),
        "regions": _regions(view, row),
        "neighbours": _neighbours(view, row),
        "strips": _strips(view, row),
        "panel": pictures.PANEL,
        "strip_width": 5 * pictures.PANEL + 4 * pictures.GAP,
    }


def _facts(view: View, row: int) -> dict[str, Any]:
    index = view.index
    present = {1: "present", 0: "absent", -1: "no label"}
    return {
        "id": view.run.opaque_of(row),
        **{name: str(getattr(index, name)[row]) for name in ("database", "frame_id", "participant", "label")},
        "concepts": [(name, present[int(index.present[c, row])]) for c, name in enumerate(index.concepts)],
    }


def _answers(view: View, row: int) -> list[dict[str, Any]]:
    """Both models' answers: every seed, then the halves."""
    index, found = view.index, []
    for side, model in zip("AB", model_rows(index, view.query), strict=True):
        replicates = [
            {
                "name": replicate,
                "answer": (said := words.answer(index, int(index.predicted[model, r, row]))),
                "probability": words.probability(float(index.probability[model, r, row])),
                "right": said == str(index.label[row]),
            }
            for r, replicate in enumerate(index.replicates)
        ]
        found.append({"side": side, "model": index.models[model], "replicates": replicates})
    return found


def _ledgers(view: View, row: int) -> list[dict[str, Any]]:
    """Where the logit of every seed went; what the entries leave open is rounding."""
    index, found = view.index, []
    for side, model in zip("AB", model_rows(index, view.query), strict=True):
        for seed in seed_rows(index, view.query):
            values = index.ledger[model, seed, row]
            if not np.isfinite(values[:2]).all():
                continue
            known = dict(zip(ENTRIES, map(float, values), strict=True))
            found.append({
                "side": side,
                "model": index.models[model],
                "seed": index.seeds[seed],
                **{name: words.signed(value) for name, value in known.items()},
                "share": words.plain(100 * known["relevance"] / (known["logit"] or np.nan)),
            })  # fmt: skip
    return found


def _regions(view: View, row: int) -> list[dict[str, str]]:
    """Shares of the regions of this face, the largest difference first."""
    a, b = (values[row] for values in shares(view.index, view.query))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return []
    order = np.argsort(-np.abs(a - b), kind="stable")
    return [
        {
            "region": REGIONS[r],
            "a": words.signed(a[r]),
            "b": words.signed(b[r]),
            "difference": words.signed(a[r] - b[r]),
        }
        for r in order
    ]


def _neighbours(view: View, row: int) -> dict[str, Any]:
    """Previous and next face in the filtered order, and the way back to the right page."""
    rows = select(view.index, view.query, view.run.consent.shown()).rows
    place = np.flatnonzero(rows == row)
    here = int(place[0]) if len(place) else None
    page = 1 + here // view.query.per if here is not None else 1

    def link(position: int) -> str:
        if here is None or not 0 <= position < len(rows):
            return ""
        return view.link(f"/inspect/i/{view.run.opaque_of(int(rows[position]))}")

    return {
        "previous": link(here - 1) if here else "",
        "next": link(here + 1) if here is not None else "",
        "position": here + 1 if here is not None else None,
        "count": len(rows),
        "back": view.link("/inspect", page=page),
    }


def _strips(view: View, row: int) -> list[dict[str, Any]]:
    """Side by side: the same face under every seed and under every normalisation, each with its own scale."""
    name = view.run.opaque_of(row)

    def entry(text: str, **changes: str) -> dict[str, Any]:
        query = replace(view.query, scope="face", **changes)
        pair = pictures.maps_of(view.run, row, query)
        scale = pictures.scale_of(*pair) if pair else None
        told = words.NOT_COMPUTED
        if scale:
            told = f"maps ±{words.plain(scale.maps)}, differences to {words.plain(scale.difference)}"
            told += f" {words.UNITS[query.norm]}"
        address = view.url(scope="face", page=1, **changes)
        return {
            "text": text,
            "scale": told,
            **{theme: f"/inspect/strip/{name}.webp?theme={theme}&{address}" for theme in ("light", "dark")},
        }

    seeds = [entry("mean of all seeds", seeds="all")] + [entry(seed, seeds=seed) for seed in view.index.seeds]
    norms = [entry(words.NORMS[norm], norm=norm) for norm in (PAPER, LOGIT, "max", "sum-abs")]
    return [{"title": "Seeds", "entries": seeds}, {"title": "Normalisations", "entries": norms}]


routes = [
    Route("/inspect/i/{face}", face_page),
    Route("/inspect/i/{face}/face.webp", face_picture),
    Route("/inspect/i/{face}/values", face_values),
    Route("/inspect/i/{face}/regions", face_regions),
]
