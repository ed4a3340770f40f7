"""Mean maps of a selection, of all its faces and of each class."""

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.web import people, pictures, words
from painlens.web.access import require
from painlens.web.gallery import THEMES, View, chips, view_of
from painlens.web.pages import refuse, render
from painlens.web.selection import FilterError, model_rows, seed_rows, select

BLOCK = 2**21  # pixels of maps in memory at once
SIDES = ("a", "b", "difference")
SHOWN = 224  # pixels of a picture
FEWEST = 2  # faces: the mean of one would be that face's map under another name


@dataclass(frozen=True)
class MeanMaps:
    """Mean normalised maps of A and B over some faces."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    faces: int

    def side(self, name: str) -> NDArray[np.float64]:
        """A, B or their difference."""
        return {"a": self.a, "b": self.b, "difference": self.a - self.b}[name]


@require("researcher")
def mean_page(request: Request) -> Response:
    """The page."""
    try:
        view = view_of(request)
    except FilterError as error:
        return refuse(request, 400, str(error))
    means = _means(view)
    with view.run.connect() as connection:
        detail = view.url() or "no filter"
        people.record(
            connection, request.state.person.person_id, "view mean maps", detail, now=request.app.state.clock()
        )
    scale = _scale(means)
    rows = [
        {
            "name": "all of them" if name == "all" else name,
            "faces": found.faces,
            "pictures": [{theme: _address(view, name, side, theme) for theme in THEMES} for side in SIDES],
        }
        for name, found in means.items()
    ]
    return render(
        request,
        "mean.html.j2",
        view=view,
        query=view.query,
        rows=rows,
        scale=words.plain(scale),
        unit=words.UNITS[view.query.norm],
        back=view.link("/inspect"),
        chips=chips(view),
        shown=SHOWN,
    )


@require("researcher")
def mean_picture(request: Request) -> Response:
    """One mean map."""
    part, side, theme = (request.query_params.get(n, "") for n in ("part", "side", "theme"))
    try:
        view = view_of(request)
    except FilterError as error:
        return refuse(request, 400, str(error))
    means = _means(view)
    if part not in means or side not in SIDES or theme not in THEMES:
        return refuse(request, 404, "There is no such mean map.")
    picture = pictures.signed_picture(means[part].side(side), _scale(means), theme, SHOWN)
    return Response(picture, media_type="image/webp")


def _means(view: View) -> dict[str, MeanMaps]:
    """Mean maps of the selection: ``all``, and every class where there are several; empty where nothing is computed."""
    index, query = view.index, view.query
    rows = np.sort(select(index, query, view.run.consent.shown()).rows)

    def computed() -> dict[str, MeanMaps]:
        models, seeds = model_rows(index, query), seed_rows(index, query)
        known = np.all([(index.map_row[m, s][rows] >= 0) for m in models for s in seeds], axis=0)
        own = rows[known] if len(rows) and seeds else rows[:0]
        classes = index.labels(own)
        parts = {name: own[index.label[own] == name] for name in classes} if len(classes) > 1 else {}
        found = {}
        for name, chosen in ({"all": own} | parts).items():
            if len(chosen) >= FEWEST:
                maps = [_mean(view, model, seeds, chosen) for model in models]
                if maps[0] is not None and maps[1] is not None:
                    found[name] = MeanMaps(maps[0], maps[1], len(chosen))
        return found

    # The key holds the faces themselves: after a withdrawal the mean is another one.
    return view.run.means.get((query.pair, query.seeds, query.norm, rows.tobytes()), computed)


def _mean(view: View, model: int, seeds: tuple[int, ...], rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Mean over faces and seeds of one model's normalised maps; None where a file cannot be read."""
    total: NDArray[np.float64] | None = None
    for seed in seeds:
        places = np.sort(view.index.map_row[model, seed][rows])
        try:
            with h5py.File(view.run.relevance_file(model, seed), "r") as file:
                data = file["attribution"]
                assert isinstance(data, h5py.Dataset)
                for block in _blocks(places, max(1, BLOCK // (data.shape[2] * data.shape[3]))):
                    units = np.repeat(view.index.logit_units(model, (seed,)), block.stop - block.start)
                    maps = pictures.normalise(data[block, 0], view.query.norm, units)
                    wanted = np.isin(np.arange(block.start, block.stop), places)
                    part = maps[wanted].sum(axis=0, dtype=np.float64)
                    total = part if total is None else total + part
        except (OSError, KeyError, ValueError, AssertionError):
            return None
    return None if total is None else total / (len(seeds) * len(rows))


def _blocks(places: NDArray[np.int32], length: int) -> list[slice]:
    """Slices that cover sorted places: HDF5 is fast with slices and slow with lists of rows."""
    blocks: list[slice] = []
    for place in places.tolist():
        if blocks and place < blocks[-1].start + length and place <= blocks[-1].stop + 8:
            blocks[-1] = slice(blocks[-1].start, place + 1)
        else:
            blocks.append(slice(place, place + 1))
    return blocks


def _scale(means: dict[str, MeanMaps]) -> float:
    """One scale for all pictures of the page."""
    values = [np.abs(m.side(side)) for m in means.values() for side in SIDES]
    return float(np.quantile(np.stack(values), pictures.SHARE_IN_SCALE)) if values else 0.0


def _address(view: View, part: str, side: str, theme: str) -> str:
    return f"/inspect/mean.webp?part={part}&side={side}&theme={theme}&{view.url(page=1)}".rstrip("&")


routes = [Route("/inspect/mean", mean_page), Route("/inspect/mean.webp", mean_picture)]
