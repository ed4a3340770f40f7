"""An owner's folder becomes a table of frames: whose face, which label, may it be shown, and is it kept.

Every frame (or clip of which no frame could be chosen) that is found is a row. What does not take part has
``kept`` False and a sentence in ``reason``; nothing is dropped in silence.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd

from painlens.databases import affectnet, biovid, manifest, unbc
from painlens.databases.columns import any_of, column
from painlens.databases.consent import consent_flags
from painlens.databases.labels import apply_labels, parse_condition
from painlens.databases.selection import exclude_participants, resolve_clips, select_frames
from painlens.progress import Progress, silent
from painlens.study import Database
from painlens.tables import FRAMES, DataError, conform


class Reader(Protocol):
    """One way in which an owner ships a database; a module with these three names is one."""

    LABEL: Mapping[str, str]
    """The default rule, class -> condition; empty: the column `label` is the class."""

    CLIP_SEPARATOR: str
    """Stands between the id of a clip and the number of one of its frames."""

    def scan(self, root: Path, *, progress: Progress = silent) -> pd.DataFrame:
        """Every frame or clip under `root` with the owner's labels.

        Columns: frame_id, participant, sequence, path (relative to `root`), frame_index (missing: the row is a
        whole clip, or a single image), time_s, reason (a defect, or ''), and the owner's labels.
        """
        ...


READERS: dict[str, Reader] = {"unbc": unbc, "biovid": biovid, "affectnet": affectnet, "manifest": manifest}

__all__ = ["READERS", "Reader", "read_frames"]


def read_frames(database: Database, *, name: str, root: Path, progress: Progress = silent) -> pd.DataFrame:
    """Every frame of a database with its class, its consent and whether it is kept (table FRAMES).

    A frame is left out for the first of these reasons: a defect (no picture, no label file), an excluded
    participant, no matching label rule, the selection rule. Runs of equal PSPI are those of the original
    sequence, whatever else is left out.

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
    frames = _unique(reader.scan(root, progress=progress))
    frames["label"], unlabelled = apply_labels(frames, database.label or reader.LABEL, database=name)
    if database.label:
        _check_rules_match(frames, database.label, name)
    frames = exclude_participants(frames, database.frames.exclude, database=name)
    frames["reason"] = frames["reason"].where(frames["reason"] != "", unlabelled)
    frames = resolve_clips(frames, database.frames, root=root, separator=reader.CLIP_SEPARATOR, progress=progress)
    frames = select_frames(frames, database.frames, database=name)
    frames["kept"] = frames["reason"] == ""
    frames["database"] = name
    people, consent = column(frames, "participant"), database.consent
    owner = column(frames, "consent") if "consent" in frames else None
    frames["consent_display"] = consent_flags(people, consent.display, where=f"{name}.consent.display")
    frames["consent_publish"] = consent_flags(people, consent.publish, owner=owner, where=f"{name}.consent.publish")
    _check_any_kept(frames, name, root)
    return conform(frames, FRAMES)


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
            used = parse_condition(condition).column
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
