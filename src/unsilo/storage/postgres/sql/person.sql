-- name: blocks
SELECT key, pat FROM match_key WHERE key IN (SELECT CAST(jsonb_array_elements_text(CAST(?1 AS jsonb)) AS bigint))
LIMIT ?2

-- name: candidates
SELECT l.person, m.record,
  l.pat <> ?1 OR l.mid = 0 OR EXISTS (SELECT 1 FROM link o WHERE o.person = l.person AND o.pat <> l.pat)
FROM (SELECT CAST(jsonb_array_elements_text(CAST(?2 AS jsonb)) AS bigint) AS value) k
JOIN match_record m ON m.pat = k.value JOIN link l ON l.pat = k.value
ORDER BY l.pat LIMIT ?3

-- name: alike
WITH met AS MATERIALIZED (
  SELECT k.key, b.pat FROM unnest(CAST(?1 AS bigint[])) AS k (key)
  CROSS JOIN LATERAL (SELECT m.pat FROM match_key m WHERE m.key = k.key LIMIT ?4) b
), large AS MATERIALIZED (SELECT key FROM met GROUP BY key HAVING count(*) >= ?4), near AS MATERIALIZED (
  SELECT pat, count(*) AS shared, max(count(*)) OVER () AS most
  FROM met WHERE key NOT IN (SELECT key FROM large) GROUP BY pat ORDER BY pat LIMIT ?3
)
SELECT l.person, m.record,
  l.pat <> ?2 OR l.mid = 0 OR EXISTS (SELECT 1 FROM link o WHERE o.person = l.person AND o.pat <> l.pat)
FROM near n JOIN match_record m ON m.pat = n.pat JOIN link l ON l.pat = n.pat WHERE n.shared >= ?5 OR n.most < ?5
UNION ALL SELECT pat, NULL, FALSE FROM near WHERE shared < ?5 AND most >= ?5
UNION ALL SELECT key, NULL, NULL FROM large

-- name: key_add
INSERT INTO match_key (key, pat) SELECT CAST(jsonb_array_elements_text(CAST(?2 AS jsonb)) AS bigint), ?1
ON CONFLICT DO NOTHING

-- name: records_of
SELECT pat, record FROM match_record
WHERE pat IN (SELECT CAST(jsonb_array_elements_text(CAST(?1 AS jsonb)) AS bigint))

-- name: full
SELECT key FROM match_key WHERE key IN (SELECT CAST(jsonb_array_elements_text(CAST(?1 AS jsonb)) AS bigint))
GROUP BY key HAVING count(*) >= ?2

-- name: review_add
INSERT INTO match_review (low, high, rule, reason, score, version, mid, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (low, high) DO UPDATE SET rule = excluded.rule, reason = excluded.reason, score = excluded.score,
  version = excluded.version, mid = excluded.mid

-- name: patients_json
SELECT l.person, p.uid, r.rid, 'Patient', r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest,
  r.body, 0
FROM jsonb_array_elements_text(CAST(?1 AS jsonb)) WITH ORDINALITY j (value, key)
JOIN link l ON l.person = CAST(j.value AS bigint) JOIN person p ON p.person = l.person JOIN res r ON r.rid = l.pat
WHERE r.state < 2 ORDER BY j.key, l.pat

-- name: list_seen
INSERT INTO list_seen (pat, list, at, mid) VALUES (?, ?, ?, ?)
ON CONFLICT (pat, list) DO UPDATE SET at = excluded.at, mid = excluded.mid

-- name: list_here
INSERT INTO list_member (pat, list, member, seen, seen_mid) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (pat, list, member) DO UPDATE SET seen = excluded.seen, seen_mid = excluded.seen_mid, gone = 0, gone_mid = 0
