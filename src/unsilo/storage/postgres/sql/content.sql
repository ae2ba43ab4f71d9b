-- name: insert_day
INSERT INTO content (day, slot, id, feed, sha256, codec, head, body)
SELECT * FROM unnest(CAST(?1 AS integer[]), CAST(?2 AS bigint[]), CAST(?3 AS text[]), CAST(?4 AS text[]),
  CAST(?5 AS bytea[]), CAST(?6 AS smallint[]), CAST(?7 AS bytea[]), CAST(?8 AS bytea[]))

-- name: slots
SELECT nextval('slot_number') FROM generate_series(1, ?1)

-- name: mids
SELECT nextval('mid_number') FROM generate_series(1, ?1)

-- name: read_day
SELECT codec, head, body FROM content WHERE day = ?1 AND slot = ?2

-- name: partition
SELECT to_regclass(format('content_%s', CAST(?1 AS bigint))) IS NOT NULL

-- name: drop_feed_day
DELETE FROM content WHERE day = ?1 AND (?2 = '' OR feed = ?2) AND NOT slot = ANY (CAST(?3 AS bigint[]))

-- name: of_day
SELECT slot, id, codec, body FROM content WHERE day = ?1 AND slot > ?2 ORDER BY slot LIMIT 500

-- name: size
SELECT COALESCE(sum(pg_total_relation_size(i.inhrelid)), 0) FROM pg_inherits i
WHERE i.inhparent = CAST('content' AS regclass)

-- name: size_of_all
SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind = 'r'
