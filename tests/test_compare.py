"""`painlens compare`: networks that were trained elsewhere, compared on the same faces."""

import html
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner, Result

from compared_models import EMOTIONS, PAIN, QUICK, SIZE, Material, SmallNet, made_material
from leaving_run import check_bundle, check_checklists, check_export, check_forgetting, check_web
from painlens import attributions, predictions, tables
from painlens.backbones import load_network, save_network
from painlens.cli import app
from painlens.faces import load_faces
from painlens.workflow.plan import plan
from painlens.workflow.run_folder import RunFolder

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return made_material(tmp_path_factory.mktemp("user"))


def compare(*options: object, quick: bool = True) -> Result:
    settings = [part for setting in QUICK for part in ("--set", setting)] if quick else []
    return RUNNER.invoke(app, ["compare", *map(str, options), *settings])


def basic(material: Material, run: Path) -> list[object]:
    """Options of the usual comparison."""
    return ["--a", material.file("a.safetensors"), "--b", material.file("b.safetensors"), "--faces", material.faces,
            "--run", run]  # fmt: skip


@pytest.fixture(scope="module")
def run(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """A finished comparison with a concept."""
    folder = tmp_path_factory.mktemp("compared") / "run"
    result = compare(*basic(material, folder), "--concept", f"eyes-closed:eyes={material.labels}", "--publish", "all",
                     "--display", "all")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Report:" in result.output and "eyes closed" in result.output
    yield RunFolder(folder)


def crops(run: RunFolder) -> tuple[pd.DataFrame, np.ndarray]:
    table = tables.load_table(run.folder("faces", "faces") / "faces.parquet", tables.FACES)
    return table, load_faces(run.folder("faces", "faces") / "faces.h5", table["row"].to_numpy(int)).faces


def table(run: RunFolder, stage: str, schema: tables.Schema, model: str = "") -> pd.DataFrame:
    return tables.load_table(run.folder(stage, model) / f"{schema.name}.parquet", schema)


class TestTheRun:
    def test_answers_are_those_of_the_users_networks(self, run: RunFolder, material: Material) -> None:
        faces, pixels = crops(run)
        for model in "ab":
            network = load_network(Path(material.file(f"{model}.safetensors")))
            expected = predictions.predict_logits(network, pixels)
            answers = table(run, "predict", tables.PREDICTIONS, model).set_index("frame_id").loc[faces["frame_id"]]
            np.testing.assert_allclose(answers[["logit:no-pain", "logit:pain"]], expected, rtol=1e-5, atol=1e-6)

    def test_maps_are_those_of_the_engine(self, run: RunFolder, material: Material) -> None:
        faces, pixels = crops(run)
        network = load_network(Path(material.file("a.safetensors")))
        expected = attributions.attribute(network, pixels, settings=run.study().attribution, batch=8).maps
        stored = attributions.load_relevance(run.folder("attribute", "a") / "seed=0" / "relevance.h5")
        order = [list(stored.faces["frame_id"]).index(name) for name in faces["frame_id"]]
        np.testing.assert_allclose(stored.maps(slice(0, len(faces)))[order], expected, rtol=1e-4, atol=1e-6)

    def test_everybody_is_tested(self, run: RunFolder) -> None:
        split = table(run, "split", tables.SPLIT, "faces")
        assert set(split["part"]) == {"test"} and len(split) == 6

    def test_no_claim_about_databases_and_the_reason(self, run: RunFolder) -> None:
        verdicts = table(run, "concepts", tables.VERDICTS)
        found = {row["claim"]: row for row in verdicts[verdicts["measure"] == "auroc"].to_dict("records")}
        assert "no claim about databases" in found["databases"]["reason"]
        assert np.isnan(found["databases"]["standard_error"]) and found["databases"]["verdict"] == ""
        assert found["people"]["low"] < found["people"]["difference"] < found["people"]["high"]
        assert np.isfinite(found["networks"]["difference"])

    def test_kept_features_are_those_of_the_network(self, run: RunFolder, material: Material) -> None:
        _, pixels = crops(run)
        kept = np.load(run.folder("predict", "a") / "features+seed=0.npy")
        network = load_network(Path(material.file("a.safetensors")))
        np.testing.assert_array_equal(kept, predictions.last_pool_features(network, pixels))

    def test_a_second_call_computes_nothing(self, run: RunFolder) -> None:
        before = run.report.stat().st_mtime_ns
        result = compare(run.root)
        assert result.exit_code == 0, result.output
        assert run.report.stat().st_mtime_ns == before and not plan(run, run.study())

    def test_maps_are_checked_on_demand(self, run: RunFolder) -> None:
        assert table(run, "differences", tables.TRUST).empty
        assert "not checked" in run.report.read_text(encoding="utf-8")

    def test_the_report_tells_the_models(self, run: RunFolder) -> None:
        page = run.report.read_text(encoding="utf-8")
        assert "a.safetensors" in page and "The models" in page and "Nobody knows yet" in page
        assert "trained elsewhere" in page and "fine-tunings on all" not in page


class TestWhatLeavesIt:
    def test_a_bundle_is_verified(self, run: RunFolder, tmp_path: Path) -> None:
        check_bundle(run, tmp_path)

    def test_tables_and_figures_are_exported(self, run: RunFolder, tmp_path: Path) -> None:
        assert {"models.tex", "accuracy.pdf", "references.bib"} <= check_export(run, tmp_path)

    def test_checklists_tell_the_checkpoints(self, run: RunFolder) -> None:
        cards = check_checklists(run)
        assert "a.safetensors" in cards and "trained elsewhere" in cards and "fine-tuned per database" not in cards

    def test_the_web_shows_its_faces(self, run: RunFolder, tmp_path: Path) -> None:
        check_web(run, tmp_path)

    def test_a_person_is_forgotten_and_the_checkpoints_stay(self, run: RunFolder, tmp_path: Path) -> None:
        check_forgetting(run, tmp_path, "p3")
        assert (tmp_path / "forgetful" / run.weights("a", "seed=0").relative_to(run.root)).exists()

    def test_the_report_speaks_of_models_where_it_would_of_databases(self, run: RunFolder) -> None:
        page = run.report.read_text(encoding="utf-8")
        assert "Concepts and errors" in page and "Why performance drops across databases" not in page
        assert "Model → tested." in page and "rained → tested" not in page
        assert "about these networks only" in page and "1 of 1 seeds" not in page
        assert "let all rotate" not in page and "rotate them" not in page and "test more people" in page


def test_more_than_two_models_and_their_trust(material: Material, tmp_path: Path) -> None:
    files = ["--model", f"one={material.file('a.safetensors')}", "--model", f"two={material.file('b.safetensors')}"]
    files += ["--model", f"three={material.file('a.safetensors')}"]
    result = compare(*files, "--faces", material.faces, "--run", tmp_path / "run", "--trust-faces", 4)
    assert result.exit_code == 0, result.output
    run = RunFolder(tmp_path / "run")
    regions = table(run, "differences", tables.REGIONS)
    pairs = set(zip(regions["model_a"], regions["model_b"], strict=True))
    assert pairs == {("one", "two"), ("one", "three"), ("two", "three")}
    same = regions[(regions["model_a"] == "one") & (regions["model_b"] == "three")]
    assert same["difference"].abs().max() == 0  # one and three are one file
    trust = table(run, "differences", tables.TRUST)
    assert {"one", "two", "three"} <= set(trust["model"])


class TestBeforeAfter:
    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, material: Material, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
        """The emotion network's anger beside the fine-tuned network's pain."""
        run = RunFolder(tmp_path_factory.mktemp("before-after") / "run")
        result = compare(
            "--before", material.file("emotion.safetensors"), "--after", material.file("a.safetensors"),
            "--faces", material.faces, "--explain", "before=anger", "--run", run.root,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        return run

    def test_says_which_logits_are_compared(self, run: RunFolder) -> None:
        facts = tables.load_json(run.folder("adopt", "before", "seed=0") / "adopted.json")
        assert facts["explained"] == "anger"
        assert facts["meaning"] == "no-pain is 'happy' or 'neutral', pain is 'anger'"
        assert "'anger' of before and 'pain' of after" in html.unescape(run.report.read_text(encoding="utf-8"))

    def test_probabilities_of_classes_that_count_together_are_added(self, material: Material, run: RunFolder) -> None:
        faces, pixels = crops(run)
        network = load_network(Path(material.file("emotion.safetensors")))
        own = torch.softmax(torch.tensor(predictions.predict_logits(network, pixels)).double(), dim=1)
        answers = table(run, "predict", tables.PREDICTIONS, "before").set_index("frame_id").loc[faces["frame_id"]]
        score = answers["logit:pain"].to_numpy() - answers["logit:no-pain"].to_numpy()
        np.testing.assert_allclose(1 / (1 + np.exp(-score)), own[:, EMOTIONS.index("anger")], rtol=1e-5)

    def test_classes_that_differ_need_a_word(self, material: Material, tmp_path: Path) -> None:
        result = compare(
            "--before", material.file("emotion.safetensors"), "--after", material.file("a.safetensors"),
            "--faces", material.faces, "--target", "pain", "--run", tmp_path / "run",
        )  # fmt: skip
        assert result.exit_code == 2
        assert "say which class" in result.output or "which logits are compared" in result.output
        assert "before has anger, happy, neutral" in result.output


class TestRefusals:
    def test_one_model_is_no_comparison(self, material: Material) -> None:
        result = compare("--a", material.file("a.safetensors"), "--faces", material.faces)
        assert result.exit_code == 2 and "at least two models" in result.output

    def test_no_faces(self, material: Material) -> None:
        result = compare("--a", material.file("a.safetensors"), "--b", material.file("b.safetensors"))
        assert result.exit_code == 2 and "--faces MANIFEST" in result.output

    def test_missing_faces(self, material: Material, tmp_path: Path) -> None:
        options = basic(material, tmp_path / "run")
        options[5] = tmp_path / "none.csv"
        result = compare(*options)
        assert result.exit_code == 3 and "faces not found" in result.output

    def test_a_run_that_trains_is_no_comparison(self, tmp_path: Path) -> None:
        (tmp_path / "study.yaml").write_text("study: x\n", encoding="utf-8")
        result = compare(tmp_path)
        assert result.exit_code == 2

    def test_different_sizes(self, material: Material, tmp_path: Path) -> None:
        network = load_network(Path(material.file("a.safetensors")))
        from painlens.backbones import build_network
        from painlens.study import Backbone

        other = build_network(Backbone(name="compact", head=16), classes=PAIN, size=2 * SIZE, seed=0)
        save_network(other, tmp_path / "large.safetensors")
        del network
        result = compare("--a", material.file("a.safetensors"), "--b", tmp_path / "large.safetensors", "--faces",
                         material.faces, "--run", tmp_path / "run")  # fmt: skip
        assert result.exit_code == 2 and "different sizes (a 32, b 64)" in result.output

    def test_predictions_that_are_not_reproduced(self, material: Material, tmp_path: Path) -> None:
        rows = [
            {"image": f"{number:02}.png", "probability:pain": 0.9, "probability:no-pain": 0.1} for number in range(9)
        ]
        pd.DataFrame(rows).to_csv(tmp_path / "known.csv", index=False)
        options = [*basic(material, tmp_path / "run"), "--predictions", f"a={tmp_path / 'known.csv'}"]
        result = compare(*options)
        assert result.exit_code == 3 and "given predictions are not reproduced" in result.output
        assert "worst:" in result.output

    def test_predictions_of_other_faces(self, material: Material, tmp_path: Path) -> None:
        pd.DataFrame({"image": ["x.png"], "label": ["pain"]}).to_csv(tmp_path / "known.csv", index=False)
        result = compare(*basic(material, tmp_path / "run"), "--predictions", f"a={tmp_path / 'known.csv'}")
        assert result.exit_code == 3 and "none of its 1 images is among the faces" in result.output


@pytest.mark.filterwarnings("ignore::painlens.attributions.AttributionNotice")
def test_networks_of_others_are_compared_by_zennit(material: Material, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        torch.manual_seed(seed)
        torch.save(SmallNet().state_dict(), tmp_path / f"{name}.pt")
    result = compare(
        "--a", tmp_path / "a.pt", "--b", tmp_path / "b.pt", "--architecture", "code:compared_models:SmallNet",
        "--classes", "no-pain,pain", "--normalisation", "half", "--allow-code", "compared_models:SmallNet",
        "--size", SIZE, "--faces", material.faces, "--run", tmp_path / "run",
        "--concept", f"eyes-closed:eyes={material.labels}",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    run = RunFolder(tmp_path / "run")
    decodability = table(run, "concepts", tables.DECODABILITY)
    assert set(decodability["model"]) == {"a", "b"} and (decodability["layer"] == "last-pool").all()
    assert "code:compared_models:SmallNet" in run.report.read_text(encoding="utf-8")
