"""A database's metadata in the Croissant format (MLCommons), without pixels and without the owner's names."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from painlens import tables
from painlens.study import Database
from painlens.tables import DataError

_MEANINGS = {
    "row": "number of the frame, in the order of the run's table",
    "participant": "pseudonym: the same person has the same one in this file only",
    "label": "class after the study's rule",
    "kept": "takes part in the study",
    "reason": "why it does not, or why no face was found",
    "found": "a face was found",
    "part": "train, validation or test",
    "consent_display": "may be shown to the lab: true, false or unknown",
    "consent_publish": "may be shown outside it: true, false or unknown",
}
_KINDS = {"row": "INTEGER", "kept": "BOOL", "found": "BOOL"}


def write_croissant(name: str, rows: pd.DataFrame, database: Database, *, description: str, folder: Path) -> list[Path]:
    """Write `<name>.csv` (a row per frame, pseudonyms, no paths) and `<name>.croissant.json` about it.

    Parameters
    ----------
    rows
        The columns of `_MEANINGS`.
    description
        One paragraph about the database.

    Raises
    ------
    DataError
        mlcroissant is not installed, or finds the metadata not valid.
    """
    try:
        import mlcroissant as mlc
    except ImportError:
        raise DataError("Croissant needs the package mlcroissant; run: pip install 'painlens[croissant]'") from None
    listing = folder / f"{name}.csv"
    tables.save_text(rows[list(_MEANINGS)].to_csv(index=False, lineterminator="\n"), listing)
    table = mlc.FileObject(
        id="frames", name="frames", description="one row per frame, without pixels", content_url=listing.name,
        encoding_formats=["text/csv"], sha256=tables.sha256_of(listing),
    )  # fmt: skip
    fields = [
        mlc.Field(
            id=f"frame/{column}",
            name=column,
            description=meaning,
            data_types=[getattr(mlc.DataType, _KINDS.get(column, "TEXT"))],
            source=mlc.Source(file_object="frames", extract=mlc.Extract(column=column)),
        )
        for column, meaning in _MEANINGS.items()
    ]
    metadata = mlc.Metadata(
        name=name,
        description=description,
        license=[database.licence or "not stated by the user of painlens"],
        cite_as=database.citation or None,
        version="1.0.0",
        distribution=[table],
        record_sets=[mlc.RecordSet(id="frame", name="frame", description="frames", fields=fields)],
        personal_sensitive_information=[
            "The pictures show the faces of participants and are not part of this description. Participants are "
            "pseudonyms. Consent is told per frame."
        ],
        data_limitations=["Counts are those of one copy of the database in one run of painlens."],
    )
    return [listing, _checked(metadata.to_json(), folder / f"{name}.croissant.json", mlc)]


def _checked(metadata: dict[str, Any], path: Path, mlc: Any) -> Path:
    """Write the metadata and let the format's own library read them again."""
    text = json.dumps(metadata, indent=1, ensure_ascii=False, default=str)
    tables.save_text(text + "\n", path)
    logging.getLogger("absl").setLevel(logging.ERROR)  # it recommends properties that nobody stated
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a library that it uses
            mlc.Dataset(jsonld=str(path))
    except mlc.ValidationError as error:
        path.unlink()
        raise DataError(f"the Croissant metadata are not valid: {error}") from None
    return path
