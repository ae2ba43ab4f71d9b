-- name: current_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.top, r.idx
FROM jsonb_array_elements(CAST(?1 AS jsonb)) j JOIN resource_type y ON y.name = j.value ->> 0
JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = j.value ->> 1

-- name: read_many
SELECT r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM jsonb_array_elements(CAST(?1 AS jsonb)) j JOIN resource_type y ON y.name = j.value ->> 0
JOIN res r ON r.tenant = 0 AND r.type = y.id AND r.fhir_id = j.value ->> 1
WHERE r.state < 2

-- name: audit
WITH asked AS MATERIALIZED (SELECT n, value AS v FROM jsonb_array_elements(CAST(?1 AS jsonb)) WITH ORDINALITY j (value, n)),
who AS MATERIALIZED (
  SELECT DISTINCT a.n, l.person FROM asked a JOIN LATERAL jsonb_array_elements_text(a.v -> 9) p ON true
  JOIN res r ON r.tenant = 0 AND r.type = ?2 AND r.fhir_id = p.value JOIN link l ON l.pat = r.rid
)
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT CAST(a.v ->> 0 AS bigint), a.v ->> 1, a.v ->> 2, COALESCE(w.person, CAST(a.v ->> 3 AS bigint)), a.v ->> 4,
  a.v ->> 5, a.v ->> 6, CAST(a.v ->> 7 AS bigint), a.v ->> 8
FROM asked a LEFT JOIN who w ON w.n = a.n ORDER BY a.n, w.person

-- name: audit_alone
INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome)
SELECT DISTINCT CAST(j.value ->> 0 AS bigint), j.value ->> 1, j.value ->> 2, COALESCE(l.person, 0), j.value ->> 3,
  j.value ->> 5, j.value ->> 6, 0, j.value ->> 7
FROM jsonb_array_elements(CAST(?1 AS jsonb)) j LEFT JOIN LATERAL jsonb_array_elements_text(j.value -> 4) p ON true
LEFT JOIN res r ON r.tenant = 0 AND r.type = ?2 AND r.fhir_id = p.value LEFT JOIN link l ON l.pat = r.rid

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
