-- name: top
SELECT COALESCE(max(n), 0) FROM map_event

-- name: entries
SELECT entry FROM map_entry ORDER BY id

-- name: entry
SELECT entry FROM map_entry WHERE id = ?

-- name: events
SELECT n, action, actor, at, reason, entry FROM map_event WHERE id = ? ORDER BY n

-- name: newest
SELECT n, action, actor, at, reason, entry FROM map_event ORDER BY n DESC LIMIT ?

-- name: put
INSERT INTO map_entry (id, state, feed, system, code, entry) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, entry = excluded.entry

-- name: event
INSERT INTO map_event (id, action, actor, at, reason, entry) VALUES (?, ?, ?, ?, ?, ?)

-- name: systems
SELECT id, uri FROM system

-- name: system
SELECT id FROM system WHERE uri = ?

-- name: one
SELECT count(*) FROM ix_tok x WHERE x.sp = ? AND x.code = ? AND x.sys = ?

-- name: codes
SELECT x.sys, x.code, count(*) FROM ix_tok x WHERE x.sp = ? GROUP BY x.code, x.sys

-- name: by_feed
SELECT f.name, count(*) FROM ix_tok x JOIN res r ON r.rid = x.rid JOIN message m ON m.mid = r.mid
JOIN feed f ON f.id = m.feed
WHERE x.sp = ? AND x.code = ? AND x.sys = ? AND r.state = 0 GROUP BY f.name ORDER BY f.name

-- name: examples
SELECT r.fhir_id FROM ix_tok x JOIN res r ON r.rid = x.rid
WHERE x.sp = ? AND x.code = ? AND x.sys = ? AND r.state = 0 ORDER BY x.rid DESC LIMIT ?

-- name: newest_of_type
SELECT fhir_id FROM res INDEXED BY res_live WHERE tenant = 0 AND type = ? AND state = 0 ORDER BY rid DESC LIMIT ?

-- name: messages
SELECT DISTINCT m.mid, m.id, f.name FROM ix_tok x JOIN res r ON r.rid = x.rid JOIN message m ON m.mid = r.mid
JOIN feed f ON f.id = m.feed
WHERE x.sp = ? AND x.code = ? AND x.sys = ? AND r.state = 0 ORDER BY m.mid
