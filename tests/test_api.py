"""The functions for notebooks and scripts: the same numbers as the commands, and the how-tos as they stand."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torchvision import models
from typer.testing import CliRunner

import painlens
from compared_models import QUICK, SIZE, Material, made_material
from painlens import api, tables
from painlens.attributions import load_relevance
from painlens.cli import app
from painlens.study import ConceptTest, Model, load_study
from painlens.tables import DataError

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
CONCEPT = {"definition": "closed", "region": "eyes"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Material]:
    """A working folder with the files that the how-tos name."""
    folder = tmp_path_factory.mktemp("notebook")
    material = made_material(folder)
    for name, seed in (("a", 0), ("b", 1)):
        torch.manual_seed(seed)
        torch.save(models.resnet18(num_classes=2).state_dict(), folder / f"resnet-{name}.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield material


@pytest.fixture(scope="module")
def run(place: Material) -> api.Run:
    return painlens.compare(
        {"a": place.file("a.safetensors"), "b": place.folder / "b.safetensors"}, place.faces, run=place.folder / "run",
        concepts={"eyes-closed": {**CONCEPT, "labels": place.labels}}, settings=QUICK,
    )  # fmt: skip


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, painlens; assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = painlens.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_functions_are_found_in_the_package() -> None:
    assert painlens.load_run is api.load_run and painlens.attribute is api.attribute


def test_tables_are_those_of_the_command(run: api.Run, place: Material) -> None:
    settings = [part for setting in QUICK for part in ("--set", setting)]
    options = ["--a", place.file("a.safetensors"), "--b", place.file("b.safetensors"), "--faces", str(place.faces),
               "--concept", f"eyes-closed:eyes={place.labels}", "--run", str(place.folder / "command")]  # fmt: skip
    result = CliRunner().invoke(app, ["compare", *options, *settings])
    assert result.exit_code == 0, result.output
    command = painlens.load_run(place.folder / "command")
    for name in ("verdicts", "regions", "predictions", "metrics", "association", "decodability"):
        pd.testing.assert_frame_equal(run.table(name), command.table(name))
    assert all(sentence in result.output for sentence in run.sentences)


def test_every_table_of_the_steps_after_training_can_be_read(run: api.Run) -> None:
    written = {path.stem for path in run.folder.rglob("*.parquet") if "models" not in path.parts}
    known = written & set(tables.SCHEMAS)
    assert {"frames", "subgroups", "ledger", "untaught", "label_noise"} <= known
    for name in known:
        assert set(run.table(name).columns) >= {c for c, one in tables.SCHEMAS[name].columns.items() if one.required
                                                and one.kind != "class"}, name  # fmt: skip
    with pytest.raises(DataError, match="no table 'verdict'; it has frames, faces"):
        run.table("verdict")


def test_maps_are_those_of_the_file(run: api.Run) -> None:
    found = run.maps("b")
    stored = load_relevance(run.folder / "relevance" / "model=b" / "seed=0" / "relevance.h5")
    np.testing.assert_array_equal(found.maps, stored.maps(slice(0, len(stored.faces))))
    frame = found.to_frame()
    np.testing.assert_allclose(frame["logit"], frame["relevance"] + frame["bias"] + frame["dead"], atol=1e-4)


def test_attribute_gives_the_maps_of_the_run(run: api.Run, place: Material) -> None:
    from painlens.faces import load_faces

    faces = run.table("faces")
    crops = load_faces(run.folder / "faces" / "database=faces" / "faces.h5", faces["row"].to_numpy(int))
    found = painlens.attribute(place.file("a.safetensors"), crops.faces, regions=crops.regions)
    stored = run.maps("a")
    order = [list(stored.faces["frame_id"]).index(name) for name in faces["frame_id"]]
    np.testing.assert_allclose(found.maps, stored.maps[order], rtol=1e-4, atol=1e-6)
    shares = found.to_frame().drop(columns=["logit", "relevance", "bias", "dead"])
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_attribute_takes_checkpoints_of_others(place: Material) -> None:
    said = Model(checkpoint=place.folder / "resnet-a.pt", architecture="torchvision:resnet18", classes=("x", "y"))
    with pytest.warns(UserWarning, match="Zennit explains"):
        found = painlens.attribute(said, np.full((1, SIZE, SIZE, 3), 90, np.uint8), target="y")
    assert found.maps.shape == (1, SIZE, SIZE) and found.target == "y"


def test_concept_test_is_that_of_the_run(run: api.Run) -> None:
    test = ConceptTest(repeats=5, bootstrap=10, smallest_cell=1)
    found = api.concept_test(run.table("predictions"), run.table("concepts"), regions={"eyes-closed": "eyes"},
                             settings=test)  # fmt: skip
    own, theirs = (t[t["measure"] == "auroc"].reset_index(drop=True) for t in (found.to_frame(), run.to_frame()))
    pd.testing.assert_frame_equal(
        own[["claim", "difference", "low", "high"]], theirs[["claim", "difference", "low", "high"]]
    )
    assert found.sentences[0].split("(")[0] == run.sentences[0].split("(")[0]


def test_notebooks_show_html_without_markup_of_strangers(run: api.Run) -> None:
    assert "<li>" in run._repr_html_() and "painlens run compare" in run._repr_html_()
    maps = api.Maps(np.zeros((25, 2, 2), np.float32), pd.DataFrame({"frame_id": ["<script>"] * 25}), "<b>")
    shown = maps._repr_html_()
    assert "<script>" not in shown and "'&lt;b&gt;'" in shown and "5 more rows" in shown
    assert "<table" in api.ConceptResult(("x",), {"verdicts": tables.empty(tables.VERDICTS)})._repr_html_()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda run: run.table("nothing"), "a run has no table 'nothing'; it has frames, faces"),
        (lambda run: run.maps("c"), "no model 'c'; it has a, b"),
        (lambda run: api.load_run(run.folder / "none"), "is no run of painlens"),
    ],
)
def test_wrong_names_are_answered(run: api.Run, ask, words: str) -> None:  # noqa: ANN001 # pyright: ignore
    with pytest.raises(DataError, match=words):
        ask(run)


def blocks(page: str, language: str) -> list[str]:
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("place")
def test_the_python_how_to_runs() -> None:
    names: dict[str, object] = {}
    for block in blocks("python.md", "python"):
        exec(compile(block, "python.md", "exec"), names)  # noqa: S102 - our own page
    assert len(names["verdicts"]) and names["found"].maps.shape == (2, SIZE, SIZE)  # pyright: ignore


@pytest.mark.filterwarnings("ignore::painlens.attributions.AttributionNotice")
@pytest.mark.usefixtures("run")
def test_the_how_to_of_own_models_runs() -> None:
    answers = painlens.load_run("run").table("predictions")
    own = answers[answers["model"] == "a"].rename(columns={"frame_id": "image"})
    own[["image", "logit:no-pain", "logit:pain"]].to_csv("known.csv", index=False)
    for block in blocks("own-models.md", "bash"):
        arguments = shlex.split(block)[1:]
        settings = [part for setting in QUICK for part in ("--set", setting)] if "--concept" in arguments else []
        result = CliRunner().invoke(app, [*arguments, *settings])
        assert result.exit_code == 0, f"{block}\n{result.output}"
    for block in blocks("own-models.md", "yaml"):
        Path("study.yaml").write_text(block, encoding="utf-8")
        assert load_study(Path("study.yaml")).compared == tuple(yaml.safe_load(block)["models"])
