-- name: present
SELECT pg_advisory_lock(?1)

-- name: claim
WITH here AS MATERIALIZED (
  SELECT CAST(classid AS bigint) << 32 | CAST(objid AS bigint) AS node FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
), mine AS (
  SELECT mid FROM message
  WHERE state IN ('queued', 'held', 'dead') AND state = 'queued' AND mid > ?2
    AND (?4 = 1 AND claimant = ?1 OR claimant <> ?1 AND claimant NOT IN (SELECT node FROM here))
  ORDER BY mid LIMIT ?3 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE message SET claimant = ?1 FROM mine WHERE message.mid = mine.mid
  RETURNING message.mid, message.id, message.feed, message.order_key, message.format, message.attempts
)
SELECT t.mid, t.id, f.name, t.order_key, t.format, t.attempts FROM taken t JOIN feed f ON f.id = t.feed ORDER BY t.mid
