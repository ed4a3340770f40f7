"""What one step hands to the next: tables, arrays, manifests, and the only code that writes them."""

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
    write_manifest,
)
from painlens.tables.of_faces import CONCEPTS, FACES, FRAMES, SPLIT
from painlens.tables.of_findings import (
    ASSOCIATION,
    CAUSES,
    DECODABILITY,
    LEDGER,
    REGIONS,
    REPLICATION,
    SHARES,
    VERDICTS,
)
from painlens.tables.of_networks import ERRORS, HISTORY, METRICS, PREDICTIONS, PREVALENCE, TWINS
from painlens.tables.schema import Column, Schema, conform, empty

SCHEMAS = {
    schema.name: schema
    for schema in (
        FRAMES, FACES, SPLIT, CONCEPTS, HISTORY, PREDICTIONS, TWINS, METRICS, PREVALENCE, ERRORS,
        LEDGER, SHARES, REGIONS, CAUSES, ASSOCIATION, DECODABILITY, REPLICATION, VERDICTS,
    )
}  # fmt: skip

__all__ = [
    "ASSOCIATION",
    "CAUSES",
    "CONCEPTS",
    "DECODABILITY",
    "ERRORS",
    "FACES",
    "FRAMES",
    "HISTORY",
    "LEDGER",
    "METRICS",
    "PREDICTIONS",
    "PREVALENCE",
    "REGIONS",
    "REPLICATION",
    "SCHEMAS",
    "SHARES",
    "SPLIT",
    "TWINS",
    "VERDICTS",
    "Begun",
    "Column",
    "DataError",
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
    "write_manifest",
]
