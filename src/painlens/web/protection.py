"""What holds for every request before any page is asked: host, origin, size of the body, headers of the answer."""

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from painlens.web.settings import Settings

BODY_LIMIT = 1_000_000  # bytes; a route may allow more with an attribute `body_limit` of its endpoint
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = ("GET", "HEAD")


class _TooLarge(Exception):
    """A body grew beyond its limit."""


class Protection:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then let it through with a counted body and an answer with headers."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        shielded = self._with_headers(scope, send)
        headers = Headers(scope=scope)
        limit = _limit(scope)
        refusal = self._refusal(scope, headers, limit)
        if refusal is not None:
            status, message = refusal
            await PlainTextResponse(message + "\n", status_code=status)(scope, receive, shielded)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await shielded(message)

        try:
            await self.app(scope, _counted(receive, limit), sending)
        except _TooLarge:
            if begun:
                raise
            await PlainTextResponse(_too_large(limit), status_code=413)(scope, receive, shielded)

    def _refusal(self, scope: Scope, headers: Headers, limit: int) -> tuple[int, str] | None:
        """Status and sentence for a request that goes no further."""
        host = headers.get("host", "")
        if _name_of(host) not in self.settings.hosts:
            return 400, f"This server does not answer to the host '{host[:100]}'. Use the address that it printed."
        if scope["method"] in SAFE:
            return None
        if scope["method"] != "POST":
            return 405, "Only GET, HEAD and POST are answered here."
        if not self._same_origin(headers.get("origin"), host):
            return 403, "This request did not come from a page of this server."
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            return 413, _too_large(limit)
        return None

    def _same_origin(self, origin: str | None, host: str) -> bool:
        schemes = ("https",) if self.settings.secure else ("http",)
        return origin in {f"{scheme}://{host}" for scheme in schemes}

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        # Modules that import each other come without the version in their address and are asked for anew.
        kept = scope["path"].startswith("/static/") and b"v=" in scope["query_string"]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                # no-referrer would make Chromium send "Origin: null" with the sign-in form
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
                # Faces and pages about them stay out of the browser's disk cache; our own scripts may be kept.
                headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-store"
                if self.settings.secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return sending


def _limit(scope: Scope) -> int:
    """Largest body of the route that a request will reach."""
    app: Any = scope.get("app")
    for route in getattr(app, "routes", []):
        if route.matches(scope)[0] == Match.FULL:
            return int(getattr(getattr(route, "endpoint", None), "body_limit", BODY_LIMIT))
    return BODY_LIMIT


def _counted(receive: Receive, limit: int) -> Receive:
    """The body, as long as it keeps to its limit; its declared length may be missing or a lie."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _TooLarge
        return message

    return receiving


def _name_of(host: str) -> str:
    """Host header without its port: ``127.0.0.1:8000`` -> ``127.0.0.1``, ``[::1]:8000`` -> ``[::1]``."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def _too_large(limit: int) -> str:
    return f"The request is larger than the {limit:,} bytes that this page takes.\n"
