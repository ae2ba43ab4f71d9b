-- name: merge_add
INSERT INTO merge_event (source, target, source_before, source_after, target_before, target_after, former, decided,
  actor, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: merge_last
SELECT n, source_before, source_after, target_before, target_after, former, decided FROM merge_event
WHERE source = ? AND target = ? AND undone = 0 ORDER BY n DESC LIMIT 1

-- name: merge_undone
UPDATE merge_event SET undone = ? WHERE n = ?

-- name: decision
SELECT kind FROM match_decision WHERE low = ? AND high = ? ORDER BY n DESC LIMIT 1

-- name: body
SELECT body FROM hist WHERE rid = ? AND version = ?

-- name: newest
SELECT COALESCE(max(seq), 0) FROM outbox

-- name: after
SELECT seq, kind, payload FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?

-- name: add_destination
INSERT OR IGNORE INTO destination (name, seen) VALUES (?, ?)

-- name: seen
SELECT seen FROM destination WHERE name = ?

-- name: advance
UPDATE destination SET seen = ? WHERE name = ? AND seen = ? RETURNING seen

-- name: hold
UPDATE destination SET holder = ?, until = ? WHERE name = ? AND (holder = ? OR until < ?) RETURNING holder

-- name: told
SELECT ids FROM told WHERE destination = ? AND person = ?

-- name: tell
INSERT INTO told (destination, person, ids) VALUES (?, ?, ?)
ON CONFLICT (destination, person) DO UPDATE SET ids = excluded.ids

-- name: untell
DELETE FROM told WHERE destination = ? AND person = ?

-- name: add
INSERT INTO delivery (destination, person, made, control_id, body) VALUES (?, ?, ?, ?, ?)

-- name: first
SELECT n, control_id, body, attempts, refused, first, due FROM delivery WHERE destination = ? AND state = 'waiting'
ORDER BY n LIMIT 1

-- name: tried
UPDATE delivery SET attempts = ?, refused = ?, first = ?, due = ?, said = ? WHERE n = ? AND state = 'waiting'

-- name: end
UPDATE delivery SET state = ?, ended = ?, said = ?, attempts = attempts + 1 WHERE n = ? AND state = 'waiting' RETURNING n

-- name: drop
UPDATE delivery SET state = 'dropped', ended = ? WHERE n = ? AND state = 'dead' RETURNING n

-- name: forget_sent
DELETE FROM delivery WHERE destination = ? AND state IN ('sent', 'dropped') AND ended < ?

-- name: counts
SELECT destination, state, count(*), min(made) FROM delivery GROUP BY destination, state ORDER BY destination, state

-- name: listed
SELECT n, destination, person, made, control_id, state, attempts, ended, said, due FROM delivery
WHERE destination = ? AND state = ? ORDER BY n DESC LIMIT ?

-- name: one
SELECT n, destination, person, made, control_id, state, attempts, ended, said, due FROM delivery WHERE n = ?
