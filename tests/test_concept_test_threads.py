"""Numbers do not depend on how many threads BLAS may use."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from concept_test_study import SETTINGS, make_study
from painlens.concept_test import concept_tests
from painlens.concept_test.threads import one_blas_thread
from painlens.study import Replication


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_block_runs_on_one_thread_and_the_number_comes_back() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == before
        with pytest.raises(RuntimeError), one_blas_thread():
            raise RuntimeError
        assert blas_threads() == before


def test_the_concept_test_runs_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = make_study(seeds=1, halves=0, people=4, images=8), []
    monkeypatch.setattr("painlens.concept_test.gather", lambda *_, **__: seen.append(blas_threads()) or 1 / 0)
    with threadpool_limits(2, user_api="blas"), pytest.raises(ZeroDivisionError):
        concept_tests(
            made.evidence, databases=("clinical", "experimental"), regions={"eyes-closed": "eyes"}, target="pain",
            settings=SETTINGS, replication=Replication(), seed=0,
        )  # fmt: skip
    assert seen == [{1}]
