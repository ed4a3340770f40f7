-- Tasks, their pictures and the answers of people. Nothing here is ever changed or deleted: every table is insert-only,
-- and what holds now is a view. Times are UTC in ISO 8601 and are information only: the order of events is their id,
-- because clocks go backwards.

CREATE TABLE task (
    task_id     TEXT PRIMARY KEY CHECK (length(task_id) >= 12),   -- opaque: it stands in addresses that annotators see
    concept     TEXT NOT NULL CHECK (concept <> ''),
    question    TEXT NOT NULL CHECK (question <> ''),
    seed        INTEGER NOT NULL,
    annotators  INTEGER NOT NULL CHECK (annotators >= 1),         -- how many answer every face
    unsure      TEXT NOT NULL CHECK (unsure IN ('answer', 'missing')),
    origin      TEXT NOT NULL,                                    -- study, hypothesis:<id>, import:<file>
    faces_sha256 TEXT NOT NULL,                                   -- of the sorted list of its faces
    created_at  TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    version     TEXT NOT NULL                                     -- of painlens
);

CREATE TABLE guideline (
    task_id     TEXT NOT NULL REFERENCES task,
    version     INTEGER NOT NULL CHECK (version >= 1),
    text        TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    PRIMARY KEY (task_id, version)
);

-- One picture of a task. Repeats have ids of their own, so that nobody can tell them from first looks.
CREATE TABLE item (
    item_id     TEXT PRIMARY KEY CHECK (length(item_id) >= 16),
    task_id     TEXT NOT NULL REFERENCES task,
    kind        TEXT NOT NULL CHECK (kind IN ('face', 'repeat', 'training')),
    database    TEXT NOT NULL,
    frame_id    TEXT NOT NULL,
    participant TEXT NOT NULL,
    sha256      TEXT NOT NULL,                                    -- of the pixels that people judge; '' where unknown
    repeats     TEXT REFERENCES item,
    truth       TEXT CHECK (truth IN ('yes', 'no')),
    picture     BLOB,                                             -- of training items, which belong to no database
    UNIQUE (task_id, kind, database, frame_id),
    CHECK ((kind = 'repeat') = (repeats IS NOT NULL)),
    CHECK ((kind = 'training') = (truth IS NOT NULL AND picture IS NOT NULL))
);
CREATE INDEX item_of_task ON item (task_id, kind);

CREATE TABLE assignment (
    assignment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id     TEXT NOT NULL REFERENCES task,
    person      TEXT NOT NULL CHECK (person <> ''),
    created_at  TEXT NOT NULL,
    UNIQUE (task_id, person)
);

-- Somebody stopped for good: the answers stay in the events, but count no longer, and the place is free again.
CREATE TABLE release (
    assignment_id INTEGER PRIMARY KEY REFERENCES assignment,
    reason      TEXT NOT NULL,
    created_at  TEXT NOT NULL
);

CREATE TABLE event (
    event_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  TEXT NOT NULL,                                    -- by the server's clock
    person      TEXT NOT NULL CHECK (person <> ''),
    task_id     TEXT NOT NULL REFERENCES task,
    item_id     TEXT NOT NULL REFERENCES item,
    part        TEXT NOT NULL CHECK (part IN ('annotate', 'adjudicate')),
    kind        TEXT NOT NULL CHECK (kind IN ('label', 'undo', 'skip', 'flag', 'withheld')),
    value       TEXT CHECK (value IN ('yes', 'no', 'unsure')),
    note        TEXT NOT NULL DEFAULT '',
    nonce       TEXT NOT NULL UNIQUE CHECK (length(nonce) >= 16),
    supersedes  TEXT REFERENCES event (nonce),                    -- the event that an undo takes back
    elapsed_ms  INTEGER CHECK (elapsed_ms >= 0),                  -- from the painted picture to the key
    guideline   INTEGER NOT NULL,
    version     TEXT NOT NULL,
    chain       TEXT NOT NULL,                                    -- sha256 over the chain so far and this row
    CHECK ((kind = 'label') = (value IS NOT NULL)),
    CHECK ((kind = 'undo') = (supersedes IS NOT NULL)),
    FOREIGN KEY (task_id, guideline) REFERENCES guideline (task_id, version)
);
CREATE INDEX event_of_person ON event (task_id, person, part);
CREATE INDEX event_of_item ON event (item_id, person, part, event_id);

