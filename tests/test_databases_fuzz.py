"""Owners' files may hold anything: every parser gives a result or a clear `DataError`, and nothing else.

``PAINLENS_FUZZ_EXAMPLES=20000`` makes a campaign of it.
"""

import contextlib
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import TARGETS, mutated
from painlens.databases import READERS
from painlens.tables import DataError

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
EXAMPLES = int(os.environ.get("PAINLENS_FUZZ_EXAMPLES", "15"))


@pytest.mark.parametrize("name", TARGETS)
def test_whole_files_are_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_end_in_a_result_or_a_clear_error(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
    @given(mutated(target.seeds))
    def campaign(data: bytes) -> None:
        with contextlib.suppress(DataError):
            target.run(data)

    campaign()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_errors_tell_the_file(data: bytes) -> None:
    try:
        TARGETS["table of text"].run(data)
    except DataError as error:
        assert "t.csv" in str(error)


def test_every_reader_that_parses_tables_is_a_target() -> None:
    named = {name.split(" ")[0] for name in TARGETS}
    without_tables = {"imagefolder", "mintpain", "xite", "kdef", "bp4dplus"}  # names of files only, or another's parser
    assert set(READERS) - without_tables <= named
