"""Who asks, and whether that role may: every route is either public or guarded by `require`.

A person signs in with an invitation token once and then has a session. Both are random and long, so a plain SHA-256
of them is enough at rest.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast, get_args
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from painlens.web import people
from painlens.web.pages import refuse

Role = Literal["researcher", "annotator", "adjudicator"]
ROLES: tuple[Role, ...] = get_args(Role)
Endpoint = Callable[[Request], Any]


def require(*roles: Role) -> Callable[[Endpoint], Callable[[Request], Awaitable[Response]]]:
    """Guard an endpoint; it finds the person in ``request.state.person`` (person_id, name, role).

    Without a session a page leads to the sign-in page and everything else answers 401; the wrong role is 403.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"roles must be among {', '.join(ROLES)}, got {roles}")

    def guard(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(endpoint)
        async def guarded(request: Request) -> Response:
            person = await run_in_threadpool(person_of, request)
            if person is None:
                return _sign_in_first(request)
            request.state.person = person
            if person.role not in roles:
                return refuse(request, 403, f"This page is for the role {' or '.join(roles)}; you are {person.role}.")
            return await _call(endpoint, request)

        cast(Any, guarded).roles = roles
        return guarded

    return guard


def public(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint that needs no session."""
    cast(Any, endpoint).roles = ()
    return endpoint


def person_of(request: Request) -> people.Person | None:
    """The person whose session cookie came along, None without a valid one."""
    cookie = request.cookies.get(cookie_name(request), "")
    if not cookie:
        return None
    with request.app.state.run.connect() as connection:
        return people.find_by_session(connection, cookie, now=request.app.state.clock())


def cookie_name(request: Request) -> str:
    """Name of the session cookie; the browser itself enforces what ``__Host-`` promises, which needs TLS."""
    return "__Host-painlens" if request.app.state.settings.secure else "painlens"


def _sign_in_first(request: Request) -> Response:
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "text/html")
    if not wants_page:
        return refuse(request, 401, "Sign in first.")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", status_code=303)


async def _call(endpoint: Endpoint, request: Request) -> Response:
    if inspect.iscoroutinefunction(endpoint):
        return await endpoint(request)
    return await run_in_threadpool(endpoint, request)
