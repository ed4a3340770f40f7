"""Consent, people and their database through HTTP: what is hidden at once, who may be let in, what breaks."""

import json
import os
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import yaml
from starlette.applications import Starlette
from starlette.testclient import TestClient

from painlens.web import consent
from web_client import PAGE, anonymous

pytest_plugins = ["inspected_run"]


# ---- consent ----------------------------------------------------------------------------------------------------
def addresses_of(name: str) -> tuple[str, ...]:
    return (f"/inspect/i/{name}", f"/inspect/strip/{name}.webp", f"/inspect/i/{name}/face.webp",
            f"/inspect/i/{name}/values", f"/inspect/i/{name}/regions")  # fmt: skip


def test_a_face_without_consent_is_at_no_address(app: Starlette, client: TestClient) -> None:
    row = int(np.flatnonzero(app.state.run.faces.participant == "clinical-p001")[0])
    for address in addresses_of(app.state.run.opaque_of(row)):
        assert client.get(address).status_code == 404, address


@pytest.mark.parametrize("way", ["page", "elsewhere", "study", "list"])
def test_a_withdrawal_hides_a_face_at_once(app: Starlette, client: TestClient, folder: Path, way: str) -> None:
    run = app.state.run
    row = int(np.flatnonzero(run.faces.participant == "clinical-p000")[0])
    name = run.opaque_of(row)
    for address in addresses_of(name):
        assert client.get(address).status_code == 200, address
    _withdraw(way, client, folder)
    for address in addresses_of(name):
        assert client.get(address).status_code == 404, address
    page = client.get("/inspect", headers=PAGE).text
    assert name not in page
    assert "8 withheld" in page
    assert not run.may_show("clinical", "clinical-p000")
    assert run.may_show("experimental", "experimental-p000")


def _withdraw(way: str, client: TestClient, folder: Path) -> None:
    """Take the consent of clinical-p000 back: on the page, by another process, in the study file, or in the list."""
    if way == "page":
        answer = client.post("/consent", data={"database": "clinical", "participant": "clinical-p000"}, headers=PAGE)
        assert "hidden from now on" in answer.text
    elif way == "elsewhere":
        connection = sqlite3.connect(folder / "annotations.sqlite", isolation_level=None)
        assert consent.withdraw(connection, "clinical", "clinical-p000", by="test", now=0.0)
        assert not consent.withdraw(connection, "clinical", "clinical-p000", by="test", now=0.0)
        connection.close()
    elif way == "list":
        (folder / "withdrawn.json").write_text(json.dumps([["clinical", "clinical-p000"]]))
    else:
        study = folder / "study.yaml"
        chosen = yaml.safe_load(study.read_text())
        chosen["databases"]["clinical"]["consent"]["display"] = ["clinical-p002"]
        study.write_text(yaml.safe_dump(chosen))


def test_a_study_file_or_a_list_that_cannot_be_read_allows_nothing(app: Starlette, folder: Path) -> None:
    shown = app.state.run.consent.shown
    assert shown().any()
    (folder / "withdrawn.json").write_text("[broken")
    assert not shown().any()
    (folder / "withdrawn.json").unlink()
    assert shown().any()
    (folder / "study.yaml").write_text("study: [broken")
    assert not shown().any()


def test_faces_that_were_cropped_anew_are_not_shown_by_an_old_server(app: Starlette, folder: Path) -> None:
    """Somebody may have been forgotten: the row of a face could hold another person's by now."""
    shown, database = app.state.run.consent.shown, app.state.run.faces.database
    assert shown()[database == "clinical"].any()
    crops = folder / "faces" / "database=clinical" / "faces.h5"
    os.utime(crops, ns=(1, 1))
    assert not shown()[database == "clinical"].any()
    assert shown()[database == "experimental"].any()


def test_withdrawals_are_never_taken_back(app: Starlette) -> None:
    with app.state.run.connect() as connection:
        consent.withdraw(connection, "clinical", "clinical-p000", by="test", now=0.0)
        for statement in ("DELETE FROM withdrawal", "UPDATE withdrawal SET participant = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="never taken back"):
                connection.execute(statement)


def test_mean_maps_change_with_a_withdrawal(client: TestClient) -> None:
    before = client.get("/inspect/mean.webp?part=all&side=a&theme=light").content
    client.post("/consent", data={"database": "clinical", "participant": "clinical-p000"})
    assert client.get("/inspect/mean.webp?part=all&side=a&theme=light").content != before


# ---- people -----------------------------------------------------------------------------------------------------
def test_a_researcher_invites_and_ends_access(app: Starlette, client: TestClient) -> None:
    page = client.post("/people", data={"name": "Anna B", "role": "annotator"}, headers=PAGE).text
    token = re.search(r'class="mono secret">([^<]+)<', page)
    assert token is not None
    anna = anonymous(app)
    assert anna.post("/sign-in", data={"token": token[1]}).headers["location"] == "/annotate"
    assert token[1] not in client.get("/people", headers=PAGE).text
    client.post("/people/revoke", data={"name": "Anna B"})
    assert anna.get("/annotate", headers=PAGE).status_code == 303


def test_nobody_locks_themselves_out(client: TestClient) -> None:
    assert client.post("/people/revoke", data={"name": "rosa"}).status_code == 409


# ---- the database of people -------------------------------------------------------------------------------------
def test_a_database_that_breaks_is_said_and_names_no_path(app: Starlette, client: TestClient, folder: Path) -> None:
    for file in folder.glob("annotations.sqlite-*"):
        file.unlink()
    (folder / "annotations.sqlite").write_bytes(b"this is no database " * 500)
    for path in ("/inspect", "/notebook", "/people", f"/inspect/strip/{app.state.run.opaque_of(0)}.webp"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert str(folder) not in answer.text
