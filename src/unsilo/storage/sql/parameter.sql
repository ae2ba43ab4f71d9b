-- name: all
SELECT id, type, code, url, fhir_id, definition, state, done, total FROM parameter ORDER BY id

-- name: add
INSERT INTO parameter (id, type, code, url, fhir_id, definition, state, done, total) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: drop
DELETE FROM parameter WHERE id = ?

-- name: progress
UPDATE parameter SET state = ?, done = ?, total = ? WHERE id = ?

-- name: rids
SELECT rid, fhir_id FROM res INDEXED BY res_live
WHERE tenant = 0 AND type = ? AND state = 0 AND rid > ? ORDER BY rid LIMIT ?

-- name: live
SELECT COALESCE((SELECT live FROM type_total WHERE type = ?), 0)

-- name: referred
SELECT 1 FROM json_each(?) p CROSS JOIN ix_ref x ON x.sp = p.value AND x.tgt = ? CROSS JOIN res r ON r.rid = x.rid
WHERE r.state = 0 AND x.rid <> ? LIMIT 1

-- name: top
SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM keep WHERE name = 'parameter'

-- name: keep_top
INSERT INTO keep (name, value) VALUES ('parameter', ?) ON CONFLICT DO UPDATE SET value = excluded.value
