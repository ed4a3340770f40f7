"""HTML from templates, and answers that refuse."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from painlens.web.words import spoken

STATIC = Path(__file__).with_name("static")
TITLES = {400: "Not understood", 401: "Not signed in", 403: "Not allowed", 404: "Not found", 409: "Not possible now"}


@dataclass(frozen=True)
class Link:
    """An entry of the main navigation, shown to some roles; `path` is also the prefix of its pages."""

    label: str
    path: str
    roles: tuple[str, ...]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_address
    environment.filters["spoken"] = spoken
    environment.globals["version"] = metadata.version("painlens")
    return environment


def static_address(name: str) -> str:
    """Address of a file in ``static/``; it changes with the file, so that browsers may keep it."""
    return f"/static/{name}?v={int((STATIC / name).stat().st_mtime)}"


_TEMPLATES = _environment()


def render(request: Request, template: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page from ``templates/<template>``.

    Templates extend ``layout.html.j2`` and fill its blocks ``title``, ``main``, ``scripts`` (and ``body_class``).
    They have `person` (None before sign-in), `links` (navigation of the person's role), `study` and `path`.
    """
    person = getattr(request.state, "person", None)
    links: list[Link] = request.app.state.links
    page = _TEMPLATES.get_template(template).render(
        person=person,
        links=[link for link in links if person is not None and person.role in link.roles],
        study=request.app.state.run.study,
        path=request.url.path,
        **context,
    )
    return HTMLResponse(page, status_code=status)


def refuse(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that says what was wrong: a page for a browser, JSON ``{"error"}`` for everything else."""
    if "text/html" in request.headers.get("accept", ""):
        title = TITLES.get(status, "Error")
        page = render(request, "refusal.html.j2", status=status, title=title, message=message, code=status)
        page.headers.update(headers or {})
        return page
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def json_for_script(value: Any) -> str:
    """JSON that may stand inside a ``<script type="application/json">`` element."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
