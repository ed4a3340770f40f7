"""Gallery, face page and mean maps through HTTP, without a browser."""

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from painlens.web import pictures
from web_client import PAGE, app_of, signed_in
from web_run import made_run

pytest_plugins = ["inspected_run"]


def tiles(page: str) -> list[str]:
    return re.findall(r'class="tile" data-id="([^"]+)"', page)


def shown_row(app: Starlette) -> int:
    return int(np.flatnonzero(app.state.run.consent.shown())[0])


# ---- gallery ----------------------------------------------------------------------------------------------------
def test_the_gallery_shows_every_face_that_may_be_shown_and_counts_the_others(
    app: Starlette, client: TestClient
) -> None:
    page = client.get("/inspect", headers=PAGE).text
    run = app.state.run
    assert [run.find(name) for name in tiles(page)] == np.flatnonzero(run.consent.shown()).tolist()
    assert "4 withheld: no consent to display" in page
    assert "clinical-p001" not in re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL)


def test_one_picture_per_tile_and_addresses_do_not_change_with_filters(client: TestClient) -> None:
    every = client.get("/inspect", headers=PAGE).text
    some = client.get("/inspect?label=pain&sort=pa", headers=PAGE).text
    addresses = [re.findall(r'<img src="([^"]+)"', page) for page in (every, some)]
    assert len(addresses[0]) == len(tiles(every))
    assert set(addresses[1]) < set(addresses[0])


def test_a_filter_in_the_url_chooses_tiles_and_shows_as_a_chip(app: Starlette, client: TestClient) -> None:
    page = client.get("/inspect?database=experimental&label=pain", headers=PAGE).text
    run = app.state.run
    rows = [run.find(name) for name in tiles(page)]
    assert len(rows) == 6
    assert all(run.faces.database[r] == "experimental" and run.faces.label[r] == "pain" for r in rows)
    assert 'aria-label="Remove filter: database: experimental"' in page


def test_paging_cuts_the_order_into_pieces_without_gap_or_overlap(tmp_path: Path) -> None:
    client = signed_in(
        app_of(made_run(tmp_path / "many", faces=120, people=6, seeds=1, size=32, withheld=())), "researcher"
    )
    found = [tiles(client.get(f"/inspect?per=50&page={p}", headers=PAGE).text) for p in (1, 2, 3)]
    assert [len(page) for page in found] == [50, 50, 20]
    assert sum(found, []) == tiles(client.get("/inspect", headers=PAGE).text)
    assert tiles(client.get("/inspect?per=50&page=4", headers=PAGE).text) == []


def test_a_filter_that_means_nothing_is_a_banner_with_a_way_out(client: TestClient) -> None:
    answer = client.get("/inspect?database=%3Cscript%3Ealert(1)%3C/script%3E", headers=PAGE)
    assert answer.status_code == 400
    assert "must be one of clinical, experimental" in answer.text
    assert "<script>alert" not in answer.text
    assert 'role="alert"' in answer.text


def test_a_selection_without_faces_says_so(client: TestClient) -> None:
    assert "No face matches." in client.get("/inspect?a_min=0.99999", headers=PAGE).text


def test_a_strip_has_five_panels_and_the_first_is_the_face(app: Starlette, client: TestClient) -> None:
    row = shown_row(app)
    answer = client.get(f"/inspect/strip/{app.state.run.opaque_of(row)}.webp")
    assert answer.headers["content-type"] == "image/webp"
    picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), float)
    size = 32
    assert picture.shape == (size, 5 * size + 4 * pictures.GAP, 3)
    run = app.state.run
    face = run.crop(str(run.faces.database[row]), str(run.faces.frame_id[row])).astype(float)
    assert np.abs(picture[:, :size] - face).mean() < 12  # lossy
    a_over_b, b_over_a = (picture[:, k * (size + pictures.GAP) :][:, :size].sum(axis=2) for k in (3, 4))
    assert a_over_b[11:15].mean() > 1.5 * b_over_a[11:15].mean()  # the made-up models look at eyes and mouth
    assert b_over_a[24:27].mean() > 1.5 * a_over_b[24:27].mean()


