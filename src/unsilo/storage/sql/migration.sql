-- name: table
CREATE TABLE IF NOT EXISTS migration (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL, sha256 TEXT NOT NULL
) STRICT

-- name: record
INSERT INTO migration (number, name, at, sha256) VALUES (?, ?, ?, ?)

-- name: all
SELECT number, name, at, sha256 FROM migration ORDER BY number
