-- People, how they sign in, what they looked at, and whose face may no longer be shown.

CREATE TABLE person (
    person_id   INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
    role        TEXT NOT NULL CHECK (role IN ('researcher', 'annotator', 'adjudicator')),
    created_utc TEXT NOT NULL
) STRICT;

-- A token is shown once, when it is made; only its SHA-256 stays.
CREATE TABLE invitation (
    invitation_id INTEGER PRIMARY KEY,
    person_id     INTEGER NOT NULL REFERENCES person (person_id),
    token_hash    TEXT NOT NULL UNIQUE,
    created_utc   TEXT NOT NULL,
    expires_utc   TEXT NOT NULL,
    revoked_utc   TEXT
) STRICT;

CREATE TABLE session (
    session_hash  TEXT PRIMARY KEY,
    person_id     INTEGER NOT NULL REFERENCES person (person_id),
    invitation_id INTEGER NOT NULL REFERENCES invitation (invitation_id),
    created_utc   TEXT NOT NULL,
    expires_utc   TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    audit_id  INTEGER PRIMARY KEY,
    ts_utc    TEXT NOT NULL,
    person_id INTEGER REFERENCES person (person_id),
    action    TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_person ON audit (person_id, audit_id);

CREATE TABLE withdrawal (
    withdrawal_id INTEGER PRIMARY KEY,
    ts_utc        TEXT NOT NULL,
    database      TEXT NOT NULL,
    participant   TEXT NOT NULL,
    recorded_by   TEXT NOT NULL,
    UNIQUE (database, participant)
) STRICT;

-- One random key per study: opaque ids of faces are made with it.
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TRIGGER person_stays BEFORE UPDATE ON person
BEGIN SELECT RAISE(ABORT, 'people are added, never changed'); END;
CREATE TRIGGER person_remains BEFORE DELETE ON person
BEGIN SELECT RAISE(ABORT, 'people are added, never removed'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_remains BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER withdrawal_stays BEFORE UPDATE ON withdrawal
BEGIN SELECT RAISE(ABORT, 'a withdrawal of consent is never taken back here'); END;
CREATE TRIGGER withdrawal_remains BEFORE DELETE ON withdrawal
BEGIN SELECT RAISE(ABORT, 'a withdrawal of consent is never taken back here'); END;

-- INSERT OR REPLACE removes rows without firing triggers on DELETE.
CREATE TRIGGER person_once BEFORE INSERT ON person WHEN EXISTS (SELECT 1 FROM person WHERE person_id = NEW.person_id)
BEGIN SELECT RAISE(ABORT, 'people are never replaced'); END;
CREATE TRIGGER audit_once BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