def test_light_and_dark_differ(app: Starlette, client: TestClient) -> None:
    name = app.state.run.opaque_of(shown_row(app))
    light, dark = (client.get(f"/inspect/strip/{name}.webp?theme={theme}").content for theme in ("light", "dark"))
    assert light != dark
    assert client.get(f"/inspect/strip/{name}.webp?theme=pink").status_code == 400


@pytest.mark.parametrize("forged", ["x", "A" * 20, "..%2f..", "%00", "' OR 1=1", "9" * 3000])
def test_forged_ids_are_not_found(client: TestClient, forged: str) -> None:
    for path in (
        f"/inspect/i/{forged}",
        f"/inspect/strip/{forged}.webp",
        f"/inspect/i/{forged}/values",
        f"/inspect/i/{forged}/face.webp",
    ):
        assert client.get(path).status_code in (404, 400)


def test_ids_tell_nothing_and_differ_between_studies(app: Starlette, tmp_path: Path) -> None:
    run = app.state.run
    name = run.opaque_of(0)
    assert len(name) == 20
    assert str(run.faces.frame_id[0]) not in name
    other = app_of(made_run(tmp_path / "other", faces=8, people=4, seeds=1))
    assert other.state.run.opaque("clinical", str(run.faces.frame_id[0])) != name


# ---- what is missing --------------------------------------------------------------------------------------------
def test_without_maps_panels_are_hatched_and_pages_say_not_computed(folder: Path) -> None:
    shutil.rmtree(folder / "relevance" / "model=experimental")
    shutil.rmtree(folder / ".workflow" / "web")
    app = app_of(folder)
    client = signed_in(app, "researcher")
    name = app.state.run.opaque_of(shown_row(app))
    assert "Not computed" in client.get("/inspect", headers=PAGE).text
    assert client.get(f"/inspect/strip/{name}.webp").status_code == 200
    assert "not computed" in client.get(f"/inspect/i/{name}", headers=PAGE).text
    assert client.get(f"/inspect/i/{name}/values").status_code == 404
    assert "Not computed" in client.get("/inspect/mean", headers=PAGE).text


def test_a_map_file_that_breaks_while_the_server_runs_is_not_computed(
    app: Starlette, client: TestClient, folder: Path
) -> None:
    path = folder / "relevance" / "model=clinical" / "seed=0" / "relevance.h5"
    path.write_bytes(b"no HDF5 any more")
    name = app.state.run.opaque_of(shown_row(app))
    assert client.get(f"/inspect/i/{name}/values").status_code == 404
    assert client.get(f"/inspect/strip/{name}.webp").status_code == 200
    assert client.get("/inspect", headers=PAGE).status_code == 200


def test_a_tile_names_the_answer_where_the_probability_does_not_tell_it(app: Starlette, client: TestClient) -> None:
    assert "A and B: P(pain)" in client.get("/inspect", headers=PAGE).text
    run = app.state.run
    run.faces = replace(run.faces, classes=("none", "no-pain", "pain"))
    page = client.get("/inspect", headers=PAGE).text
    assert "A and B: the answer, and P(pain)" in page
    assert re.search(r">A (none|no-pain) [.]\d\d<", page)


def test_crops_that_are_gone_are_an_error_that_names_no_path(app: Starlette, client: TestClient, folder: Path) -> None:
    (folder / "faces" / "database=clinical" / "faces.h5").unlink()
    name = app.state.run.opaque_of(shown_row(app))
    answer = client.get(f"/inspect/strip/{name}.webp")
    assert answer.status_code == 500
    assert str(folder) not in answer.text


