-- name: all
SELECT id, kind, content FROM dictionary ORDER BY made, id

-- name: add
INSERT INTO dictionary (id, kind, content, made) VALUES (?, ?, ?, ?)

-- name: sample
SELECT body, idx FROM res WHERE rid = ? AND state = 0
