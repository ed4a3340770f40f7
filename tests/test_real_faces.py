"""The whole way on openly licensed photographs: nothing in the code is tuned to rendered faces.

Smiling against neutral are the two classes, two disjoint groups of people the two databases. The numbers prove no more
than that. The photographs are no part of the project; without them the test is skipped.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from painlens import tables
from painlens.study import load_study
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import jobs_of
from painlens.workflow.steps import perform

PHOTOGRAPHS = Path(__file__).parents[2] / "shared" / "data" / "real_faces"

GROUPS = ("first", "second")
MILD = {"rotation_deg": 10, "shear_deg": 0, "shift": 0.05, "zoom": 0.05}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PHOTOGRAPHS.exists(), reason="the openly licensed photographs are not here; they are no part of the project"
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run on two groups of people."""
    folder = tmp_path_factory.mktemp("photographs")
    pictures = pd.read_csv(PHOTOGRAPHS / "manifest.csv")
    pictures = pictures[pictures["path"].str.startswith("open/london/")]
    people = sorted(pictures["subject"].unique())
    labels = []
    for name, group in (("first", people[::2]), ("second", people[1::2])):
        own = pictures[pictures["subject"].isin(group)]
        root = folder / name
        root.mkdir()
        for path in own["path"]:
            shutil.copy(PHOTOGRAPHS / str(path), root / Path(str(path)).name)
        own = own.assign(path=own["path"].str.rsplit("/", n=1).str[-1], label=own["expression"])
        own[["path", "subject", "label"]].to_csv(root / "manifest.csv", index=False)
        labels.append(
            own.assign(database=name, frame_id=own["path"], concept="teeth-visible", value=own["teeth_visible"])
        )
    database = {"reader": "manifest", "split": {"test": 9, "validation": 2}, "consent": {"publish": "none"}}
    study = {
        "study": "photographs",
        "databases": {name: {**database, "root": str(folder / name)} for name in ("first", "second")},
        # Thirty photographs a group are too few to learn faces from: rendered emotions come first, as in the demo.
        "pretraining": {
            "database": {
                "reader": "affectnet",
                "synthetic": {"seed": 7, "images": 800, "twins": 0},
                "split": {"test": 0, "validation": 80},
            },
            "training": {
                "learning_rate": 0.02,
                "schedule": "one-cycle",
                "loss": "cross-entropy",
                "batch_size": 16,
                "epochs": 10,
                "augmentation": MILD,
            },
        },
        "faces": {"size": 64, "margin": 0.0},
        "backbone": {"name": "compact", "head": 64},
        "training": {"epochs": 30, "batch_size": 8, "augmentation": MILD},
        "attribution": {"target": "smiling"},
        "concepts": {"teeth-visible": {"definition": "teeth are visible", "region": "mouth", "labels": "labels.csv"}},
        "concept_test": {"repeats": 20, "participant_repeats": 20, "floor_permutations": 10, "smallest_cell": 2},
        "replication": {"seeds": 2, "half_splits": 1},
        "trust": {"randomised_labels": 0},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    run = prepare_run(load_study(path), folder / "run")
    # Only test faces carry labels, and which these are is known after the split.
    for job in jobs_of(run.study()):
        if job.stage == "evaluate":
            _write_labels(pd.concat(labels), run, folder / "labels.csv")
        perform(job, run)
    return run


def _write_labels(labels: pd.DataFrame, run: RunFolder, path: Path) -> None:
    """Labels of the test faces, as a lab would hand them in."""
    answers = tables.load_table(run.folder("predict", "first") / "predictions.parquet", tables.PREDICTIONS)
    tested = answers[["database", "frame_id"]].drop_duplicates()
    known = labels[["database", "frame_id", "concept", "value"]].dropna().astype({"value": int})
    known.merge(tested, on=["database", "frame_id"]).to_csv(path, index=False)


def test_every_photograph_gives_a_face_or_a_reason(run: RunFolder) -> None:
    for database in GROUPS:
        faces = tables.load_table(run.folder("faces", database) / "faces.parquet", tables.FACES)
        assert faces["found"].mean() > 0.95
        assert (faces.loc[~faces["found"], "reason"] != "").all()


def test_every_model_is_measured_on_both_groups(run: RunFolder) -> None:
    metrics = tables.load_table(run.folder("evaluate") / "metrics.parquet", tables.METRICS)
    models = metrics[
        (metrics["measure"] == "accuracy") & (metrics["replicate"] == "mean") & (metrics["model"] != "majority")
    ]
    assert set(zip(models["model"], models["database"], strict=True)) == {(a, b) for a in GROUPS for b in GROUPS}
    assert ((models["low"] <= models["value"]) & (models["value"] <= models["high"])).all()


def test_every_model_tells_smiles_from_neutral_faces(run: RunFolder) -> None:
    metrics = tables.load_table(run.folder("evaluate") / "metrics.parquet", tables.METRICS)
    found = metrics[
        (metrics["measure"] == "auroc") & (metrics["replicate"] == "mean") & (metrics["model"] != "majority")
    ]
    assert len(found) == 4
    assert (found["value"] > 0.65).all(), found.to_string()  # a network that learned nothing stays near .5


def test_the_ledger_of_every_map_closes(run: RunFolder) -> None:
    ledger = tables.load_table(run.folder("attribute", "first") / "ledger.parquet", tables.LEDGER)
    gap = (ledger["logit"] - ledger["relevance"] - ledger["bias"] - ledger["dead"]).abs()
    assert (gap <= 1e-5 * ledger["logit"].abs().clip(lower=1.0)).all()


def test_no_face_reaches_the_report_without_consent(run: RunFolder) -> None:
    page = run.report.read_text(encoding="utf-8")
    assert "strip columns-5" not in page  # strips of a face and its maps; the mean maps show nobody
