"""Fuzz targets: one per parser of owners' files. Anything may come in; a result or a `DataError` must come out.

`tests/test_databases_fuzz.py` runs every target on some mutated examples; longer campaigns:

    PAINLENS_FUZZ_EXAMPLES=20000 pytest tests/test_databases_fuzz.py -k unbc
"""

from fuzz.mutations import mutated
from fuzz.targets import TARGETS, Target

__all__ = ["TARGETS", "Target", "mutated"]
