"""What one database is: counts beside the published ones, classes and people per part, consent, pictures that open."""

from typing import Any

import pandas as pd

from painlens import consent, splits
from painlens.doctor.findings import DatabaseAudit, Finding
from painlens.doctor.material import Material
from painlens.doctor.pictures import Looks
from painlens.doctor.tree import published_counts
from painlens.metrics import in_reading_order
from painlens.study import FEWEST_TESTED
from painlens.workflow.stages import EMOTION

_FEW = 5  # frames of a class in a part below which its numbers mean little


def audit_of(name: str, own: Material, faces: tuple[dict[str, Any], ...], looks: Looks | None) -> DatabaseAudit:
    """All that was counted in one database; `faces` as `detection_rates` gives them, `looks` of the opened pictures."""
    kept, frames = own.kept, own.frames
    left_out = frames.loc[~frames["kept"].fillna(value=False).astype(bool), "reason"].astype(str)
    told = pd.Series(consent.without_paths(left_out), dtype="str").value_counts()
    return DatabaseAudit(
        name=name,
        reader=own.database.reader,
        frames=len(frames),
        kept=len(kept),
        participants=int(kept["participant"].nunique()),
        counts=published_counts(frames, own.database),
        labels=_by_class(kept["label"]),
        reasons={str(reason): int(count) for reason, count in told.items()},
        parts={part: _by_class(kept.loc[kept["part"] == part, "label"]) for part in _parts(own.split)},
        people={} if own.split is None else counted(own.split["part"]),
        faces=faces,
        consent={
            str(row["purpose"]): {word: int(row[f"participants {word}"]) for word in ("true", "unknown", "false")}
            for row in consent.summary(kept.assign(database=name)).to_dict("records")
        },
        looked_at=len(looks.reasons) if looks else 0,
        unreadable=sum(reason != "" for reason in looks.reasons) if looks else 0,
    )


def about_tree(name: str, own: Material, audit: DatabaseAudit) -> list[Finding]:
    """Counts that differ from the published ones, a split that cannot be made, and whether nobody may be shown."""
    found = []
    for count in audit.counts:
        if count.found != count.published:
            text = f"{count.found:,} {count.what} found, {count.published:,} are published: is this the whole database?"
            found.append(Finding("warning", "counts", name, text))
    if own.problem:
        found.append(Finding("warning", "split", name, own.problem))
    publish = audit.consent.get("publish", {})
    if own.database.synthetic is None and not publish.get("true"):
        text = "no participant is known to agree to publication: the report will show no face (consent.publish)"
        found.append(Finding("note", "consent", name, text))
    return found


def about_parts(name: str, own: Material, audit: DatabaseAudit) -> list[Finding]:
    """Participants in two parts, classes that a part hardly has."""
    found = []
    if own.split is not None:
        several = own.split.groupby("participant")["part"].nunique()
        if (several > 1).any():
            people = tuple(several.index[several > 1][:5])
            found.append(Finding("leak", "split", name, f"{len(people)} participants are in several parts", people))
        tested = int((own.split["part"] == "test").sum())
        if name != EMOTION and tested < FEWEST_TESTED:
            text = (
                f"{tested} people are in the test part: with fewer than {FEWEST_TESTED} an interval over people is "
                "uncertain; put more there, or let all rotate through the test part (replication.cross_fitting)"
            )
            found.append(Finding("warning", "split", name, text))
    classes = set(audit.labels)
    for part, counts in audit.parts.items():
        if part == "validation" and not counts:
            continue
        thin = in_reading_order(label for label in classes if counts.get(label, 0) < _FEW)
        if thin:
            shown = ", ".join(f"{label}: {counts.get(label, 0)}" for label in thin)
            text = f"part {part} has fewer than {_FEW} frames of {shown}; its numbers will say little"
            found.append(Finding("warning", "balance", name, text))
    if "part" in own.frames:
        told = own.frames[own.frames["kept"].astype(bool) & own.frames["part"].notna()]
        several = told.groupby("participant")["part"].nunique()
        if (several > 1).any():
            text = f"{int((several > 1).sum())} participants are in several of the owner's parts; split by participant"
            found.append(Finding("warning", "split", name, text))
    return found


def unreadable(name: str, chosen: pd.DataFrame, looks: Looks) -> list[Finding]:
    """Opened pictures that cannot be decoded."""
    bad = [(str(frame), reason) for frame, reason in zip(chosen["frame_id"], looks.reasons, strict=True) if reason]
    if not bad:
        return []
    text = f"{len(bad)} of {len(chosen)} opened pictures cannot be decoded; the faces step refuses them with a reason"
    return [Finding("warning", "files", name, text, tuple(f"{frame}: {reason}" for frame, reason in bad[:5]))]


def _parts(split: pd.DataFrame | None) -> list[str]:
    """Parts that somebody is in, in their usual order."""
    used = set() if split is None else set(split["part"])
    return [part for part in splits.PARTS if part in used]


def _by_class(labels: pd.Series) -> dict[str, int]:
    """How often each class occurs, levels from none upwards."""
    counts = counted(labels)
    return {name: counts[name] for name in in_reading_order(counts)}


def counted(values: pd.Series) -> dict[str, int]:
    """How often each value occurs, by name."""
    return {str(value): int(count) for value, count in values.dropna().value_counts().sort_index().items()}
