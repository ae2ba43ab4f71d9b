-- name: columns
SELECT at, actor, action, person, what, origin, reason, mid, outcome, n FROM audit

-- name: outbox
SELECT seq, kind, at, payload FROM outbox WHERE done = 0 AND seq > ? ORDER BY seq LIMIT ?

-- name: outbox_done
UPDATE outbox SET done = ? WHERE seq = ?
