-- name: table
CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL, at bigint NOT NULL, sha256 text NOT NULL)

-- name: newest
SELECT COALESCE(max(number), 0) FROM migration

-- name: record
INSERT INTO migration (number, name, at, sha256) VALUES (?, ?, ?, ?)

-- name: type
INSERT INTO resource_type (id, name) VALUES (?, ?)

-- name: lock_session
SELECT pg_advisory_lock(?1)

-- name: unlock_session
SELECT pg_advisory_unlock(?1)
