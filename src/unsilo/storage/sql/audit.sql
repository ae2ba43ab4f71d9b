-- name: columns
SELECT at, actor, action, person, what, origin, reason, mid, outcome, n FROM audit

-- name: outbox
SELECT seq, kind, at, payload FROM outbox WHERE done = 0 AND seq > ? ORDER BY seq LIMIT ?

-- name: outbox_done
UPDATE outbox SET done = ? WHERE seq = ?

-- name: next_run
SELECT COALESCE(max(run) + 1, 0), COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) FROM audit_of

-- name: gather
INSERT OR IGNORE INTO audit_of (run, person, n)
SELECT ?1, person, n FROM audit WHERE n >= ?1 << 14 AND n < (?1 + 1) << 14 AND person <> 0
UNION ALL SELECT ?1, 0, 0 ORDER BY 2, 3
