"""Signing in with an invitation token, and out; how often somebody may try."""

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from painlens.web import people
from painlens.web.access import cookie_name, person_of, public
from painlens.web.pages import render
from painlens.web.throttle import Throttle

HOME = {"researcher": "/inspect", "annotator": "/annotate", "adjudicator": "/adjudicate"}


@public
async def home(request: Request) -> Response:
    """To the first page of the person's role, or to the sign-in page."""
    person = await run_in_threadpool(person_of, request)
    return RedirectResponse(HOME[person.role] if person else "/sign-in", status_code=303)


@public
async def show_form(request: Request) -> Response:
    """The sign-in page."""
    person = await run_in_threadpool(person_of, request)
    if person is not None:
        return RedirectResponse(HOME[person.role], status_code=303)
    return render(request, "sign_in.html.j2", error="", next=_local(request.query_params.get("next", "")))


@public
async def sign_in(request: Request) -> Response:
    """Check the token of the form; a good one begins a session."""
    form = await request.form()
    token, target = str(form.get("token", "")).strip(), _local(str(form.get("next", "")))
    return await run_in_threadpool(_try_token, request, token, target)


def _try_token(request: Request, token: str, target: str) -> Response:
    state = request.app.state
    now = state.clock()
    throttle: Throttle = state.run.throttle
    address = request.client.host if request.client else "unknown"
    wait = throttle.wait(address, now)
    if wait > 0:
        message = f"Too many tries. Wait {int(wait) + 1} seconds, then try again."
        page = render(request, "sign_in.html.j2", status=429, error=message, next=target)
        page.headers["Retry-After"] = str(int(wait) + 1)
        return page
    with state.run.connect() as connection:
        begun = people.begin_session(connection, token, now=now) if 0 < len(token) <= 200 else None
        if begun is None:
            throttle.failed(address, now)
            people.record(connection, None, "sign-in refused", f"from {address}", now=now)
            message = "This token is not known, has expired or was revoked. Ask who invited you for a new one."
            if not token:
                message = "Paste the token that you were given."
            return render(request, "sign_in.html.j2", status=403 if token else 400, error=message, next=target)
        person, key = begun
        throttle.succeeded(address)
        people.record(connection, person.person_id, "sign-in", f"from {address}", now=now)
    answer = RedirectResponse(target or HOME[person.role], status_code=303)
    answer.set_cookie(
        cookie_name(request),
        key,
        max_age=int(people.SESSION_HOURS * 3600),
        path="/",
        secure=state.settings.secure,
        httponly=True,
        samesite="strict",
    )
    return answer


@public
def sign_out(request: Request) -> Response:
    """End the session."""
    cookie = request.cookies.get(cookie_name(request), "")
    if cookie:
        with request.app.state.run.connect() as connection:
            people.end_session(connection, cookie)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(cookie_name(request), path="/", secure=request.app.state.settings.secure, httponly=True)
    return answer


def _local(target: str) -> str:
    """The address if it is a path of this server, else empty: a sign-in page must lead nowhere else."""
    parts = urlsplit(target)
    plain = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if plain and target.isprintable() and "\\" not in target else ""


routes = [
    Route("/", home),
    Route("/sign-in", show_form),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
]
