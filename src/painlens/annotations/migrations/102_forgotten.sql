-- Somebody was forgotten: the pictures of a person or a database are served, exported and counted no more. What was
-- answered stays, since events are chained, but no view speaks of it. Pictures are named by their random ids, nobody
-- by name. A forgetting is never taken back: the picture is gone from the run.

CREATE TABLE forgetting (
    forgetting_id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    version     TEXT NOT NULL                                     -- of painlens
);

CREATE TABLE forgotten_item (
    item_id     TEXT PRIMARY KEY REFERENCES item,
    forgetting_id INTEGER NOT NULL REFERENCES forgetting
);

CREATE TRIGGER forgetting_no_update BEFORE UPDATE ON forgetting
BEGIN SELECT RAISE(ABORT, 'forgetting is never taken back'); END;
CREATE TRIGGER forgetting_no_delete BEFORE DELETE ON forgetting
BEGIN SELECT RAISE(ABORT, 'forgetting is never taken back'); END;
CREATE TRIGGER forgotten_item_no_update BEFORE UPDATE ON forgotten_item
BEGIN SELECT RAISE(ABORT, 'forgetting is never taken back'); END;
CREATE TRIGGER forgotten_item_no_delete BEFORE DELETE ON forgotten_item
BEGIN SELECT RAISE(ABORT, 'forgetting is never taken back'); END;

-- INSERT OR REPLACE removes rows without firing triggers on DELETE.
CREATE TRIGGER forgetting_once BEFORE INSERT ON forgetting
WHEN EXISTS (SELECT 1 FROM forgetting WHERE forgetting_id = NEW.forgetting_id)
BEGIN SELECT RAISE(ABORT, 'forgetting is never taken back'); END;
CREATE TRIGGER forgotten_item_once BEFORE INSERT ON forgotten_item
WHEN EXISTS (SELECT 1 FROM forgotten_item WHERE item_id = NEW.item_id)
BEGIN SELECT RAISE(IGNORE); END;

CREATE VIEW present_item AS SELECT * FROM item WHERE item_id NOT IN (SELECT item_id FROM forgotten_item);

-- The views of the answers, as they were, over the pictures that are there.
DROP VIEW final_label;
DROP VIEW adjudicated;
DROP VIEW blind_answer;
DROP VIEW current_answer;

CREATE VIEW current_answer AS
SELECT e.event_id, e.task_id, e.item_id, e.person, e.part, e.value, e.nonce
FROM (SELECT max(event_id) AS event_id FROM event WHERE kind IN ('label', 'undo') GROUP BY item_id, person, part) last
JOIN event e USING (event_id) JOIN present_item i ON i.item_id = e.item_id WHERE e.kind = 'label';

CREATE VIEW blind_answer AS
SELECT e.event_id, e.task_id, e.item_id, i.kind AS item_kind, i.repeats, i.database, i.frame_id, i.participant, e.person, e.value
FROM (
    SELECT max(e.event_id) AS event_id FROM event e LEFT JOIN first_adjudication f USING (item_id)
    WHERE e.part = 'annotate' AND e.kind IN ('label', 'undo') AND (f.event_id IS NULL OR e.event_id < f.event_id)
    GROUP BY e.item_id, e.person
) last
JOIN event e USING (event_id)
JOIN present_item i ON i.item_id = e.item_id
JOIN active_assignment a ON a.task_id = e.task_id AND a.person = e.person
WHERE e.kind = 'label' AND i.kind <> 'training';

CREATE VIEW adjudicated AS
SELECT c.item_id, c.value FROM current_answer c
JOIN (SELECT item_id, max(event_id) AS event_id FROM current_answer WHERE part = 'adjudicate' GROUP BY item_id) last
USING (event_id);

CREATE VIEW final_label AS
WITH votes AS (
    SELECT i.item_id, i.task_id, i.database, i.frame_id, i.participant, t.concept, t.annotators, t.unsure,
           count(b.value) AS answers,
           count(DISTINCT b.value) AS different,
           coalesce(sum(b.value = 'yes'), 0) AS yes,
           coalesce(sum(b.value = 'no'), 0) AS no,
           coalesce(sum(b.value = 'unsure'), 0) AS undecided,
           min(b.value) AS answer
    FROM present_item i JOIN task t USING (task_id) LEFT JOIN blind_answer b ON b.item_id = i.item_id
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
