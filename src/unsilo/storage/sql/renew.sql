-- name: types
SELECT id, name FROM resource_type

-- name: forget_types
DELETE FROM resource_type

-- name: add_type
INSERT INTO resource_type (id, name) VALUES (?, ?)

-- name: renumber_res
UPDATE res SET type = (SELECT json_extract(?1, '$."' || type || '"')) WHERE type <> (SELECT json_extract(?1, '$."' || type || '"'))

-- name: renumber_hist
UPDATE hist SET type = (SELECT json_extract(?1, '$."' || type || '"')) WHERE type <> 0

-- name: totals
SELECT type, live FROM type_total

-- name: forget_totals
DELETE FROM type_total

-- name: forget_images
UPDATE res SET idx = x'' WHERE idx <> x''

-- name: foreign_stubs
DELETE FROM res WHERE state = 2 AND type >= 1000 AND rid NOT IN (SELECT pat FROM link)

-- name: res_id
CREATE UNIQUE INDEX IF NOT EXISTS res_id ON res (tenant, type, fhir_id)

-- name: res_updated
CREATE INDEX IF NOT EXISTS res_updated ON res (tenant, type, updated, rid) WHERE state < 2

-- name: res_live
CREATE INDEX IF NOT EXISTS res_live ON res (tenant, type) WHERE state = 0

-- name: hist_updated
CREATE INDEX IF NOT EXISTS hist_updated ON hist (tenant, type, updated)

-- name: live
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.top, r.idx
FROM res r JOIN resource_type y ON y.id = r.type
WHERE r.state = 0 AND r.rid > ? ORDER BY r.rid LIMIT ?

-- name: kept
SELECT value FROM keep WHERE name = ?

-- name: keep
INSERT INTO keep (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value
