"""A real Chromium on a real server: a request that leaves this machine fails the test, and so does a script error."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def needs_browser() -> Any:
    """Playwright's entry, or a skip that says what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'painlens[test]'")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    return playwright.sync_playwright


@dataclass
class Served:
    """A running server: its address and the tokens that it printed, by role."""

    address: str
    tokens: dict[str, str]
    process: subprocess.Popen[str]


@contextlib.contextmanager
def served(run: Path, *roles: str, port: int = 0, options: Sequence[str] = ()) -> Iterator[Served]:
    """`painlens serve` in a process of its own, on a free port, with a token for every role."""
    command = [sys.executable, "-m", "painlens", "serve", str(run), "--port", str(port), *options]
    command += [part for role in roles for part in ("--invite", f"some {role}:{role}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        text = "".join(lines)
        address = re.search(r"at (http\S+)", text)
        assert address is not None, text + process.stderr.read()
        tokens = dict(re.findall(r"^  (\w+)\s.*token (\S+)$", text, re.MULTILINE))
        yield Served(address[1], tokens, process)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        process.kill()
        process.stdout.close()
        process.stderr.close()


@dataclass
class Watched:
    """What a browser context did: addresses that left the machine, script errors, number of requests."""

    context: Any
    strays: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def page(self) -> Any:
        """A new page under watch."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        return page

    def check(self) -> None:
        """Nothing left the machine, nothing failed."""
        assert self.strays == []
        assert self.errors == []

    def expect_errors(self, pattern: str) -> None:
        """Forget errors that the test provoked; there must have been one."""
        assert any(re.search(pattern, error) for error in self.errors), self.errors
        self.errors = [error for error in self.errors if not re.search(pattern, error)]


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless."""
    with needs_browser()() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@contextlib.contextmanager
def watched(chromium: Any, **options: Any) -> Iterator[Watched]:
    """A fresh browser context whose requests are watched, and blocked where they are not to this machine."""
    context = chromium.new_context(**({"viewport": {"width": 1400, "height": 1000}} | options))
    watch = Watched(context)

    def route(call: Any) -> None:
        address = call.request.url
        watch.requests.append(address)
        if urlsplit(address).hostname in ("127.0.0.1", "localhost", None):
            call.continue_()
        else:
            watch.strays.append(address)
            call.abort()

    context.route("**/*", route)
    yield watch
    watch.check()
    context.close()


def sign_in(page: Any, server: Served, role: str) -> None:
    """Through the form, as a person does."""
    page.goto(f"{server.address}/sign-in")
    page.fill("#token", server.tokens[role])
    page.click("main button[type=submit]")
    page.wait_for_load_state()


def axe_findings(page: Any) -> list[str]:
    """Serious and critical findings of axe-core, whose script comes with its Python package."""
    package = pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
    script = (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    # evaluate() is not bound by the page's content security policy, a <script> element would be
    page.evaluate(script)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]} ({len(v['nodes'])})"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
