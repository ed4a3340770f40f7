"""Sealed bundles: what somebody else needs to check a study's numbers, without a face, and the check itself."""

from painlens.bundle.contents import Sealed, write_bundle
from painlens.bundle.mismatches import Mismatch
from painlens.bundle.recomputing import Recomputed, recompute
from painlens.bundle.verifying import Verification, as_dict, verify_bundle

__all__ = [
    "Mismatch",
    "Recomputed",
    "Sealed",
    "Verification",
    "as_dict",
    "recompute",
    "verify_bundle",
    "write_bundle",
]
