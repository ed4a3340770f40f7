"""Annotators over HTTP: take a place, read the queue, send answers."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from annotation_server import Prepared


def nonce(number: int, person: str = "x") -> str:
    """A nonce."""
    return f"{person}-nonce-{number:012d}"


def open_task(client: TestClient, task: str, part: str = "annotate") -> dict[str, Any]:
    """Take a place and read the queue."""
    assert client.get(f"/{part}/{task}").status_code == 200
    return client.get(f"/{part}/{task}/queue").json()


def post(client: TestClient, task: str, *answers: dict[str, Any], part: str = "annotate"):  # noqa: ANN201
    """Send answers."""
    return client.post(f"/{part}/{task}/answers", json={"answers": list(answers)})


def answer_all(client: TestClient, task: str, person: str, choose: Callable[[str], str]) -> None:
    """Finish a task: training, then every face with `choose(item)`."""
    count = 0
    while (queue := open_task(client, task))["items"]:
        given = [
            {"nonce": nonce(count + n, person), "item": item, "kind": "label", "value": choose(item)}
            for n, item in enumerate(queue["items"])
        ]
        count += len(given)
        assert all(o["state"] == "stored" for o in post(client, task, *given).json()["outcomes"])


def names_of(run: Prepared) -> dict[str, str]:
    """Item -> frame of the task's faces."""
    with run.store() as connection:
        return dict(connection.execute("SELECT item_id, frame_id FROM item").fetchall())
