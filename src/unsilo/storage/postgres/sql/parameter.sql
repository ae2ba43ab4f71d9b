-- name: live
SELECT COALESCE((SELECT sum(live) FROM type_total WHERE type = ?), 0)

-- name: referred
SELECT 1 FROM jsonb_array_elements_text(CAST(?1 AS jsonb)) p JOIN ix_ref x ON x.sp = CAST(p.value AS integer) AND x.tgt = ?2
JOIN res r ON r.rid = x.rid WHERE r.state = 0 AND x.rid <> ?3 LIMIT 1

-- name: top
SELECT CAST(convert_from(value, 'UTF8') AS bigint) FROM keep WHERE name = 'parameter'

-- name: keep_top
INSERT INTO keep (name, value) VALUES ('parameter', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