# ---- face and means ---------------------------------------------------------------------------------------------
def test_the_values_of_a_face_are_those_of_the_files(app: Starlette, client: TestClient) -> None:
    run, row = app.state.run, shown_row(app)
    sent = client.get(f"/inspect/i/{run.opaque_of(row)}/values?norm=raw&seeds=seed%3D1").content
    a, b = np.frombuffer(sent, "<f4").reshape(2, 32, 32)
    np.testing.assert_array_equal(a, run.maps(row, 0, (1,))[0])
    np.testing.assert_array_equal(b, run.maps(row, 1, (1,))[0])
    exchanged = client.get(f"/inspect/i/{run.opaque_of(row)}/values?norm=raw&seeds=seed%3D1&pair=experimental~clinical")
    np.testing.assert_array_equal(np.frombuffer(exchanged.content, "<f4").reshape(2, 32, 32)[0], b)


def test_the_regions_of_a_face_sum_to_its_shares(app: Starlette, client: TestClient) -> None:
    run, row = app.state.run, shown_row(app)
    name = run.opaque_of(row)
    regions = np.frombuffer(client.get(f"/inspect/i/{name}/regions").content, np.uint8).reshape(32, 32)
    values = np.frombuffer(client.get(f"/inspect/i/{name}/values?norm=raw&seeds=seed%3D0").content, "<f4")
    sums = np.bincount(regions.ravel(), weights=values[:1024].astype(float), minlength=8)
    np.testing.assert_allclose(sums, run.faces.shares[0, 0, 0, row], rtol=1e-4, atol=1e-4)


def test_previous_and_next_follow_the_filtered_order(client: TestClient) -> None:
    query = "label=pain&sort=disagreement"
    order = tiles(client.get(f"/inspect?{query}", headers=PAGE).text)
    for at, name in enumerate(order):
        page = client.get(f"/inspect/i/{name}?{query}", headers=PAGE).text
        links = {rel: re.search(rf'rel="{rel}" href="/inspect/i/([^?"]+)', page) for rel in ("prev", "next")}
        found = {rel: match[1] if match else None for rel, match in links.items()}
        assert found["prev"] == (order[at - 1] if at else None)
        assert found["next"] == (order[at + 1] if at + 1 < len(order) else None)
        assert f"{at + 1} of {len(order)}" in page


def test_both_ledgers_are_on_the_page(app: Starlette, client: TestClient) -> None:
    page = client.get(f"/inspect/i/{app.state.run.opaque_of(shown_row(app))}", headers=PAGE).text
    assert page.count("A seed=") == page.count("B seed=") == 2
    assert "+0.100" in page  # what the made-up biases kept


def test_the_mean_map_is_the_mean(app: Starlette) -> None:
    from painlens.web.gallery import View
    from painlens.web.mean_page import _means
    from painlens.web.selection import parse_query

    run = app.state.run
    view = View(run, parse_query({"norm": "max"}, run.faces, "paper"), "paper")
    means = _means(view)
    rows = np.flatnonzero(run.consent.shown())
    stack = [pictures.normalise(run.maps(int(r), 0, (0, 1)), "max").mean(axis=0) for r in rows]
    np.testing.assert_allclose(means["all"].a, np.mean(stack, axis=0), atol=1e-6)
    parts = [means[label].faces for label in ("pain", "no-pain")]
    weighted = sum(means[label].a * means[label].faces for label in ("pain", "no-pain")) / sum(parts)
    np.testing.assert_allclose(means["all"].a, weighted, atol=1e-9)


def test_the_mean_of_one_face_is_not_shown(app: Starlette, client: TestClient) -> None:
    run = app.state.run
    pa = run.faces.probability[0][:, run.consent.shown()].mean(axis=0)
    only = f"a_min={float(np.sort(pa)[-1]) - 1e-9!r}"
    assert "1</strong> face of" in client.get(f"/inspect?{only}", headers=PAGE).text
    assert "Not computed" in client.get(f"/inspect/mean?{only}", headers=PAGE).text
    assert client.get(f"/inspect/mean.webp?part=all&side=a&theme=light&{only}").status_code == 404
