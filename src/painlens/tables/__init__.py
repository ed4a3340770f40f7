"""What one step hands to the next: tables, arrays, manifests, and the only code that writes them."""

from painlens.tables.digests import KNOWN, KnownDigests
from painlens.tables.files import (
    DataError,
    atomic_path,
    load_json,
    load_table,
    save_json,
    save_table,
    save_text,
    sha256_of,
)
from painlens.tables.manifest import (
    Begun,
    Manifest,
    begin,
    check_outputs,
    is_up_to_date,
    load_manifest,
    watched_then,
    write_manifest,
)
from painlens.tables.of_faces import CONCEPTS, FACES, FRAMES, SPLIT, SUGGESTIONS
from painlens.tables.of_findings import (
    ASSOCIATION,
    CAUSES,
    DECODABILITY,
    DIRECTIONS,
    LABEL_NOISE,
    LAYERS,
    LEDGER,
    NORMALISED,
    RANDOMISED,
    RANKING,
    REGIONS,
    RELIABILITY,
    REPLICATION,
    SHARES,
    TRUST,
    UNTAUGHT,
    VERDICTS,
)
from painlens.tables.of_networks import ERRORS, HISTORY, METRICS, PREDICTIONS, PREVALENCE, TWINS
from painlens.tables.schema import Column, Schema, conform, empty

SCHEMAS = {
    schema.name: schema
    for schema in (
        FRAMES, FACES, SUGGESTIONS, SPLIT, CONCEPTS, HISTORY, PREDICTIONS, TWINS, METRICS, PREVALENCE, ERRORS,
        LEDGER, SHARES, REGIONS, CAUSES, ASSOCIATION, DECODABILITY, REPLICATION, VERDICTS,
        LAYERS, DIRECTIONS, RELIABILITY, LABEL_NOISE, TRUST, NORMALISED,
        RANKING, RANDOMISED, UNTAUGHT,
    )
}  # fmt: skip

__all__ = [
    "KNOWN",
    "ASSOCIATION",
    "CAUSES",
    "CONCEPTS",
    "DECODABILITY",
    "DIRECTIONS",
    "ERRORS",
    "FACES",
    "FRAMES",
    "HISTORY",
    "LABEL_NOISE",
    "LAYERS",
    "LEDGER",
    "METRICS",
    "NORMALISED",
    "PREDICTIONS",
    "PREVALENCE",
    "RANDOMISED",
    "RANKING",
    "REGIONS",
    "RELIABILITY",
    "REPLICATION",
    "SCHEMAS",
    "SHARES",
    "SPLIT",
    "SUGGESTIONS",
    "TRUST",
    "TWINS",
    "UNTAUGHT",
    "VERDICTS",
    "Begun",
    "Column",
    "DataError",
    "KnownDigests",
    "Manifest",
    "Schema",
    "atomic_path",
    "begin",
    "check_outputs",
    "conform",
    "empty",
    "is_up_to_date",
    "load_json",
    "load_manifest",
    "load_table",
    "save_json",
    "save_table",
    "save_text",
    "sha256_of",
    "watched_then",
    "write_manifest",
]
