-- Hypotheses as events: what was written, when, by whom; freezing is an event too, so later edits show as later.

CREATE TABLE hypothesis_event (
    event_id      INTEGER PRIMARY KEY,
    ts_utc        TEXT NOT NULL,
    hypothesis_id TEXT NOT NULL,
    person        TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('write', 'status', 'freeze', 'task')),
    content       TEXT NOT NULL CHECK (json_valid(content)),
    nonce         TEXT NOT NULL UNIQUE
) STRICT;

CREATE INDEX hypothesis_by_id ON hypothesis_event (hypothesis_id, event_id);

CREATE TRIGGER hypothesis_stays BEFORE UPDATE ON hypothesis_event
BEGIN SELECT RAISE(ABORT, 'the notebook is append-only'); END;
CREATE TRIGGER hypothesis_remains BEFORE DELETE ON hypothesis_event
BEGIN SELECT RAISE(ABORT, 'the notebook is append-only'); END;

-- INSERT OR REPLACE removes rows without firing triggers on DELETE; a form that is sent twice counts once.
CREATE TRIGGER hypothesis_once BEFORE INSERT ON hypothesis_event
WHEN EXISTS (SELECT 1 FROM hypothesis_event WHERE nonce = NEW.nonce OR event_id = NEW.event_id)
BEGIN SELECT RAISE(IGNORE); END;
