-- name: feed_all
SELECT id, name FROM feed

-- name: feed_insert
INSERT OR IGNORE INTO feed (id, name) VALUES (?, ?)

-- name: resource_type_all
SELECT id, name FROM resource_type

-- name: resource_type_insert
INSERT OR IGNORE INTO resource_type (id, name) VALUES (?, ?)

-- name: system_all
SELECT id, uri FROM system

-- name: system_insert
INSERT OR IGNORE INTO system (id, uri) VALUES (?, ?)

-- name: key_kind_all
SELECT id, name FROM key_kind

-- name: key_kind_insert
INSERT OR IGNORE INTO key_kind (id, name) VALUES (?, ?)
