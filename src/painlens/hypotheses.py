"""What people believe that the models look at: ranked candidates, statements as events, freezing.

Candidates come from region statistics on the very faces that people look at: they order what is worth a look and are
no findings. A person turns what they saw into a statement; the notebook is a list of events, so that nothing that was
once written disappears. A statement is frozen before the concept is tested: its digest and time go into the report, and
whatever is written afterwards shows as written afterwards. That keeps a hypothesis from being fitted to its test
(Nosek et al. 2018, "The preregistration revolution", PNAS 115).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("open", "supported", "refuted", "dropped")
KINDS = ("write", "status", "freeze", "task")
LONGEST = {"statement": 2000, "concept": 60, "question": 300, "guideline": 5000, "filter": 2000}
MOST_FACES = 500
OUTSIDE = "outside"


class HypothesisError(ValueError):
    """A statement that cannot be kept; the message names the field, what was expected and what came."""


@dataclass(frozen=True)
class Statement:
    """One version of a hypothesis.

    Attributes
    ----------
    statement
        What is believed, in a person's words.
    concept
        Short name of what would have to be seen on faces, e.g. ``eyes-closed``; empty if none is named yet.
    question, guideline
        What annotators are asked, and how they should decide.
    faces
        (database, frame_id) of the faces that led to it.
    filter
        Query of the selection that it came from; empty if it came from none.
    """

    statement: str
    concept: str = ""
    question: str = ""
    guideline: str = ""
    faces: tuple[tuple[str, str], ...] = ()
    filter: str = ""


@dataclass(frozen=True)
class Event:
    """One entry of the notebook, in the order of `number`; the time is what a clock said and orders nothing."""

    number: int
    time_utc: str
    hypothesis_id: str
    person: str
    kind: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Version:
    """A statement with who wrote it and when, and whether it had been frozen before."""

    number: int
    time_utc: str
    person: str
    statement: Statement
    after_freezing: bool


@dataclass(frozen=True)
class Freezing:
    """The moment after which edits count as later, and the digest of what held then."""

    time_utc: str
    person: str
    sha256: str
    version: int


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis as its events leave it.

    Attributes
    ----------
    versions
        All statements, the first one first.
    frozen
        None as long as it is open to change.
    tasks
        Annotation tasks that were made from it.
    """

    hypothesis_id: str
    versions: tuple[Version, ...]
    status: str = "open"
    frozen: Freezing | None = None
    tasks: tuple[str, ...] = field(default=())

    @property
    def current(self) -> Statement:
        """What it says now."""
        return self.versions[-1].statement

    @property
    def tested(self) -> Statement:
        """What a test is about: the frozen statement, or the current one where nothing is frozen."""
        if self.frozen is None:
            return self.current
        return next(v.statement for v in self.versions if v.number == self.frozen.version)

    @property
    def edited_after_freezing(self) -> tuple[Version, ...]:
        """Versions that came too late."""
        return tuple(v for v in self.versions if v.after_freezing)


def checked(statement: Statement) -> Statement:
    """The statement with blanks at its ends removed.

    Raises
    ------
    HypothesisError
        It says nothing, a field is too long, or there are too many faces.
    """
    text = {name: getattr(statement, name).strip() for name in LONGEST}
    if not text["statement"]:
        raise HypothesisError("a hypothesis must say something: its statement is empty")
    for name, longest in LONGEST.items():
        if len(text[name]) > longest:
            raise HypothesisError(f"'{name}' must have at most {longest} characters, got {len(text[name])}")
    if len(statement.faces) > MOST_FACES:
        raise HypothesisError(f"at most {MOST_FACES} faces belong to a hypothesis, got {len(statement.faces)}")
    return replace(statement, **text, faces=tuple(dict.fromkeys(statement.faces)))


def digest_of(hypothesis_id: str, statement: Statement) -> str:
    """SHA-256 of a statement as canonical JSON: equal words on equal faces give equal digests.

    >>> digest_of("h1", Statement("Eyes.")) == digest_of("h1", Statement("Eyes", concept=""))
    False
    """
    content = asdict(statement) | {"faces": sorted(map(list, statement.faces)), "hypothesis_id": hypothesis_id}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def replay(events: Iterable[Event]) -> list[Hypothesis]:
    """The notebook as its events leave it, in the order in which the hypotheses were first written.

    Raises
    ------
    HypothesisError
        An event is unknown, or comes before the first statement.
    """
    found: dict[str, Hypothesis] = {}
    for event in sorted(events, key=lambda e: e.number):
        known = found.get(event.hypothesis_id)
        if event.kind == "write":
            statement = statement_of(event.content)
            version = Version(
                event.number, event.time_utc, event.person, statement, bool(known is not None and known.frozen)
            )
            earlier = known.versions if known else ()
            base = known or Hypothesis(event.hypothesis_id, ())
            found[event.hypothesis_id] = replace(base, versions=(*earlier, version))
        elif known is None:
            raise HypothesisError(f"event {event.number} is about hypothesis {event.hypothesis_id}, not yet written")
        else:
            found[event.hypothesis_id] = _changed(known, event)
    return list(found.values())


