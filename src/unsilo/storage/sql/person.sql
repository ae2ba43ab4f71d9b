-- name: insert
INSERT INTO person (uid, created) VALUES (?, ?) RETURNING person

-- name: insert_numbered
INSERT INTO person (person, uid, created) VALUES (?, ?, ?)

-- name: top
SELECT COALESCE(max(person), 0) FROM person

-- name: edge
SELECT person FROM link WHERE pat = ?

-- name: edge_write
INSERT INTO link (pat, person, rule, reason, score, actor, at, mid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (pat) DO UPDATE SET person = excluded.person, rule = excluded.rule, reason = excluded.reason,
  score = excluded.score, actor = excluded.actor, at = excluded.at, mid = excluded.mid

-- name: event
INSERT INTO link_event (kind, pat, person, former, rule, reason, score, actor, at, mid)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: members
SELECT count(*) FROM link WHERE person = ?

-- name: went
UPDATE person SET went_to = ? WHERE person = ?

-- name: exists
SELECT went_to FROM person WHERE person = ?

-- name: patients_of
SELECT l.pat, r.fhir_id FROM link l LEFT JOIN res r ON r.rid = l.pat WHERE l.person = ? ORDER BY l.pat

-- name: blocks
SELECT key, pat FROM match_key WHERE key IN (SELECT value FROM json_each(?)) LIMIT ?

-- name: candidates
SELECT l.person, m.record,
  l.pat <> ?1 OR l.mid = 0 OR EXISTS (SELECT 1 FROM link o WHERE o.person = l.person AND o.pat <> l.pat)
FROM json_each(?2) k JOIN match_record m ON m.pat = k.value JOIN link l ON l.pat = k.value
ORDER BY l.pat LIMIT ?3

-- name: decided
SELECT d.low, d.high, d.kind FROM match_decision d
WHERE d.n IN (SELECT max(n) FROM match_decision WHERE low = ?1 GROUP BY high
  UNION ALL SELECT max(n) FROM match_decision WHERE high = ?1 GROUP BY low)

-- name: decide
INSERT INTO match_decision (low, high, kind, reason, actor, at) VALUES (?, ?, ?, ?, ?, ?)

-- name: review_add
INSERT INTO match_review (low, high, rule, reason, score, version, mid, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (low, high) DO UPDATE SET rule = excluded.rule, reason = excluded.reason, score = excluded.score,
  version = excluded.version, mid = excluded.mid

-- name: review_done
UPDATE match_review SET state = ?, actor = ?, decided = ? WHERE low = ? AND high = ?

-- name: review_pair
SELECT state, actor FROM match_review WHERE low = ? AND high = ?

-- name: opinions
SELECT kind, reason, actor, at FROM match_decision WHERE low = ? AND high = ? ORDER BY n

-- name: all_opinions
SELECT low, high, kind, actor FROM match_decision WHERE n > ? ORDER BY n LIMIT ?

-- name: sample_add
INSERT INTO match_sample (low, high, stratum, score, weight, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (low, high) DO UPDATE SET stratum = excluded.stratum, score = excluded.score, weight = excluded.weight,
  at = excluded.at

-- name: sample_clear
DELETE FROM match_sample

-- name: samples
SELECT a.fhir_id, b.fhir_id, s.stratum, s.score, s.weight, s.at, COALESCE(v.state, 'open')
FROM match_sample s JOIN res a ON a.rid = s.low JOIN res b ON b.rid = s.high
LEFT JOIN match_review v ON v.low = s.low AND v.high = s.high ORDER BY s.low, s.high LIMIT ?

-- name: scores
SELECT n, score, at FROM match_review WHERE score > 0 AND rule <> 'sample' AND n > ? ORDER BY n LIMIT ?

-- name: review_open
SELECT v.n, a.fhir_id, b.fhir_id, v.rule, v.reason, v.score, v.version, v.mid, v.at, v.state, v.actor, v.decided
FROM match_review v JOIN res a ON a.rid = v.low JOIN res b ON b.rid = v.high
WHERE v.state = ? AND v.n > ? ORDER BY v.n LIMIT ?

-- name: review_of
SELECT v.n, a.fhir_id, b.fhir_id, v.rule, v.reason, v.score, v.version, v.mid, v.at, v.state, v.actor, v.decided
FROM match_review v JOIN res a ON a.rid = v.low JOIN res b ON b.rid = v.high WHERE v.low = ?1 OR v.high = ?1
ORDER BY v.n

-- name: review_one
SELECT v.n, a.fhir_id, b.fhir_id, v.rule, v.reason, v.score, v.version, v.mid, v.at, v.state, v.actor, v.decided
FROM match_review v JOIN res a ON a.rid = v.low JOIN res b ON b.rid = v.high WHERE v.n = ?

-- name: review_counts
SELECT state, count(*) FROM match_review GROUP BY state ORDER BY state

-- name: model
SELECT version, at FROM match_model WHERE active = 1 ORDER BY n DESC LIMIT 1

-- name: model_body
SELECT model FROM match_model WHERE version = ?

-- name: model_add
INSERT INTO match_model (version, model, actor, at, active) VALUES (?, ?, ?, ?, 1)

-- name: model_rest
UPDATE match_model SET active = 0 WHERE active = 1

-- name: came_from
SELECT person FROM link_event WHERE pat = ? ORDER BY n LIMIT 1

-- name: by_hand
SELECT mid FROM link WHERE pat = ?

-- name: id_of
SELECT fhir_id FROM res WHERE rid = ?

-- name: records_after
SELECT m.pat, r.fhir_id, l.person, m.record FROM match_record m JOIN link l ON l.pat = m.pat
LEFT JOIN res r ON r.rid = m.pat WHERE m.pat > ? ORDER BY m.pat LIMIT ?

-- name: records_of
SELECT pat, record FROM match_record WHERE pat IN (SELECT value FROM json_each(?))

-- name: record_keys
SELECT keys FROM match_record WHERE pat = ?

-- name: record_write
INSERT INTO match_record (pat, record, keys) VALUES (?, ?, ?)
ON CONFLICT (pat) DO UPDATE SET record = excluded.record, keys = excluded.keys

-- name: key_add
INSERT OR IGNORE INTO match_key (key, pat) SELECT value, ?1 FROM json_each(?2)

-- name: key_write
INSERT OR IGNORE INTO match_key (key, pat) VALUES (?, ?)

-- name: members_of_blocks
SELECT key, pat FROM match_key WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, pat

-- name: placed
SELECT EXISTS (SELECT 1 FROM link WHERE pat IN (SELECT value FROM json_each(?1)))
  OR EXISTS (SELECT 1 FROM match_record WHERE pat IN (SELECT value FROM json_each(?1)))

-- name: full
SELECT key FROM match_key WHERE key IN (SELECT value FROM json_each(?)) GROUP BY key HAVING count(*) >= ?

-- name: key_drop
DELETE FROM match_key WHERE key = ? AND pat = ?

-- name: by_uid
WITH RECURSIVE follow (person, went_to, uid, created) AS (
  SELECT person, went_to, uid, created FROM person WHERE uid = ?
  UNION
  SELECT p.person, p.went_to, p.uid, p.created FROM follow f JOIN person p ON p.person = f.went_to WHERE f.went_to <> 0
)
SELECT person, uid, created FROM follow WHERE went_to = 0

-- name: by_number
WITH RECURSIVE follow (person, went_to, uid, created) AS (
  SELECT person, went_to, uid, created FROM person WHERE person = ?
  UNION
  SELECT p.person, p.went_to, p.uid, p.created FROM follow f JOIN person p ON p.person = f.went_to WHERE f.went_to <> 0
)
SELECT person, uid, created FROM follow WHERE went_to = 0

-- name: of_patient
SELECT l.person FROM link l JOIN res r ON r.rid = l.pat JOIN resource_type y ON y.id = r.type
WHERE r.tenant = 0 AND y.name = 'Patient' AND r.fhir_id = ?

-- name: sources
SELECT r.fhir_id, l.person, l.rule, l.reason, l.score, l.actor, l.at, l.mid,
  r.rid, 'Patient', r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0
FROM link l JOIN res r ON r.rid = l.pat WHERE l.person = ? ORDER BY l.pat

-- name: events
SELECT e.n, e.kind, r.fhir_id, e.person, e.former, e.rule, e.reason, e.score, e.actor, e.at, e.mid
FROM link_event e JOIN res r ON r.rid = e.pat
WHERE e.n IN (
  SELECT n FROM link_event WHERE person = ?1
  UNION SELECT n FROM link_event WHERE former = ?1 AND former <> 0
  UNION SELECT v.n FROM link l JOIN link_event v ON v.pat = l.pat WHERE l.person = ?1
) ORDER BY e.n

-- name: patients_json
SELECT l.person, p.uid, r.rid, 'Patient', r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest,
  r.body, 0
FROM json_each(?) j JOIN link l ON l.person = j.value JOIN person p ON p.person = l.person JOIN res r ON r.rid = l.pat
WHERE r.state < 2 ORDER BY j.key, l.pat

-- name: list_at
SELECT at FROM list_seen WHERE pat = ? AND list = ?

-- name: list_seen
INSERT INTO list_seen (pat, list, at, mid) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET at = excluded.at, mid = excluded.mid

-- name: list_present
SELECT member FROM list_member WHERE pat = ? AND list = ? AND gone = 0

-- name: list_here
INSERT INTO list_member (pat, list, member, seen, seen_mid) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET seen = excluded.seen, seen_mid = excluded.seen_mid, gone = 0, gone_mid = 0

-- name: list_gone
UPDATE list_member SET gone = ?, gone_mid = ? WHERE pat = ? AND list = ? AND member = ?

-- name: list_state
SELECT m.list, m.member, m.seen, m.seen_mid, m.gone, m.gone_mid
FROM list_member m JOIN res r ON r.rid = m.pat JOIN resource_type y ON y.id = r.type
WHERE r.tenant = 0 AND y.name = 'Patient' AND r.fhir_id = ? ORDER BY m.list, m.member

-- name: count
SELECT count(DISTINCT person), count(*) FROM link
