"""What an audit found, by gravity."""

from dataclasses import dataclass, field
from typing import Any, Literal

Gravity = Literal["leak", "warning", "note"]
GRAVITIES: tuple[Gravity, ...] = ("leak", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing to know before a study is believed.

    Attributes
    ----------
    gravity
        leak: results would be about recognised people or pictures, not about expressions; warning: look at it;
        note: a fact that belongs into the paper.
    check
        Name of the audit, e.g. duplicates.
    database
        Name in the study; '' where several are concerned.
    message
        What was found and what to do.
    details
        Examples, at most a handful.
    """

    gravity: Gravity
    check: str
    database: str
    message: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Count:
    """A published number beside the one that was found."""

    what: str
    published: int
    found: int


@dataclass(frozen=True)
class DatabaseAudit:
    """What was found of one database.

    Attributes
    ----------
    labels
        Class -> kept frames.
    reasons
        Why frames take no part -> how many.
    parts
        Part -> class -> kept frames (or faces, where a run has them); empty without a split.
    people
        Part -> participants.
    faces
        Rows of detection: detector, class, frames looked at, faces found.
    consent
        Purpose -> true/unknown/false -> participants.
    looked_at
        Pictures that were opened.
    """

    name: str
    reader: str
    frames: int
    kept: int
    participants: int
    counts: tuple[Count, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    faces: tuple[dict[str, Any], ...] = ()
    consent: dict[str, dict[str, int]] = field(default_factory=dict)
    looked_at: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class Examination:
    """The whole audit."""

    target: str
    databases: tuple[DatabaseAudit, ...]
    findings: tuple[Finding, ...]

    @property
    def leaks(self) -> int:
        """Findings that forbid to believe the results."""
        return sum(finding.gravity == "leak" for finding in self.findings)
