-- name: table
CREATE TABLE IF NOT EXISTS content (
  slot INTEGER PRIMARY KEY, id TEXT NOT NULL, feed TEXT NOT NULL, sha256 BLOB NOT NULL, codec INTEGER NOT NULL,
  head BLOB NOT NULL, body BLOB NOT NULL
) STRICT

-- name: top
SELECT COALESCE(max(slot), 0) FROM content

-- name: insert
INSERT INTO content (slot, id, feed, sha256, codec, head, body) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: read
SELECT codec, head, body FROM content WHERE slot = ?

-- name: all
SELECT slot, id, feed, sha256, codec, body FROM content ORDER BY slot

-- name: drop_feed
DELETE FROM content WHERE (?1 = '' OR feed = ?1) AND slot NOT IN (SELECT value FROM json_each(?2))
