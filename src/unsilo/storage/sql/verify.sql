-- name: index_without_resource
SELECT 'ix_tok', x.rid FROM ix_tok x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_str', x.rid FROM ix_str x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_dat', x.rid FROM ix_dat x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_num', x.rid FROM ix_num x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_qty', x.rid FROM ix_qty x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_uri', x.rid FROM ix_uri x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_ref', x.rid FROM ix_ref x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_cmp', x.rid FROM ix_cmp x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_pat', x.rid FROM ix_pat x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_pos', x.rid FROM ix_pos x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0
UNION ALL SELECT 'ix_find', x.rid FROM ix_find x LEFT JOIN res r ON r.rid = x.rid WHERE r.state IS NULL OR r.state <> 0

-- name: patient_without_person
SELECT r.fhir_id, 0 FROM res r JOIN resource_type y ON y.id = r.type
WHERE y.name = 'Patient' AND r.state = 0 AND NOT EXISTS (SELECT 1 FROM link l WHERE l.pat = r.rid)

-- name: link_without_resource
SELECT l.pat FROM link l LEFT JOIN res r ON r.rid = l.pat WHERE r.rid IS NULL

-- name: link_without_person
SELECT l.pat, l.person FROM link l LEFT JOIN person p ON p.person = l.person WHERE p.person IS NULL

-- name: edge_against_history
SELECT l.pat, l.person, e.person FROM link l
JOIN link_event e ON e.n = (SELECT max(n) FROM link_event v WHERE v.pat = l.pat)
WHERE e.person <> l.person

-- name: effect_without_version
SELECT e.mid, e.rid, e.version FROM effect e LEFT JOIN res r ON r.rid = e.rid AND r.version = e.version
LEFT JOIN hist h ON h.rid = e.rid AND h.version = e.version
WHERE r.rid IS NULL AND h.rid IS NULL

-- name: done_without_effect
SELECT m.mid, m.entries FROM message m
WHERE m.state = 'done' AND m.entries > 0 AND NOT EXISTS (SELECT 1 FROM effect e WHERE e.mid = m.mid)

-- name: done_without_outcome
SELECT m.mid FROM message m LEFT JOIN outcome o ON o.mid = m.mid
WHERE m.state IN ('done', 'dead') AND m.attempts > 0 AND o.mid IS NULL

-- name: version_gap
SELECT r.rid, 1 + (SELECT count(*) FROM hist h WHERE h.rid = r.rid), r.top FROM res r
WHERE r.state < 2 AND r.top <> 1 + (SELECT count(*) FROM hist h WHERE h.rid = r.rid)

-- name: late_is_current
SELECT h.rid, h.version FROM hist h JOIN res r ON r.rid = h.rid
WHERE h.version > r.top OR h.version = r.version OR (h.version > r.version AND h.late = 0)

-- name: figures
WITH counted AS (
  SELECT feed, day, state, count(*) AS n FROM message GROUP BY feed, day, state
), recorded AS (
  SELECT feed, day, state, messages AS n FROM feed_day WHERE state <> 'resent' AND messages <> 0
)
SELECT f.name, c.day, c.state, c.n, COALESCE(k.n, 0) FROM counted c JOIN feed f ON f.id = c.feed
LEFT JOIN recorded k ON k.feed = c.feed AND k.day = c.day AND k.state = c.state WHERE c.n IS NOT k.n
UNION ALL
SELECT f.name, k.day, k.state, 0, k.n FROM recorded k JOIN feed f ON f.id = k.feed
LEFT JOIN counted c ON c.feed = k.feed AND c.day = k.day AND c.state = k.state WHERE c.n IS NULL

-- name: totals
WITH days AS (
  SELECT feed, state, sum(messages) AS n, sum(bytes) AS b FROM feed_day GROUP BY feed, state
)
SELECT f.name, d.state, d.n, COALESCE(t.messages, 0) FROM days d JOIN feed f ON f.id = d.feed
LEFT JOIN feed_total t ON t.feed = d.feed AND t.state = d.state
WHERE d.n IS NOT t.messages OR d.b IS NOT t.bytes

-- name: type_totals
WITH counted AS (SELECT type, count(*) AS n FROM res WHERE state = 0 GROUP BY type)
SELECT y.name, COALESCE(c.n, 0), COALESCE(t.live, 0) FROM resource_type y
LEFT JOIN counted c ON c.type = y.id LEFT JOIN type_total t ON t.type = y.id
WHERE COALESCE(c.n, 0) <> COALESCE(t.live, 0)

-- name: message_without_key
SELECT mid FROM message WHERE control_id GLOB '*[0-9A-Za-z]*' EXCEPT SELECT mid FROM message_key

-- name: days
SELECT DISTINCT day FROM message WHERE removed_on = 0 ORDER BY day

-- name: of_day
SELECT slot, id, sha256 FROM message WHERE removed_on = 0 AND day = ?

-- name: audit_of
SELECT g.run, COALESCE(t.n, 0), g.n FROM (SELECT run, count(*) - 1 AS n FROM audit_of GROUP BY run) g
LEFT JOIN (SELECT n >> 14 AS run, count(*) AS n FROM audit WHERE person <> 0 GROUP BY 1) t ON t.run = g.run
WHERE g.n <> COALESCE(t.n, 0)
