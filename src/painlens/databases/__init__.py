"""An owner's folder becomes a table of frames: whose face, which label, may it be shown, and is it kept.

Every frame (or clip of which no frame could be chosen) that is found is a row, and so is every other picture or video
under the root. What does not take part has ``kept`` False and a sentence in ``reason``; nothing is dropped in silence.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd

from painlens.consent import consent_flags
from painlens.databases import (
    affectnet,
    biovid,
    bp4d,
    bp4dplus,
    ckplus,
    disfa,
    fer2013,
    huggingface,
    imagefolder,
    kdef,
    manifest,
    mintpain,
    rafdb,
    samples,
    unbc,
    xite,
)
from painlens.databases.columns import any_of, column
from painlens.databases.duplicates import drop_duplicates
from painlens.databases.inventory import Inventory, account_for, take_inventory
from painlens.databases.labels import apply_labels, parse_conditions
from painlens.databases.measurements import add_measurements
from painlens.databases.selection import exclude_participants, resolve_clips, select_frames
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Database, Layout
from painlens.tables import FRAMES, DataError, conform


class Reader(Protocol):
    """One way in which an owner ships a database; a module with these names is one."""

    LABEL: Mapping[str, str]
    """The default rule, class -> condition; empty: the column `label` is the class."""

    CLASSES: Mapping[str, Mapping[str, str]]
    """Further rules by their names in a study (`classes`)."""

    SPLITS: Mapping[str, tuple[tuple[str, ...], ...]]
    """Published test parts: name -> folds -> participants (the beginning of an id is enough)."""

    CLIP_SEPARATOR: str
    """Stands between the id of a clip and the number of one of its frames."""

    EXPECTED: Mapping[str, int]
    """Published counts of the whole database (participants, frames ...), for a comparison that only warns."""

    def scan(self, root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
        """Every frame or clip under `root` with the owner's labels.

        Columns: frame_id, participant, sequence, path (relative to `root`), frame_index (missing: the row is a
        whole clip, or a single image), time_s, reason (a defect, or ''), and the owner's labels.
        """
        ...


READERS: dict[str, Reader] = {
    "unbc": unbc,
    "biovid": biovid,
    "affectnet": affectnet,
    "manifest": manifest,
    "samples": samples,
    "imagefolder": imagefolder,
    "huggingface": huggingface,
    "mintpain": mintpain,
    "xite": xite,
    "bp4d": bp4d,
    "bp4dplus": bp4dplus,
    "disfa": disfa,
    "ckplus": ckplus,
    "rafdb": rafdb,
    "fer2013": fer2013,
    "kdef": kdef,
}

__all__ = ["READERS", "Reader", "read_frames", "rules_of"]


def read_frames(database: Database, *, name: str, root: Path, progress: Progress = silent) -> pd.DataFrame:
    """Every frame of a database with its class, its consent and whether it is kept (table FRAMES).

    A frame is left out for the first of these reasons: a defect (no picture, no label file), an excluded
    participant, no matching label rule, the selection rule, a look-alike. Runs of equal PSPI are those of the
    original sequence, whatever else is left out. Pictures and videos that the reader does not know are rows too.

    Parameters
    ----------
    database
        Its section of the study: reader, label rule, frame selection, consent.
    name
        Its name in the study.
    root
        The owner's folder.

    Raises
    ------
    DataError
        The folder is not laid out as the reader expects, a rule or an id is not usable, or no frame is left.
    """
    reader = READERS[database.reader]
    frames = reader.scan(root, progress=progress, layout=database.layout)
    inventory = take_inventory(root)
    frames = _unique(account_for(frames, inventory, root=root, reader=database.reader))
    frames = exclude_participants(frames, database.frames.exclude, database=name)
    if database.measurements is not None:  # they belong to frames, and label rules may use them
        frames = resolve_clips(frames, database.frames, root=root, separator=reader.CLIP_SEPARATOR, progress=progress)
        frames = add_measurements(frames, database.measurements)
    rules = rules_of(database, name)
    frames["label"], unlabelled = apply_labels(frames, rules, database=name)
    if database.label:
        _check_rules_match(frames, database.label, name)
    frames["reason"] = frames["reason"].where(frames["reason"] != "", unlabelled)
    frames = resolve_clips(frames, database.frames, root=root, separator=reader.CLIP_SEPARATOR, progress=progress)
    frames = select_frames(frames, database.frames, database=name)
    if database.frames.duplicates == "drop":
        frames = drop_duplicates(frames, root=root, progress=progress)
    frames["kept"] = frames["reason"] == ""
    frames["database"] = name
    people, consent = column(frames, "participant"), database.consent
    owner = column(frames, "consent") if "consent" in frames else None
    frames["consent_display"] = consent_flags(people, consent.display, where=f"{name}.consent.display")
    frames["consent_publish"] = consent_flags(people, consent.publish, owner=owner, where=f"{name}.consent.publish")
    assert_every_file_told(frames, inventory)
    _check_any_kept(frames, name, root)
    return conform(frames, FRAMES)


def rules_of(database: Database, name: str) -> Mapping[str, str]:
    """The label rule of a database: the study's own, else the named one of its reader, else the reader's default.

    Raises
    ------
    DataError
        The reader has no rule of this name.
    """
    reader = READERS[database.reader]
    if database.label:
        return database.label
    if database.classes is None:
        return reader.LABEL
    if database.classes not in reader.CLASSES:
        known = ", ".join(reader.CLASSES) or "none"
        raise DataError(
            f"database '{name}': reader '{database.reader}' has no rule '{database.classes}'; it has {known}; "
            "write the conditions under 'label'"
        )
    return reader.CLASSES[database.classes]


def assert_every_file_told(frames: pd.DataFrame, inventory: Inventory) -> None:
    """Raise a `DataError` unless every picture and video under the root is a frame that is kept or has a reason."""
    told = {inventory.place_of(str(path)) for path in frames["path"].dropna().unique()}
    silent_files = [place for place in inventory.media if place not in told]
    without = frames.loc[~frames["kept"].to_numpy(dtype=bool) & (frames["reason"] == "").to_numpy(dtype=bool), "path"]
    if silent_files or len(without):
        example = (silent_files or without.tolist())[0]
        raise DataError(
            f"{len(silent_files)} of {len(inventory.media)} files have no row and {len(without)} frames neither take "
            f"part nor have a reason, e.g. {example}; this is a fault of the reader"
        )


def _unique(frames: pd.DataFrame) -> pd.DataFrame:
    """The table with unique frame ids: later rows of the same id get a number and a reason."""
    copy = frames.groupby("frame_id").cumcount()
    doubled = copy > 0
    frames.loc[doubled, "reason"] = "listed twice"
    frames.loc[doubled, "frame_id"] += "~" + (copy[doubled] + 1).astype(str)
    return frames


def _check_rules_match(frames: pd.DataFrame, rules: Mapping[str, str], name: str) -> None:
    """A class that the study names and no frame has is a mistyped rule."""
    for label, condition in rules.items():
        if not any_of(column(frames, "label") == label):
            used = parse_conditions(condition)[0].column
            shown = ", ".join(str(value) for value in column(frames, used).dropna().unique()[:12])
            raise DataError(
                f"database '{name}': no frame has the label '{label}' ({condition}); values of the column: {shown}"
            )


def _check_any_kept(frames: pd.DataFrame, name: str, root: Path) -> None:
    """A database without any usable frame is an error that counts the reasons."""
    if any_of(column(frames, "kept")):
        return
    counts = frames["reason"].value_counts().head(4)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in counts.items())
    raise DataError(f"database '{name}': none of the {len(frames)} frames under {root} can be used: {reasons}")