def statement_of(content: dict[str, Any]) -> Statement:
    """A statement from the content of a ``write`` event."""
    faces = tuple((str(database), str(frame)) for database, frame in content.get("faces", []))
    return Statement(**{name: str(content.get(name, "")) for name in LONGEST}, faces=faces)


def content_of(statement: Statement) -> dict[str, Any]:
    """The content of a ``write`` event; the other way round from `statement_of`."""
    return asdict(statement) | {"faces": [list(face) for face in statement.faces]}


def freezing_of(hypothesis: Hypothesis) -> dict[str, Any]:
    """The content of a ``freeze`` event.

    Raises
    ------
    HypothesisError
        It is frozen already: the first freezing is the one that counts.
    """
    if hypothesis.frozen is not None:
        raise HypothesisError(f"this hypothesis was frozen on {hypothesis.frozen.time_utc}; that one counts")
    return {
        "sha256": digest_of(hypothesis.hypothesis_id, hypothesis.current),
        "version": hypothesis.versions[-1].number,
    }


def exported(notebook: Sequence[Hypothesis]) -> dict[str, Any]:
    """The notebook as JSON values for ``hypotheses.json``, with the digest of all frozen statements together.

    Faces are given by their names in the tables; nothing else about people is in it but the authors' names.
    """
    entries = [
        {
            "id": h.hypothesis_id,
            "status": h.status,
            "written_utc": h.versions[0].time_utc,
            "author": h.versions[0].person,
            "tested": content_of(h.tested),
            "frozen": asdict(h.frozen) if h.frozen else None,
            "later_edits": [
                {"time_utc": v.time_utc, "person": v.person, "statement": v.statement.statement}
                for v in h.edited_after_freezing
            ],
            "tasks": list(h.tasks),
        }
        for h in notebook
    ]
    together = "\n".join(sorted(h.frozen.sha256 for h in notebook if h.frozen))
    return {"hypotheses": entries, "sha256": hashlib.sha256(together.encode()).hexdigest()}


def rank_candidates(regions: "pd.DataFrame", *, normalisation: str = "max") -> list[dict[str, Any]]:
    """Facial regions in which two models differ, the clearest first, for all faces and for parts of them.

    Clearness is |difference| over the half width of its interval. Parts (a database, a label) are listed where they
    say something else than all faces do: the other sign, or half as clear again.

    Parameters
    ----------
    regions
        Rows of REGIONS.
    normalisation
        Of the maps before subtraction.

    Returns
    -------
    model_a, model_b, database, label, region, favours, difference, low, high, strength, faces, participants.
    """
    own = regions[(regions["normalisation"] == normalisation) & (regions["region"] != OUTSIDE)].copy()
    half = (own["high"] - own["low"]) / 2
    own["strength"] = (own["difference"].abs() / half.where(half > 0)).astype("float64")
    own = own.dropna(subset=["strength"])
    rows = own.sort_values(["strength", "region"], ascending=[False, True]).to_dict("records")
    whole = {
        (r["model_a"], r["model_b"], r["region"]): r for r in rows if r["database"] == "all" and r["label"] == "all"
    }
    return [_candidate(row) for row in rows if _says_more(row, whole)]


def _says_more(row: dict[Any, Any], whole: dict[tuple[str, str, str], dict[Any, Any]]) -> bool:
    """Whether a part of the faces tells what all of them do not."""
    general = whole.get((row["model_a"], row["model_b"], row["region"]))
    if general is None or general is row:
        return True
    turned = row["difference"] * general["difference"] < 0 and row["strength"] > 1
    return turned or (row["strength"] > 1 and row["strength"] > 1.5 * general["strength"])


def _candidate(row: dict[Any, Any]) -> dict[str, Any]:
    texts = {name: str(row[name]) for name in ("model_a", "model_b", "database", "label", "region")}
    numbers = {name: float(row[name]) for name in ("difference", "low", "high", "strength")}
    counts = {name: int(row[name]) for name in ("faces", "participants")}
    favours = texts["model_a"] if numbers["difference"] > 0 else texts["model_b"]
    return {**texts, "favours": favours, **numbers, **counts}


def _changed(known: Hypothesis, event: Event) -> Hypothesis:
    if event.kind == "status":
        status = str(event.content.get("status"))
        if status not in STATUSES:
            raise HypothesisError(f"the status must be one of {', '.join(STATUSES)}, got '{status}'")
        return replace(known, status=status)
    if event.kind == "task":
        return replace(known, tasks=(*known.tasks, str(event.content.get("task"))))
    if event.kind == "freeze":
        if known.frozen is not None:  # two people pressed at once: the first one counts
            return known
        frozen = Freezing(event.time_utc, event.person, str(event.content["sha256"]), int(event.content["version"]))
        return replace(known, frozen=frozen)
    raise HypothesisError(f"an event must be one of {', '.join(KINDS)}, got '{event.kind}'")