-- A repeated nonce is stored once. Also stops INSERT OR REPLACE, which deletes rows without firing delete triggers.
CREATE TRIGGER event_once BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE nonce = NEW.nonce OR event_id = NEW.event_id)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER item_once BEFORE INSERT ON item WHEN EXISTS (SELECT 1 FROM item WHERE item_id = NEW.item_id)
BEGIN SELECT RAISE(ABORT, 'items are never replaced'); END;
CREATE TRIGGER task_once BEFORE INSERT ON task WHEN EXISTS (SELECT 1 FROM task WHERE task_id = NEW.task_id)
BEGIN SELECT RAISE(ABORT, 'tasks are never replaced'); END;
CREATE TRIGGER guideline_once BEFORE INSERT ON guideline
WHEN EXISTS (SELECT 1 FROM guideline WHERE task_id = NEW.task_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'guidelines are never replaced'); END;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER item_no_update BEFORE UPDATE ON item BEGIN SELECT RAISE(ABORT, 'items are never changed'); END;
CREATE TRIGGER item_no_delete BEFORE DELETE ON item BEGIN SELECT RAISE(ABORT, 'items are never deleted'); END;
CREATE TRIGGER task_no_update BEFORE UPDATE ON task BEGIN SELECT RAISE(ABORT, 'tasks are never changed'); END;
CREATE TRIGGER task_no_delete BEFORE DELETE ON task BEGIN SELECT RAISE(ABORT, 'tasks are never deleted'); END;
CREATE TRIGGER guideline_no_update BEFORE UPDATE ON guideline
BEGIN SELECT RAISE(ABORT, 'guidelines are never changed'); END;
CREATE TRIGGER guideline_no_delete BEFORE DELETE ON guideline
BEGIN SELECT RAISE(ABORT, 'guidelines are never deleted'); END;
CREATE TRIGGER assignment_no_update BEFORE UPDATE ON assignment
BEGIN SELECT RAISE(ABORT, 'assignments are never changed'); END;
CREATE TRIGGER assignment_no_delete BEFORE DELETE ON assignment
BEGIN SELECT RAISE(ABORT, 'assignments are never deleted'); END;
CREATE TRIGGER release_no_update BEFORE UPDATE ON release BEGIN SELECT RAISE(ABORT, 'releases are never changed'); END;
CREATE TRIGGER release_no_delete BEFORE DELETE ON release BEGIN SELECT RAISE(ABORT, 'releases are never deleted'); END;

CREATE VIEW active_assignment AS
SELECT a.task_id, a.person, a.assignment_id FROM assignment a LEFT JOIN release r USING (assignment_id)
WHERE r.assignment_id IS NULL;

-- The last word of one person on one picture: missing after an undo.
CREATE VIEW current_answer AS
SELECT e.event_id, e.task_id, e.item_id, e.person, e.part, e.value, e.nonce
FROM (SELECT max(event_id) AS event_id FROM event WHERE kind IN ('label', 'undo') GROUP BY item_id, person, part) last
JOIN event e USING (event_id) WHERE e.kind = 'label';

CREATE VIEW first_adjudication AS
SELECT item_id, min(event_id) AS event_id FROM event WHERE part = 'adjudicate' AND kind = 'label' GROUP BY item_id;

-- Blind answers of the annotators who count, as they stood before the adjudicator first spoke about the face.
CREATE VIEW blind_answer AS
SELECT e.event_id, e.task_id, e.item_id, i.kind AS item_kind, i.repeats, i.database, i.frame_id, i.participant, e.person, e.value
FROM (
    SELECT max(e.event_id) AS event_id FROM event e LEFT JOIN first_adjudication f USING (item_id)
    WHERE e.part = 'annotate' AND e.kind IN ('label', 'undo') AND (f.event_id IS NULL OR e.event_id < f.event_id)
    GROUP BY e.item_id, e.person
) last
JOIN event e USING (event_id)
JOIN item i ON i.item_id = e.item_id
JOIN active_assignment a ON a.task_id = e.task_id AND a.person = e.person
WHERE e.kind = 'label' AND i.kind <> 'training';

CREATE VIEW adjudicated AS
SELECT c.item_id, c.value FROM current_answer c
JOIN (SELECT item_id, max(event_id) AS event_id FROM current_answer WHERE part = 'adjudicate' GROUP BY item_id) last
USING (event_id);

-- One row per face of a task: how it stands, and the label that counts (missing where there is none yet).
CREATE VIEW final_label AS
WITH votes AS (
    SELECT i.item_id, i.task_id, i.database, i.frame_id, i.participant, t.concept, t.annotators, t.unsure,
           count(b.value) AS answers,
           count(DISTINCT b.value) AS different,
           coalesce(sum(b.value = 'yes'), 0) AS yes,
           coalesce(sum(b.value = 'no'), 0) AS no,
           coalesce(sum(b.value = 'unsure'), 0) AS undecided,
           min(b.value) AS answer
    FROM item i JOIN task t USING (task_id) LEFT JOIN blind_answer b ON b.item_id = i.item_id
    WHERE i.kind = 'face' GROUP BY i.item_id
)
SELECT v.task_id, v.item_id, v.concept, v.database, v.frame_id, v.participant, v.answers, v.yes, v.no, v.undecided,
    CASE
        WHEN a.value IS NOT NULL THEN 'adjudicated'
        WHEN v.answers < v.annotators THEN 'incomplete'
        WHEN v.different = 1 THEN 'agreed'
        WHEN v.unsure = 'missing' AND v.undecided > 0 THEN 'unsure'
        WHEN v.answers >= 3 AND 2 * max(v.yes, v.no, v.undecided) > v.answers THEN 'majority'
        ELSE 'disagreement'
    END AS state,
    CASE
        WHEN a.value IS NOT NULL THEN a.value
        WHEN v.answers < v.annotators THEN NULL
        WHEN v.different = 1 THEN v.answer
        WHEN v.unsure = 'missing' AND v.undecided > 0 THEN 'unsure'
        WHEN v.answers >= 3 AND 2 * v.yes > v.answers THEN 'yes'
        WHEN v.answers >= 3 AND 2 * v.no > v.answers THEN 'no'
        WHEN v.answers >= 3 AND 2 * v.undecided > v.answers THEN 'unsure'
    END AS value
FROM votes v LEFT JOIN adjudicated a USING (item_id);
