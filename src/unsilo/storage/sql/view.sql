-- name: version
SELECT version, state, updated, clock, rank, mid, digest, body, late FROM hist WHERE rid = ? AND version = ?

-- name: feed
SELECT f.name FROM message m JOIN feed f ON f.id = m.feed WHERE m.mid = ?

-- name: persons
SELECT DISTINCT l.person FROM json_each(?) j JOIN resource_type y ON y.name = 'Patient'
JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = j.value JOIN link l ON l.pat = r.rid

-- name: types
SELECT type FROM type_total WHERE type < 1000 ORDER BY type
