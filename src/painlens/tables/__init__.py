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
from painlens.tables.of_concepts import (
    ASSOCIATION,
    CAUSES,
    CLASS_ASSOCIATION,
    DECODABILITY,
    DIRECTIONS,
    LABEL_NOISE,
    LAYERS,
    RELIABILITY,
    REPLICATION,
    VERDICTS,
)
from painlens.tables.of_faces import CONCEPTS, FACES, FRAMES, SPLIT, SUGGESTIONS
from painlens.tables.of_networks import CONFUSION, ERRORS, HISTORY, METRICS, PREDICTIONS, PREVALENCE, TWINS
from painlens.tables.of_relevance import (
    LEDGER,
    NORMALISED,
    RANDOMISED,
    RANKING,
    REGIONS,
    SHARES,
    TRUST,
    UNTAUGHT,
)
from painlens.tables.schema import Column, Schema, conform, empty

SCHEMAS = {
    schema.name: schema
    for schema in (
        FRAMES, FACES, SUGGESTIONS, SPLIT, CONCEPTS, HISTORY, PREDICTIONS, TWINS, METRICS, CONFUSION, PREVALENCE,
        ERRORS, LEDGER, SHARES, REGIONS, CAUSES, ASSOCIATION, CLASS_ASSOCIATION, DECODABILITY, REPLICATION, VERDICTS,
        LAYERS, DIRECTIONS, RELIABILITY, LABEL_NOISE, TRUST, NORMALISED,
        RANKING, RANDOMISED, UNTAUGHT,
    )
}  # fmt: skip

__all__ = [
    "KNOWN",
    "ASSOCIATION",
    "CAUSES",
    "CLASS_ASSOCIATION",
    "CONCEPTS",
    "CONFUSION",
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
