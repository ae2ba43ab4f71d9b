-- name: persons
SELECT DISTINCT l.person FROM jsonb_array_elements_text(CAST(?1 AS jsonb)) j JOIN resource_type y ON y.name = 'Patient'
JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = j.value JOIN link l ON l.pat = r.rid

-- name: types
SELECT DISTINCT type FROM type_total WHERE type < 1000 ORDER BY type
