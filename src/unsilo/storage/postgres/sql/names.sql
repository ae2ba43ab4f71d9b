-- name: feed_find
WITH made AS (INSERT INTO feed (name) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id)
SELECT id FROM made UNION ALL SELECT id FROM feed WHERE name = ?1 LIMIT 1

-- name: resource_type_find
WITH made AS (
  INSERT INTO resource_type (id, name) VALUES (nextval('foreign_type'), ?1) ON CONFLICT DO NOTHING RETURNING id
)
SELECT id FROM made UNION ALL SELECT id FROM resource_type WHERE name = ?1 LIMIT 1

-- name: system_find
WITH made AS (INSERT INTO system (uri) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id)
SELECT id FROM made UNION ALL SELECT id FROM system WHERE uri = ?1 LIMIT 1

-- name: key_kind_find
WITH made AS (INSERT INTO key_kind (name) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id)
SELECT id FROM made UNION ALL SELECT id FROM key_kind WHERE name = ?1 LIMIT 1
