-- name: probe
UPDATE probe SET n = n + 1 WHERE id = 1

-- name: data_version
PRAGMA data_version

-- name: checkpoint
PRAGMA wal_checkpoint(PASSIVE)

-- name: secret
SELECT value FROM keep WHERE name = ?

-- name: add_secret
INSERT OR IGNORE INTO keep (name, value) VALUES (?, ?)
