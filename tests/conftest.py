"""Settings that hold for all tests: one thread, no display, no accelerator surprises."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# Files of minutes start first, so that the processes of a run end at about the same time.
LONGEST_FIRST = (
    "test_whole_study", "test_whole_study_classes", "test_web_browser", "test_cross_fitting", "test_docs_commands",
    "test_web_annotate_saving", "test_web_annotate_browser", "test_api", "test_training_fit", "test_workflow_snakemake",
    "test_compare", "test_bundle", "test_forgetting", "test_concept_test",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within a file, and among all others, the drawn order remains."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))
