-- name: top_rid
SELECT COALESCE(max(rid), 0) FROM res

-- name: top_t
SELECT COALESCE(max(t), 0), COALESCE(max(at), 0) FROM tx

-- name: current
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.top, r.idx
FROM res r JOIN resource_type y ON y.id = r.type
WHERE r.tenant = 0 AND r.type = ? AND r.fhir_id = ?

-- name: current_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.top, r.idx
FROM json_each(?) j CROSS JOIN resource_type y ON y.name = json_extract(j.value, '$[0]')
CROSS JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = json_extract(j.value, '$[1]')

-- name: write
INSERT INTO res (rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (rid) DO UPDATE SET version = excluded.version, top = excluded.top, t = excluded.t,
  updated = excluded.updated, state = excluded.state, clock = excluded.clock, rank = excluded.rank,
  mid = excluded.mid, digest = excluded.digest, body = excluded.body, idx = excluded.idx

-- name: write_new
INSERT INTO res (rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: renew
UPDATE res SET idx = ? WHERE rid = ?

-- name: clock
UPDATE res SET clock = ? WHERE rid = ? AND version = ?

-- name: hist
INSERT INTO hist (rid, version, type, t, updated, state, late, clock, rank, mid, digest, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: lineage
INSERT INTO lineage (rid, version, rows) VALUES (?, ?, ?)

-- name: doubt
INSERT OR IGNORE INTO doubt (feed, rule, mid, at, what) VALUES (?, ?, ?, ?, ?)

-- name: effect
INSERT OR IGNORE INTO effect (mid, rid, version) VALUES (?, ?, ?)

-- name: tx
INSERT INTO tx (t, at, resources) VALUES (?, ?, ?)

-- name: audit
WITH asked AS MATERIALIZED (SELECT key AS n, value AS v FROM json_each(?1)),
who AS MATERIALIZED (
  SELECT DISTINCT a.n, l.person FROM asked a CROSS JOIN json_each(a.v, '$[9]') p
  CROSS JOIN res r ON r.tenant = 0 AND r.type = ?2 AND r.fhir_id = p.value CROSS JOIN link l ON l.pat = r.rid
)
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT json_extract(a.v, '$[0]'), json_extract(a.v, '$[1]'), json_extract(a.v, '$[2]'),
  COALESCE(w.person, json_extract(a.v, '$[3]')), json_extract(a.v, '$[4]'), json_extract(a.v, '$[5]'),
  json_extract(a.v, '$[6]'), json_extract(a.v, '$[7]'), json_extract(a.v, '$[8]')
FROM asked a LEFT JOIN who w ON w.n = a.n ORDER BY a.n, w.person

-- name: audit_bound
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT column1, column2, column3, COALESCE((SELECT l.person FROM res r CROSS JOIN link l ON l.pat = r.rid
  WHERE r.tenant = 0 AND r.type = (SELECT id FROM resource_type WHERE name = 'Patient') AND r.fhir_id = column4), 0),
  column5, column6, column7, 0, column8
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?))

-- name: audit_alone
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT DISTINCT json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]'),
  COALESCE(l.person, 0), json_extract(j.value, '$[3]'), json_extract(j.value, '$[5]'), json_extract(j.value, '$[6]'),
  0, json_extract(j.value, '$[7]')
FROM json_each(?1) j LEFT JOIN json_each(j.value, '$[4]') p ON 1
LEFT JOIN res r ON r.tenant = 0 AND r.type = ?2 AND r.fhir_id = p.value LEFT JOIN link l ON l.pat = r.rid

-- name: outbox
INSERT INTO outbox (kind, at, payload) VALUES (?, ?, ?)

