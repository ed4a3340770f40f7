"""Starting the server: what it refuses, what it prints, how it stops; and the commands about people."""

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from painlens.web.serve import Options, ServeError, check
from web_browser import served
from web_run import made_run

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("web") / "run", faces=8, people=4, seeds=1)


@pytest.fixture
def pem(tmp_path: Path) -> str:
    (tmp_path / "a.pem").write_text("x")
    return str(tmp_path / "a.pem")


def test_loopback_needs_nothing() -> None:
    for host in ("127.0.0.1", "127.0.0.9", "localhost", "::1"):
        settings = check(Options("run", host=host))
        assert not settings.secure
        assert "127.0.0.1" in settings.hosts


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "lab.example", "::", "10.0.0.1"])
def test_other_hosts_need_tls_or_a_proxy(host: str) -> None:
    with pytest.raises(ServeError, match="needs --tls-cert and --tls-key, or --behind-proxy"):
        check(Options("run", host=host, names=("lab.example",)))


def test_tls_and_proxy_mark_cookies_and_name_the_hosts(pem: str) -> None:
    for options in (
        Options("run", host="0.0.0.0", names=("Lab.Example",), tls_cert=pem, tls_key=pem),
        Options("run", behind_proxy=True, names=("lab.example",)),
    ):
        settings = check(options)
        assert settings.secure
        assert "lab.example" in settings.hosts
        assert "0.0.0.0" not in settings.hosts


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tls_cert": "c.pem"}, "belong together"),
        ({"tls_cert": "no.pem", "tls_key": "no.pem"}, "there is no file no.pem"),
        ({"behind_proxy": True}, "needs --name"),
    ],
)
def test_half_options_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ServeError, match=told):
        check(Options("run", **options))  # type: ignore[arg-type]


def test_a_wildcard_needs_the_name_that_browsers_use(pem: str) -> None:
    with pytest.raises(ServeError, match="needs --name"):
        check(Options("run", host="0.0.0.0", tls_cert=pem, tls_key=pem))


def command(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "painlens", *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_exit_codes_say_whose_fault_it_is(run: Path, tmp_path: Path) -> None:
    code, told = command("serve", str(tmp_path))
    assert (code, "has no study.yaml" in told) == (2, True)
    code, told = command("serve", str(run), "--host", "0.0.0.0")
    assert (code, "faces would travel unprotected" in told) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, told = command("serve", str(run), "--port", str(taken.getsockname()[1]))
    assert (code, "choose another with --port" in told) == (1, True)


def test_the_server_listens_on_loopback_only_and_opens_no_other_port(run: Path) -> None:
    psutil = pytest.importorskip("psutil")
    with served(run, "researcher", "annotator") as server:
        assert set(server.tokens) == {"researcher", "annotator"}
        listening = [
            c.laddr for c in psutil.Process(server.process.pid).net_connections("inet") if c.status == "LISTEN"
        ]
        assert [address.ip for address in listening] == ["127.0.0.1"]
        with urllib.request.urlopen(f"{server.address}/sign-in") as answer:
            assert answer.headers["server"] is None
            assert "Invitation token" in answer.read().decode()


def test_the_first_start_makes_one_researcher_and_the_second_nobody(tmp_path: Path) -> None:
    fresh = made_run(tmp_path / "run", faces=8, people=4, seeds=1)
    with served(fresh) as server:
        assert set(server.tokens) == {"researcher"}
    with served(fresh) as server:
        assert server.tokens == {}


def test_people_are_invited_listed_and_shut_out_from_the_command_line(run: Path) -> None:
    from painlens.cli import app

    runner = CliRunner()
    made = runner.invoke(app, ["people", "invite", str(run), "anna:annotator", "clara:adjudicator"])
    assert made.exit_code == 0, made.output
    role, name, token = made.output.splitlines()[0].split("\t")
    assert (role, name, len(token)) == ("annotator", "anna", 32)
    assert "anna\tannotator\tvalid" in runner.invoke(app, ["people", "list", str(run)]).output
    assert runner.invoke(app, ["people", "invite", str(run), "anna:researcher"]).exit_code == 2
    assert runner.invoke(app, ["people", "invite", str(run), "nobody"]).exit_code == 2
    assert "1 token ended" in runner.invoke(app, ["people", "revoke", str(run), "anna"]).output
    assert "anna\tannotator\trevoked" in runner.invoke(app, ["people", "list", str(run)]).output
    assert runner.invoke(app, ["people", "revoke", str(run), "zoe"]).exit_code == 2


def test_withdrawing_from_the_command_line(run: Path) -> None:
    from painlens.cli import app
    from painlens.consent import withdrawn_people

    runner = CliRunner()
    done = runner.invoke(app, ["people", "withdraw", str(run), "clinical", "clinical-p000"])
    assert (done.exit_code, "hidden from now on" in done.output) == (0, True)
    assert (
        "was hidden already" in runner.invoke(app, ["people", "withdraw", str(run), "clinical", "clinical-p000"]).output
    )
    assert runner.invoke(app, ["people", "withdraw", str(run), "clinical", "nobody"]).exit_code == 3
    assert ("clinical", "clinical-p000") in withdrawn_people(run)


def test_the_server_loads_no_heavy_library() -> None:
    """Memory is the reason: pandas alone takes more than everything else."""
    script = (
        "import sys, json; import painlens.web.serve, painlens.web.features;"
        " print(json.dumps([n for n in ('pandas', 'torch', 'scipy.stats', 'matplotlib', 'cv2') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
