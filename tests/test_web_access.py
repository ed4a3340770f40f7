"""Who may do what: sign-in, roles at every route, origin, host, sizes, headers, sessions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from painlens.web import people
from painlens.web.access import ROLES, require
from painlens.web.app import check_guarded
from painlens.web.protection import POLICY
from web_client import ORIGIN, PAGE, Clock, anonymous, app_of, log_of, routes_of, signed_in, token_of
from web_run import made_run

PUBLIC = {"/", "/sign-in", "/sign-out"}
ANNOTATING = ("/annotate", "/adjudicate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("web") / "run", faces=12, people=4, withheld=())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(folder: Path, clock: Clock) -> Iterator[Starlette]:
    yield app_of(folder, clock)
    for file in folder.glob("annotations.sqlite*"):
        file.unlink()


def requests(app: Starlette) -> list[tuple[str, str, tuple[str, ...]]]:
    """Method, an address and the allowed roles of every route."""
    face = app.state.run.opaque_of(0)
    known = {"face": face, "task": "no-such-task-at-all", "item": "no-such-item-at-all", "hypothesis": "h-none"}
    return [
        (method, re.sub(r"{(\w+)}", lambda found: known[found[1]], route.path), vars(route.endpoint)["roles"])
        for route in routes_of(app)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_every_route_times_every_role(app: Starlette) -> None:
    clients = {role: signed_in(app, role) for role in ROLES}
    checked = 0
    for method, address, roles in requests(app):
        for role, client in clients.items():
            if address == "/sign-out":
                continue  # it would end the session that the test goes on with
            status = client.request(method, address).status_code
            if roles and role not in roles:
                assert status == 403, f"{role} got {status} for {method} {address}"
                checked += 1
            else:
                assert status not in (401, 403, 500) or address in PUBLIC, f"{role} got {status} for {method} {address}"
    assert checked > 40


def test_nobody_gets_anywhere_without_a_session(app: Starlette) -> None:
    client = anonymous(app)
    for method, address, roles in requests(app):
        if roles:
            page = client.request(method, address, headers=PAGE)
            plain = client.request(method, address, headers={"accept": "image/webp"})
            assert page.status_code in (303, 401), f"{method} {address}"
            assert page.status_code == 401 or page.headers["location"].startswith("/sign-in")
            assert plain.status_code == 401, f"{method} {address}"


def test_only_three_routes_are_public(app: Starlette) -> None:
    assert {address for _, address, roles in requests(app) if not roles} == PUBLIC


def test_annotators_reach_no_page_that_shows_models(app: Starlette) -> None:
    for role in ("annotator", "adjudicator"):
        own = {address for _, address, roles in requests(app) if role in roles}
        assert own
        assert all(address.startswith(ANNOTATING) for address in own), own


def test_an_unguarded_route_stops_the_server() -> None:
    async def open_door(_: object) -> None: ...

    with pytest.raises(TypeError, match=r"/door is neither guarded"):
        check_guarded([Route("/door", open_door)])
    with pytest.raises(ValueError, match="roles must be among"):
        require("owner")  # type: ignore[arg-type]


# ---- sign-in ----------------------------------------------------------------------------------------------------
def test_a_token_opens_a_session_whose_cookie_scripts_cannot_read(app: Starlette) -> None:
    client = anonymous(app)
    answer = client.post("/sign-in", data={"token": f"  {token_of(app, 'researcher')} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inspect")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/inspect").status_code == 200


@pytest.mark.parametrize("token", ["wrong", "x" * 199, "x" * 5000, "' OR 1=1 --", "é\u0000"])
def test_a_wrong_token_is_refused_beside_its_field(app: Starlette, token: str) -> None:
    answer = anonymous(app).post("/sign-in", data={"token": token})
    assert answer.status_code == 403
    assert 'aria-describedby="token-error"' in answer.text
    assert "set-cookie" not in answer.headers


def test_expired_and_revoked_tokens_are_refused(app: Starlette, clock: Clock) -> None:
    old, stolen = token_of(app, "annotator", "anna"), token_of(app, "annotator", "ben")
    with app.state.run.connect() as connection:
        people.revoke(connection, "ben", now=clock())
    assert anonymous(app).post("/sign-in", data={"token": stolen}).status_code == 403
    clock.now += 91 * 86400
    assert anonymous(app).post("/sign-in", data={"token": old}).status_code == 403


def test_revoking_ends_a_session_at_once(app: Starlette, clock: Clock) -> None:
    client = signed_in(app, "researcher", "rosa")
    assert client.get("/inspect").status_code == 200
    with app.state.run.connect() as connection:
        assert people.revoke(connection, "rosa", now=clock()) == 1
    assert client.get("/inspect", headers=PAGE).status_code == 303


def test_sessions_end_and_a_clock_set_back_does_not_lengthen_them(app: Starlette, clock: Clock) -> None:
    client = signed_in(app, "researcher")
    clock.now += people.SESSION_HOURS * 3600 - 1
    assert client.get("/inspect").status_code == 200
    clock.now += 2
    assert client.get("/inspect", headers=PAGE).status_code == 303
    clock.now -= 86400
    assert client.get("/inspect", headers=PAGE).status_code == 303


def test_signing_out_ends_the_session_on_the_server(app: Starlette) -> None:
    client = signed_in(app, "researcher")
    stolen = dict(client.cookies)
    client.post("/sign-out")
    thief = anonymous(app)
    thief.cookies.update(stolen)
    assert thief.get("/inspect", headers=PAGE).status_code == 303


def test_the_sixth_try_in_a_minute_waits_even_with_the_right_token(app: Starlette, clock: Clock) -> None:
    client, token = anonymous(app), token_of(app, "researcher")
    for _ in range(5):
        assert client.post("/sign-in", data={"token": "guess"}).status_code == 403
    late = client.post("/sign-in", data={"token": token})
    assert (late.status_code, late.headers["retry-after"]) == (429, "61")
    clock.now += 61
    assert client.post("/sign-in", data={"token": token}).status_code == 303


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tevil", "inspect"],
)
def test_sign_in_leads_nowhere_else(app: Starlette, target: str) -> None:
    answer = anonymous(app).post("/sign-in", data={"token": token_of(app, "researcher"), "next": target})
    assert answer.headers["location"] == "/inspect"


def test_sign_in_leads_back_to_the_page_that_was_asked_for(app: Starlette) -> None:
    client = anonymous(app)
    asked = client.get("/inspect?region=eyes&page=2", headers=PAGE).headers["location"]
    assert asked == "/sign-in?next=%2Finspect%3Fregion%3Deyes%26page%3D2"
    data = {"token": token_of(app, "researcher"), "next": "/inspect?region=eyes&page=2"}
    assert client.post("/sign-in", data=data).headers["location"] == "/inspect?region=eyes&page=2"


def test_no_token_and_no_session_key_lies_in_the_database(app: Starlette, folder: Path) -> None:
    token = token_of(app, "annotator")
    client = anonymous(app)
    client.post("/sign-in", data={"token": token})
    (key,) = client.cookies.values()
    stored = b"".join(file.read_bytes() for file in folder.glob("annotations.sqlite*"))
    assert people.digest_of(token).encode() in stored
    assert token.encode() not in stored
    assert key.encode() not in stored
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("annotations.sqlite*"))


def test_a_person_keeps_the_first_role(app: Starlette) -> None:
    token_of(app, "researcher", "rosa")
    with pytest.raises(people.PeopleError, match="rosa is researcher in this study and stays so"):
        token_of(app, "annotator", "rosa")


@pytest.mark.parametrize("entry", [("", "annotator"), ("x" * 81, "annotator"), ("a\x00b", "annotator"), ("a", "owner")])
def test_invitations_that_cannot_be_made(app: Starlette, entry: tuple[str, str]) -> None:
    with app.state.run.connect() as connection, pytest.raises(people.PeopleError):
        people.invite(connection, *entry, now=0.0)


# ---- requests ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "", "127.0.0.1@evil.example", "[::1"])
def test_another_host_name_is_refused(app: Starlette, host: str) -> None:
    assert anonymous(app).get("/sign-in", headers={"host": host}).status_code == 400


def test_the_servers_own_name_holds_with_any_port_and_case(app: Starlette) -> None:
    for host in ("testserver", "testserver:8765", "TESTSERVER"):
        assert anonymous(app).get("/sign-in", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["null", "https://testserver", "http://evil.example", "http://testserver.evil.example"]
)
def test_posts_from_elsewhere_are_refused(app: Starlette, origin: str) -> None:
    answer = anonymous(app).post("/sign-in", data={"token": token_of(app, "researcher")}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_posts_without_an_origin_are_refused(app: Starlette) -> None:
    client = anonymous(app)
    del client.headers["origin"]
    assert client.post("/sign-in", data={"token": "x"}).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(app: Starlette, method: str) -> None:
    assert signed_in(app, "researcher").request(method, "/inspect").status_code == 405


def test_bodies_beyond_the_limit_are_refused_whatever_their_length_says(app: Starlette) -> None:
    client = signed_in(app, "researcher")
    body = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/notebook", content=b"a=" + b"x" * 1_000_001, headers=body).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 50_000

    assert client.post("/notebook", content=pieces(), headers=body).status_code == 413
    assert client.post("/notebook", content=b"x", headers=body | {"content-length": "-5"}).status_code in (400, 413)


def test_malformed_forms_are_answered_and_change_nothing(app: Starlette) -> None:
    client = signed_in(app, "researcher")
    body = {"content-type": "multipart/form-data; boundary=x"}
    for content in (b"", b"--x\r\nbroken", b"\xff\xfe\x00", b"--x--"):
        assert 400 <= client.post("/notebook", content=content, headers=body).status_code < 500
    assert client.post("/notebook", json={"statement": "x"}).status_code == 400
    with app.state.run.connect() as connection:
        assert connection.execute("SELECT count(*) FROM hypothesis_event").fetchone()[0] == 0


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/nothing.css",
     "/inspect/i/../../study.yaml", "/inspect/strip/..%2f..%2fstudy.webp", "/docs", "/openapi.json"],
)  # fmt: skip
def test_paths_lead_to_nothing_but_pages(app: Starlette, path: str) -> None:
    answer = signed_in(app, "researcher").get(path)
    assert answer.status_code == 404
    assert "study:" not in answer.text
    assert "import " not in answer.text


def test_every_answer_carries_the_headers(app: Starlette) -> None:
    client = signed_in(app, "researcher")
    face = app.state.run.opaque_of(5)
    for path in ("/inspect", f"/inspect/strip/{face}.webp", "/nowhere", "/static/painlens.css", "/sign-in"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store", path
    assert "unsafe" not in POLICY
    assert "immutable" in client.get("/static/painlens.css?v=1").headers["cache-control"]
    assert client.get("/inspect", headers={"host": "evil.example"}).headers["content-security-policy"] == POLICY


def test_no_page_has_inline_code_or_style(app: Starlette) -> None:
    """The policy would block it: what must run or look right lies in files."""
    client = signed_in(app, "researcher")
    face = app.state.run.opaque_of(5)
    for path in ("/inspect", f"/inspect/i/{face}", "/inspect/mean", "/notebook", "/notebook/new", "/people", "/log"):
        page = client.get(path, headers=PAGE)
        assert page.status_code == 200, path
        assert not re.search(r"<[^>]+\sstyle=|<style|\son\w+=", page.text), path
        assert not re.search(r"<script(?![^>]*(src=\"/static/|type=\"application/json\"))", page.text), path
        assert not re.search(r"(src|href)=\"(https?:)?//", page.text), path


def test_the_log_tells_who_looked_at_what(app: Starlette) -> None:
    client = signed_in(app, "researcher", "rosa")
    client.get("/inspect?region=eyes")
    client.get(f"/inspect/i/{app.state.run.opaque_of(5)}")
    anonymous(app).post("/sign-in", data={"token": "guess"})
    run = app.state.run
    assert log_of(app) == [
        ("sign-in", "from testclient"),
        ("view gallery", "region=eyes (12 faces)"),
        ("view face", f"{run.faces.database[5]}/{run.faces.frame_id[5]}"),
        ("sign-in refused", "from testclient"),
    ]
    assert "view face" in client.get("/log", headers=PAGE).text


def test_origin_of_this_file_is_the_servers(app: Starlette) -> None:
    assert anonymous(app).get("/").headers["location"] == "/sign-in"
    assert ORIGIN.endswith(app.state.settings.hosts[0])