-- name: outcome
INSERT INTO outcome (mid, at, digest, issues, unconsumed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (mid) DO UPDATE SET at = excluded.at, digest = excluded.digest, issues = excluded.issues,
  unconsumed = excluded.unconsumed

-- name: add_tok
INSERT OR IGNORE INTO ix_tok (sp, code, sys, rid) VALUES (?, ?, ?, ?)

-- name: add_str
INSERT OR IGNORE INTO ix_str (sp, v, raw, rid) VALUES (?, ?, ?, ?)

-- name: add_dat
INSERT OR IGNORE INTO ix_dat (sp, lo, hi, rid) VALUES (?, ?, ?, ?)

-- name: add_num
INSERT OR IGNORE INTO ix_num (sp, lo, hi, rid) VALUES (?, ?, ?, ?)

-- name: add_qty
INSERT OR IGNORE INTO ix_qty (sp, unit, lo, hi, rid) VALUES (?, ?, ?, ?, ?)

-- name: add_uri
INSERT OR IGNORE INTO ix_uri (sp, v, rid) VALUES (?, ?, ?)

-- name: add_ref
INSERT OR IGNORE INTO ix_ref (sp, tgt, rid) VALUES (?, ?, ?)

-- name: add_cmp
INSERT OR IGNORE INTO ix_cmp (sp, code, sys, code2, sys2, lo, hi, v, rid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_pos
INSERT OR IGNORE INTO ix_pos (sp, lat, lon, rid) VALUES (?, ?, ?, ?)

-- name: add_find
INSERT OR IGNORE INTO ix_find (term, rid) VALUES (?, ?)

-- name: add_pat
INSERT INTO ix_pat (pat, type, dlo, rid, code, cat) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET code = excluded.code, cat = excluded.cat

-- name: code
INSERT OR IGNORE INTO ix_code (code, v) VALUES (?, ?)

-- name: txt
INSERT OR IGNORE INTO ix_txt (sp, v, code) VALUES (?, ?, ?)

-- name: drop_tok
DELETE FROM ix_tok WHERE sp = ? AND code = ? AND sys = ? AND rid = ?

-- name: drop_str
DELETE FROM ix_str WHERE sp = ? AND v = ? AND raw = ? AND rid = ?

-- name: drop_dat
DELETE FROM ix_dat WHERE sp = ? AND lo = ? AND hi = ? AND rid = ?

-- name: drop_num
DELETE FROM ix_num WHERE sp = ? AND lo = ? AND hi = ? AND rid = ?

-- name: drop_qty
DELETE FROM ix_qty WHERE sp = ? AND unit = ? AND lo = ? AND hi = ? AND rid = ?

-- name: drop_uri
DELETE FROM ix_uri WHERE sp = ? AND v = ? AND rid = ?

-- name: drop_ref
DELETE FROM ix_ref WHERE sp = ? AND tgt = ? AND rid = ?

-- name: drop_cmp
DELETE FROM ix_cmp WHERE sp = ? AND code = ? AND sys = ? AND code2 = ? AND sys2 = ? AND lo = ? AND hi = ? AND v = ? AND rid = ?

-- name: drop_pos
DELETE FROM ix_pos WHERE sp = ? AND lat = ? AND lon = ? AND rid = ?

-- name: drop_find
DELETE FROM ix_find WHERE term = ? AND rid = ?

-- name: drop_pat
DELETE FROM ix_pat WHERE pat = ? AND type = ? AND dlo = ? AND rid = ?

-- name: versions
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM res r JOIN resource_type y ON y.id = r.type
WHERE r.tenant = 0 AND y.name = ?1 AND r.fhir_id = ?2 AND r.state < 2
UNION ALL
SELECT r.rid, y.name, r.fhir_id, h.version, h.state, h.updated, h.clock, h.rank, h.mid, h.digest, h.body, h.late
FROM res r JOIN resource_type y ON y.id = r.type JOIN hist h ON h.rid = r.rid
WHERE r.tenant = 0 AND y.name = ?1 AND r.fhir_id = ?2
ORDER BY 4 DESC

-- name: version
SELECT r.rid, y.name, r.fhir_id, h.version, h.state, h.updated, h.clock, h.rank, h.mid, h.digest, h.body, h.late
FROM res r JOIN resource_type y ON y.id = r.type JOIN hist h ON h.rid = r.rid AND h.version = ?3
WHERE r.tenant = 0 AND y.name = ?1 AND r.fhir_id = ?2

-- name: read
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM res r JOIN resource_type y ON y.id = r.type
WHERE r.tenant = 0 AND y.name = ? AND r.fhir_id = ? AND r.state < 2

-- name: read_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM json_each(?) j CROSS JOIN resource_type y ON y.name = json_extract(j.value, '$[0]')
CROSS JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = json_extract(j.value, '$[1]')
WHERE r.state < 2

-- name: lineage_of
SELECT l.rows FROM res r JOIN resource_type y ON y.id = r.type JOIN lineage l ON l.rid = r.rid
WHERE r.tenant = 0 AND y.name = ?1 AND r.fhir_id = ?2 AND l.version = COALESCE(?3, r.version)

-- name: effects
SELECT r.rid, y.name, r.fhir_id, e.version, COALESCE(h.state, r.state), COALESCE(h.updated, r.updated),
  COALESCE(h.clock, r.clock), COALESCE(h.rank, r.rank), COALESCE(h.mid, r.mid), COALESCE(h.digest, r.digest),
  COALESCE(h.body, r.body), COALESCE(h.late, 0)
FROM effect e JOIN res r ON r.rid = e.rid JOIN resource_type y ON y.id = r.type
LEFT JOIN hist h ON h.rid = e.rid AND h.version = e.version
WHERE e.mid = ? ORDER BY y.name, r.fhir_id, e.version

-- name: type_add
INSERT INTO type_total (type, live) VALUES (?, ?) ON CONFLICT DO UPDATE SET live = live + excluded.live

-- name: by_type
SELECT y.name, t.live FROM type_total t JOIN resource_type y ON y.id = t.type WHERE t.live <> 0 ORDER BY y.name
