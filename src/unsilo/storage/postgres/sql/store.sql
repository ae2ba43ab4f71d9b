-- name: data_version
SELECT 0

-- name: columns
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum

-- name: lock
SELECT pg_advisory_xact_lock(?1)

-- name: lock_many
SELECT count(pg_advisory_xact_lock(k.key)) FROM (SELECT DISTINCT key FROM unnest(CAST(?1 AS bigint[])) key ORDER BY key) k

-- name: begun
SELECT nextval('t_number'), CAST(CAST(pg_current_xact_id() AS text) AS bigint)

-- name: fate
SELECT pg_xact_status(CAST(CAST(?1 AS text) AS xid8))

-- name: lock_shared
SELECT count(pg_advisory_xact_lock_shared(k.key)) FROM (SELECT DISTINCT key FROM unnest(CAST(?1 AS bigint[])) key ORDER BY key) k
