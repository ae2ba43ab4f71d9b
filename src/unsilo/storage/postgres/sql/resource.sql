-- name: current_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.top, r.idx
FROM jsonb_array_elements(CAST(?1 AS jsonb)) j JOIN resource_type y ON y.name = j.value ->> 0
JOIN LATERAL (SELECT * FROM res WHERE tenant = 0 AND type = y.id AND fhir_id = j.value ->> 1 OFFSET 0) r ON true

-- name: read_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM jsonb_array_elements(CAST(?1 AS jsonb)) j JOIN resource_type y ON y.name = j.value ->> 0
JOIN LATERAL (SELECT * FROM res WHERE tenant = 0 AND type = y.id AND fhir_id = j.value ->> 1 OFFSET 0) r ON true
WHERE r.state < 2

-- name: audit_each
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT v.at, v.actor, v.action, COALESCE((SELECT l.person FROM res r JOIN link l ON l.pat = r.rid
  WHERE r.tenant = 0 AND r.type = ?11 AND r.fhir_id = v.patient), v.person), v.what, v.origin, v.reason, v.mid, v.outcome
FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS text[]), CAST(?3 AS text[]), CAST(?4 AS bigint[]), CAST(?5 AS text[]),
  CAST(?6 AS text[]), CAST(?7 AS text[]), CAST(?8 AS bigint[]), CAST(?9 AS text[]), CAST(?10 AS text[]))
AS v (at, actor, action, person, what, origin, reason, mid, outcome, patient)

-- name: audit_who
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
WITH who AS MATERIALIZED (
  SELECT DISTINCT w.n, l.person FROM unnest(CAST(?10 AS bigint[]), CAST(?11 AS text[])) AS w (n, patient)
  JOIN res r ON r.tenant = 0 AND r.type = ?12 AND r.fhir_id = w.patient JOIN link l ON l.pat = r.rid
)
SELECT v.at, v.actor, v.action, COALESCE(who.person, v.person), v.what, v.origin, v.reason, v.mid, v.outcome
FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS text[]), CAST(?3 AS text[]), CAST(?4 AS bigint[]), CAST(?5 AS text[]),
  CAST(?6 AS text[]), CAST(?7 AS text[]), CAST(?8 AS bigint[]), CAST(?9 AS text[])) WITH ORDINALITY
AS v (at, actor, action, person, what, origin, reason, mid, outcome, n)
LEFT JOIN who ON who.n = v.n ORDER BY v.n, who.person

-- name: outcome
INSERT INTO outcome (mid, at, digest, issues, unconsumed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (mid) DO UPDATE SET at = excluded.at, digest = excluded.digest, issues = excluded.issues,
  unconsumed = excluded.unconsumed

-- name: add_pat
INSERT INTO ix_pat (pat, type, dlo, rid, code, cat) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (pat, type, dlo, rid) DO UPDATE SET code = excluded.code, cat = excluded.cat

-- name: type_add
INSERT INTO type_total (type, live) VALUES (?, ?)
ON CONFLICT (type, slot) DO UPDATE SET live = type_total.live + excluded.live

-- name: by_type
SELECT y.name, sum(t.live) FROM type_total t JOIN resource_type y ON y.id = t.type
GROUP BY y.name HAVING sum(t.live) <> 0 ORDER BY y.name

-- name: insert_res
INSERT INTO res (rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx)
SELECT * FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS integer[]), CAST(?3 AS text[]), CAST(?4 AS integer[]),
  CAST(?5 AS integer[]), CAST(?6 AS bigint[]), CAST(?7 AS bigint[]), CAST(?8 AS smallint[]), CAST(?9 AS bigint[]),
  CAST(?10 AS bigint[]), CAST(?11 AS bigint[]), CAST(?12 AS bytea[]), CAST(?13 AS bytea[]), CAST(?14 AS bytea[]))

-- name: change_res
WITH done AS (UPDATE res SET version = v.version, top = v.top, t = v.t, updated = v.updated, state = v.state, clock = v.clock,
  rank = v.rank, mid = v.mid, digest = v.digest, body = v.body, idx = v.idx
FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS integer[]), CAST(?3 AS text[]), CAST(?4 AS integer[]),
  CAST(?5 AS integer[]), CAST(?6 AS bigint[]), CAST(?7 AS bigint[]), CAST(?8 AS smallint[]), CAST(?9 AS bigint[]),
  CAST(?10 AS bigint[]), CAST(?11 AS bigint[]), CAST(?12 AS bytea[]), CAST(?13 AS bytea[]), CAST(?14 AS bytea[]),
  CAST(?15 AS integer[]), CAST(?16 AS integer[]), CAST(?17 AS bigint[]))
AS v (rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx, was, was_top, was_clock)
WHERE res.rid = v.rid AND res.version = v.was AND res.top = v.was_top AND res.clock = v.was_clock RETURNING 1)
SELECT 1 / CAST(count(*) = cardinality(CAST(?1 AS bigint[])) AS integer) FROM done

-- name: change_mine
WITH done AS (UPDATE res SET version = v.version, top = v.top, t = v.t, updated = v.updated, state = v.state, clock = v.clock,
  rank = v.rank, mid = v.mid, digest = v.digest, body = v.body, idx = v.idx
FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS integer[]), CAST(?3 AS text[]), CAST(?4 AS integer[]),
  CAST(?5 AS integer[]), CAST(?6 AS bigint[]), CAST(?7 AS bigint[]), CAST(?8 AS smallint[]), CAST(?9 AS bigint[]),
  CAST(?10 AS bigint[]), CAST(?11 AS bigint[]), CAST(?12 AS bytea[]), CAST(?13 AS bytea[]), CAST(?14 AS bytea[]))
AS v (rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx)
WHERE res.rid = v.rid RETURNING 1)
SELECT 1 / CAST(count(*) = cardinality(CAST(?1 AS bigint[])) AS integer) FROM done

-- name: rid_block
SELECT nextval('rid_block')
