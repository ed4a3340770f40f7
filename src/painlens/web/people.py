"""People of a study: invitations, sessions and the log of what they looked at, in the annotation database.

Times are UTC in ISO 8601 with microseconds, so that their order as text is their order in time. Tokens and session
keys have 192 random bits: nobody guesses them, so plain SHA-256 protects them at rest and no slow hash is needed.
"""

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from painlens.annotations.store import transaction

TOKEN_BYTES = 24
INVITATION_DAYS = 90.0
SESSION_HOURS = 12.0
ROLES = ("researcher", "annotator", "adjudicator")


class PeopleError(ValueError):
    """A person, role or token that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Person:
    """Somebody who works on the study."""

    person_id: int
    name: str
    role: str


def stamp(seconds: float) -> str:
    """A moment as text.

    >>> stamp(0.0)
    '1970-01-01T00:00:00.000000Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest_of(secret: str) -> str:
    """What is kept of a token or session key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def invite(
    connection: sqlite3.Connection, name: str, role: str, *, now: float, days: float = INVITATION_DAYS
) -> tuple[Person, str]:
    """A new token for a person, who is added if unknown; the token is not kept and cannot be shown again.

    Earlier tokens of the person go on to hold until they are revoked or expire.

    Raises
    ------
    PeopleError
        The role is unknown, the name is empty or too long, or the person has another role: who has seen model output
        must not annotate, so a role is for good.
    """
    name = " ".join(name.split())
    if role not in ROLES:
        raise PeopleError(f"the role must be one of {', '.join(ROLES)}, got '{role}'")
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise PeopleError(f"a name must have 1 to 80 printable characters, got '{name[:80]}'")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction(connection):
        connection.execute(
            "INSERT INTO person (name, role, created_utc) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            (name, role, stamp(now)),
        )
        number, present = connection.execute("SELECT person_id, role FROM person WHERE name = ?", (name,)).fetchone()
        if present != role:
            raise PeopleError(f"{name} is {present} in this study and stays so; invite a {role} under another name")
        connection.execute(
            "INSERT INTO invitation (person_id, token_hash, created_utc, expires_utc) VALUES (?, ?, ?, ?)",
            (number, digest_of(token), stamp(now), stamp(now + days * 86400)),
        )
    return Person(number, name, role), token


def revoke(connection: sqlite3.Connection, name: str, *, now: float) -> int:
    """End all tokens and sessions of a person at once; the number of tokens that had still been valid.

    Raises
    ------
    PeopleError
        Nobody has that name.
    """
    found = connection.execute("SELECT person_id FROM person WHERE name = ?", (name,)).fetchone()
    if found is None:
        known = ", ".join(row[0] for row in connection.execute("SELECT name FROM person ORDER BY name")) or "nobody yet"
        raise PeopleError(f"nobody is called '{name}' here; there is {known}")
    with transaction(connection):
        ended = connection.execute(
            "UPDATE invitation SET revoked_utc = ?1 WHERE person_id = ?2 AND revoked_utc IS NULL AND expires_utc > ?1",
            (stamp(now), found[0]),
        ).rowcount
        connection.execute("DELETE FROM session WHERE person_id = ?", found)
    return ended


def begin_session(connection: sqlite3.Connection, token: str, *, now: float) -> tuple[Person, str] | None:
    """Person and session key of a valid token; None where it is unknown, expired or revoked."""
    row = connection.execute(
        "SELECT person_id, name, role, invitation_id FROM invitation JOIN person USING (person_id)"
        " WHERE token_hash = ? AND revoked_utc IS NULL AND expires_utc > ?",
        (digest_of(token), stamp(now)),
    ).fetchone()
    if row is None:
        return None
    key = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction(connection):
        connection.execute("DELETE FROM session WHERE expires_utc <= ?", (stamp(now),))
        connection.execute(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?)",
            (digest_of(key), row[0], row[3], stamp(now), stamp(now + SESSION_HOURS * 3600)),
        )
    return Person(*row[:3]), key


def find_by_session(connection: sqlite3.Connection, key: str, *, now: float) -> Person | None:
    """The person of a session that is still valid."""
    row = connection.execute(
        "SELECT person.person_id, name, role FROM session JOIN person USING (person_id)"
        " JOIN invitation USING (invitation_id)"
        " WHERE session_hash = ? AND session.expires_utc > ? AND revoked_utc IS NULL",
        (digest_of(key), stamp(now)),
    ).fetchone()
    return None if row is None else Person(*row)


def end_session(connection: sqlite3.Connection, key: str) -> None:
    """Sign out."""
    with transaction(connection):
        connection.execute("DELETE FROM session WHERE session_hash = ?", (digest_of(key),))


def record(connection: sqlite3.Connection, person_id: int | None, action: str, detail: str, *, now: float) -> None:
    """Add a line to the audit log."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO audit (ts_utc, person_id, action, detail) VALUES (?, ?, ?, ?)",
            (stamp(now), person_id, action, detail[:2000]),
        )


@dataclass(frozen=True)
class Invited:
    """A person with the state of the newest invitation: valid, expired, revoked or none."""

    name: str
    role: str
    created_utc: str
    expires_utc: str
    state: str
    last_seen_utc: str


def list_people(connection: sqlite3.Connection, *, now: float) -> list[Invited]:
    """Everybody, by name."""
    rows = connection.execute(
        "SELECT name, role, person.created_utc, max(expires_utc),"
        " CASE WHEN sum(revoked_utc IS NULL AND expires_utc > ?1) > 0 THEN 'valid'"
        "  WHEN sum(revoked_utc IS NULL) > 0 THEN 'expired'"
        "  WHEN count(invitation_id) > 0 THEN 'revoked' ELSE 'none' END,"
        " (SELECT max(ts_utc) FROM audit WHERE audit.person_id = person.person_id)"
        " FROM person LEFT JOIN invitation USING (person_id) GROUP BY person_id ORDER BY name",
        (stamp(now),),
    )
    return [Invited(*(value or "" for value in row)) for row in rows]
