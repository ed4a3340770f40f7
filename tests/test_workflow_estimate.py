"""Rough costs: published numbers as oracles, and laws that any estimate must keep."""

from pathlib import Path

import pytest
import torch

from painlens.backbones import BACKBONES
from painlens.study import Backbone, Study, load_study
from painlens.workflow.estimate import (
    NETWORKS,
    Estimate,
    duration,
    estimate_study,
    memory_mib,
    network_size,
    print_estimate,
)
from painlens.workflow.expected import expected_faces
from painlens.workflow.run_folder import RunFolder, shipped_study
from painlens.workflow.stages import SOURCES, Job, jobs_of
from tiny_run import tiny_study

DEMO = load_study(shipped_study("demo"))
PAPER = load_study(shipped_study("paper"))


def seconds(estimate: Estimate, step: str) -> float:
    return float(estimate.table.set_index("step")["seconds"][step])


@pytest.mark.parametrize("name", BACKBONES)
def test_network_size_counts_what_the_network_has(name: str) -> None:
    """Second way: the layers themselves, without memory."""
    settings = Backbone(name=name, head=64)  # type: ignore[arg-type]
    with torch.device("meta"):
        network = BACKBONES[name](settings, classes=("no-pain", "pain"), size=64)
    ours = network_size(settings, size=64)
    assert ours.weights == sum(p.numel() for p in network.parameters())
    macs, side = 0, 64
    for layer in network.features:
        if isinstance(layer, torch.nn.Conv2d):
            macs += layer.weight.numel() * side**2
        side //= 2 if isinstance(layer, torch.nn.MaxPool2d) else 1
    dense = [layer for layer in network.classifier if isinstance(layer, torch.nn.Linear)]
    assert ours.macs == macs + sum(layer.weight.numel() for layer in dense)
    assert ours.features == dense[0].in_features


def test_every_backbone_has_its_shape() -> None:
    assert set(NETWORKS) == set(BACKBONES)


def test_vgg16_has_the_published_number_of_weights() -> None:
    """Simonyan, Zisserman 2015, table 2: 138 million for configuration D."""
    size = network_size(Backbone(name="vgg16", head=4096), size=224, classes=1000)
    assert round(size.weights / 1e6) == 138


class TestExpected:
    def test_papers_databases_have_their_published_sizes(self) -> None:
        clinical = expected_faces(PAPER.databases["clinical"], name="clinical")
        experimental = expected_faces(PAPER.databases["experimental"], name="experimental")
        assert (clinical.listed, clinical.people) == (48_398, 25)
        assert (experimental.listed, experimental.kept, experimental.people) == (8_700, 67 * 2 * 20, 67)

    def test_rendered_frames_follow_from_the_settings(self) -> None:
        clinical = expected_faces(DEMO.databases["clinical"], name="clinical")
        drawn = DEMO.databases["clinical"].synthetic
        assert drawn is not None
        assert clinical.rendered == drawn.participants * drawn.sequences * round(drawn.seconds * drawn.fps)

    def test_listed_frames_are_counted_not_guessed(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path)
        manifest = run.manifest(Job("frames", "a"))
        manifest.parent.mkdir(parents=True)
        manifest.write_text(
            '{"stage": "frames", "parameters": {}, "inputs": {}, "code": "", "outputs": {}, "version": "0",'
            ' "rows": {"frames": 900, "kept": 600}}',
            encoding="utf-8",
        )
        expected = expected_faces(tiny_study().databases["a"], name="a", run=run)
        assert (expected.listed, expected.kept, expected.source) == (900, 600, "frames listed")

    def test_rows_of_a_manifest_file_are_counted(self, tmp_path: Path) -> None:
        (tmp_path / "faces.csv").write_text("path,label\na,1\nb,2\n", encoding="utf-8")
        database = tiny_study().databases["b"].model_copy(update={"root": tmp_path})
        assert expected_faces(database, name="b").listed == 2

    def test_unknown_sizes_are_called_a_guess(self) -> None:
        assert expected_faces(tiny_study().databases["b"], name="b").source == "guess"


class TestEstimate:
    @pytest.mark.parametrize("study", [DEMO, PAPER, tiny_study()], ids=["demo", "paper", "tiny"])
    def test_lists_the_jobs_of_the_study(self, study: Study) -> None:
        counts = estimate_study(study, cores=2).table.set_index("step")["count"].to_dict()
        jobs = [job.stage for job in jobs_of(study)]
        assert counts == {stage: jobs.count(stage) for stage in SOURCES if stage in jobs}

    def test_is_never_negative_and_sums_up(self) -> None:
        estimate = estimate_study(PAPER, cores=2)
        assert (estimate.table[["seconds", "memory_gib", "disk_gib"]] >= 0).all(axis=None)
        assert estimate.seconds == pytest.approx(estimate.table["seconds"].sum())

    def test_demo_takes_minutes_and_the_paper_days_on_two_cores(self) -> None:
        assert 60 < estimate_study(DEMO, cores=2).seconds < 3600
        assert estimate_study(PAPER, cores=2).seconds > 86_400

    def test_twice_the_epochs_take_about_twice_the_training(self) -> None:
        longer = PAPER.model_copy(update={"training": PAPER.training.model_copy(update={"epochs": 60})})
        ratio = seconds(estimate_study(longer, cores=2), "train") / seconds(estimate_study(PAPER, cores=2), "train")
        assert ratio == pytest.approx(2, rel=0.01)

    def test_two_cores_halve_the_time_of_many_networks(self) -> None:
        ratio = seconds(estimate_study(PAPER, cores=1), "train") / seconds(estimate_study(PAPER, cores=2), "train")
        assert ratio == pytest.approx(2, rel=0.01)

    def test_larger_faces_need_more_memory(self) -> None:
        larger = DEMO.model_copy(update={"faces": DEMO.faces.model_copy(update={"size": 224})})
        assert memory_mib("train", larger) > memory_mib("train", DEMO)

    def test_every_stage_has_a_need_of_memory(self) -> None:
        assert all(memory_mib(stage, DEMO) > 0 for stage in SOURCES)

    def test_is_printed_with_its_assumptions(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_estimate(estimate_study(DEMO, cores=2))
        shown = capsys.readouterr().out
        assert "train" in shown
        settings = DEMO.databases["clinical"].synthetic
        assert settings is not None
        rendered = round(settings.participants * settings.sequences * settings.seconds * settings.fps)
        assert f"of {rendered:,} frames" in shown


@pytest.mark.parametrize(("value", "text"), [(0.2, "0 s"), (89, "89 s"), (90, "1.5 min"), (7200, "2.0 h")])
def test_durations_are_readable(value: float, text: str) -> None:
    assert duration(value) == text
