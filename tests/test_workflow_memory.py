"""Freed memory stays with the process, so that the next tensor of its size is not filled with zeros by the kernel."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from painlens.workflow.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
np.ones(2**23)  # 64 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an option of the GNU C library")
def test_kept_memory_is_not_mapped_again() -> None:
    assert faults("kept") * 20 < faults("as usual")
