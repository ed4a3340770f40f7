"""A served run with people and one task, for the tests of the annotation pages: in this process and as a process."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.request import urlopen

from starlette.applications import Starlette
from starlette.testclient import TestClient

from painlens.annotations import store
from painlens.annotations.tasks import Face, Plan, TrainingPicture, create_task
from painlens.web import people
from painlens.web.app import build_app
from painlens.web.pictures import face_picture
from painlens.web.run import Run
from painlens.web.settings import Settings
from web_run import made_run

PEOPLE = {"anna": "annotator", "ben": "annotator", "dora": "annotator", "cleo": "adjudicator", "rob": "researcher"}
ORIGIN = {"origin": "http://testserver"}


@dataclass(frozen=True)
class Prepared:
    """A run with a task and people; `tokens` sign them in."""

    root: Path
    task: str
    tokens: dict[str, str]

    def store(self) -> sqlite3.Connection:
        """The run's store."""
        return store.connect(self.root / store.FILE)


def prepared_run(folder: Path, *, faces: int = 12, training: int = 0, size: int = 32, repeats: float = 0.0) -> Prepared:
    """A made-up run whose test faces, all of which may be shown, make one task."""
    root = made_run(folder, faces=faces, people=4, seeds=1, size=size, relevance=False, withheld=())
    run = Run.open(root, separate_process=False)
    index = run.faces
    listed = [
        Face(str(d), str(f), str(p)) for d, f, p in zip(index.database, index.frame_id, index.participant, strict=True)
    ]
    picture = face_picture(run.crop(listed[0].database, listed[0].frame_id), 0)
    lessons = [TrainingPicture(f"lesson-{n}", "yes" if n % 2 else "no", picture) for n in range(training)]
    with run.connect() as connection:
        tokens = {n: people.invite(connection, n, role, now=time.time())[1] for n, role in PEOPLE.items()}
        task = create_task(
            connection, concept="eyes-closed", question="Are both eyes closed?",
            guideline="Yes if they are.\n\nElse no.",
            faces=listed, plan=Plan(2, repeats, "answer", 7), created_by="rob", training=lessons,
        )  # fmt: skip
    return Prepared(root, task, tokens)


@lru_cache(maxsize=2)
def _app(root: Path) -> Starlette:
    """One server per run folder, as in life: all people of a test talk to the same."""
    return build_app(root, settings=Settings(hosts=("testserver",)))


def client_of(prepared: Prepared, person: str) -> TestClient:
    """A signed-in client."""
    client = TestClient(_app(prepared.root), raise_server_exceptions=False, headers=ORIGIN)
    done = client.post("/sign-in", data={"token": prepared.tokens[person]}, follow_redirects=False)
    assert done.status_code == 303, done.text
    return client


class Served:
    """`uvicorn` on the run as a process of its own, which can be killed and started again on the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Served":
        """Start and wait until it answers."""
        code = (
            "import sys, uvicorn; from pathlib import Path; from painlens.web.app import build_app; "
            "from painlens.web.settings import Settings; "
            "uvicorn.run(build_app(Path(sys.argv[1]), settings=Settings()), host='127.0.0.1', "
            "port=int(sys.argv[2]), log_level='warning')"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code, str(self.root), str(self.port)])
        for _ in range(400):
            try:
                with urlopen(f"{self.address}/sign-in", timeout=5):
                    return self
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("the server ended") from None
                time.sleep(0.05)
        raise RuntimeError("the server does not answer")

    def kill(self) -> None:
        """`kill -9`: nothing is put in order."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
