-- name: all
SELECT id, kind, content FROM dictionary ORDER BY made, id

-- name: add
INSERT INTO dictionary (id, kind, content, made) VALUES (?, ?, ?, ?)

-- name: sample
SELECT r.body, r.idx, l.rows FROM res r LEFT JOIN lineage l ON l.rid = r.rid AND l.version = r.version
WHERE r.rid = ? AND r.state = 0
