-- name: top_mid
SELECT COALESCE(max(mid), 0) FROM message

-- name: known
SELECT id, mid, ack, reused, issues, state FROM message WHERE id IN (SELECT value FROM json_each(?))

-- name: control_known
SELECT feed, control FROM control_seen
WHERE (feed, control) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))

-- name: blocked
SELECT EXISTS (
  SELECT 1 FROM message WHERE holds = 1 AND feed = ? AND order_key = ? AND id <> ?
)

-- name: any_holds
SELECT EXISTS (SELECT 1 FROM message WHERE holds = 1)

-- name: insert
INSERT INTO message (mid, id, feed, format, day, slot, received, size, sha256, type, control_id, event_time, order_key,
  parent, ack, reused, keys, issues, state, cause, holds)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: key_insert
INSERT OR IGNORE INTO message_key (kind, value, mid) VALUES (?, ?, ?)

-- name: control_insert
INSERT OR IGNORE INTO control_seen (feed, control, mid) VALUES (?, ?, ?)

-- name: day_add
INSERT INTO feed_day (feed, day, state, messages, bytes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes

-- name: total_add
INSERT INTO feed_total (feed, state, messages, bytes) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes

-- name: minute_add
INSERT INTO feed_minute (feed, minute, received, finished, failed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET received = received + excluded.received, finished = finished + excluded.finished,
  failed = failed + excluded.failed

-- name: minute_forget
DELETE FROM feed_minute WHERE minute < ?

-- name: last_add
INSERT INTO feed_last (feed, received) VALUES (?, ?)
ON CONFLICT DO UPDATE SET received = max(received, excluded.received)

-- name: latency_add
INSERT INTO feed_latency (feed, day, bucket, messages) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET messages = messages + excluded.messages

-- name: latency_forget
DELETE FROM feed_latency WHERE day < ?

-- name: before_finish
SELECT mid, feed, day, state, size, received, order_key, attempts, holds FROM message
WHERE mid IN (SELECT value FROM json_each(?))

-- name: finish
UPDATE message SET state = v.column2, finished = v.column3, entries = v.column4, cause = v.column5,
  attempts = attempts + v.column6, holds = v.column7
FROM (VALUES (?, ?, ?, ?, ?, ?, ?)) AS v WHERE message.mid = v.column1

-- name: first_holds
SELECT min(mid) FROM message WHERE holds = 1 AND feed = ? AND order_key = ?

-- name: hold
UPDATE message SET state = 'held'
WHERE feed = ? AND order_key = ? AND state IN ('queued', 'held', 'dead') AND order_key <> '' AND state = 'queued'
  AND mid > ?
RETURNING mid, feed, day, size

-- name: release
UPDATE message SET state = 'queued'
WHERE feed = ? AND order_key = ? AND state IN ('queued', 'held', 'dead') AND order_key <> '' AND state = 'held'
  AND mid < ?
RETURNING mid, feed, day, size, id, order_key, format, attempts

-- name: queued
SELECT m.mid, m.id, f.name, m.order_key, m.format, m.attempts FROM message m JOIN feed f ON f.id = m.feed
WHERE m.state IN ('queued', 'held', 'dead') AND m.state = 'queued' AND m.mid > ? ORDER BY m.mid LIMIT ?

-- name: item
SELECT m.mid, m.id, f.name, m.order_key, m.format, m.attempts FROM message m JOIN feed f ON f.id = m.feed
WHERE m.mid = ? AND m.state = 'queued'

-- name: columns
SELECT m.mid, m.id, f.name, m.format, m.day, m.received, m.size, m.sha256, m.type, m.control_id, m.event_time,
  m.order_key, m.parent, m.ack, m.reused, m.keys, m.issues, m.state, m.finished, m.entries, m.attempts, m.cause,
  m.removed_on
FROM message m JOIN feed f ON f.id = m.feed

-- name: place
SELECT day, slot, sha256, removed_on FROM message WHERE id = ?

-- name: outcome
SELECT mid, at, digest, issues, unconsumed FROM outcome WHERE mid = ?

-- name: dead_groups
SELECT m.cause, count(*), min(m.mid), max(m.mid), json_group_array(DISTINCT f.name)
FROM message m JOIN feed f ON f.id = m.feed
WHERE m.state IN ('queued', 'held', 'dead') AND m.state = 'dead' GROUP BY m.cause ORDER BY 2 DESC, 1

-- name: issue_groups
SELECT m.cause, count(*), min(m.mid), max(m.mid), json_group_array(DISTINCT f.name)
FROM message m JOIN feed f ON f.id = m.feed WHERE m.cause <> '' GROUP BY m.cause ORDER BY 2 DESC, 1

-- name: feed_totals
SELECT f.name, t.state, t.messages, t.bytes FROM feed_total t JOIN feed f ON f.id = t.feed

-- name: feed_day
SELECT f.name, sum(d.messages) FROM feed f CROSS JOIN feed_day d ON d.feed = f.id AND d.day = ?
WHERE d.state <> 'resent' GROUP BY f.name

-- name: feed_minutes
SELECT f.name, x.minute, x.received, x.finished, x.failed FROM feed f CROSS JOIN feed_minute x ON x.feed = f.id
WHERE x.minute >= ? ORDER BY f.id, x.minute

-- name: feed_doubts
SELECT f.name, d.rule, count(*) FROM doubt d JOIN feed f ON f.id = d.feed JOIN outcome o ON o.mid = d.mid AND o.at = d.at
GROUP BY f.name, d.rule

-- name: feed_lasts
SELECT f.name, l.received FROM feed f LEFT JOIN feed_last l ON l.feed = f.id

-- name: feed_latencies
SELECT f.name, x.bucket, sum(x.messages) FROM feed_latency x JOIN feed f ON f.id = x.feed
WHERE x.day >= ? GROUP BY f.name, x.bucket ORDER BY x.bucket

-- name: day_remove
UPDATE message SET removed_on = ?3
WHERE removed_on = 0 AND state NOT IN ('queued', 'held', 'dead')
  AND day = ?1 AND (?2 = '' OR feed IN (SELECT id FROM feed WHERE name = ?2)) AND mid BETWEEN ?4 AND ?5

-- name: day_open
SELECT mid FROM message
WHERE removed_on = 0 AND state IN ('queued', 'held', 'dead')
  AND day = ?1 AND (?2 = '' OR feed IN (SELECT id FROM feed WHERE name = ?2)) AND mid BETWEEN ?3 AND ?4
LIMIT ?5

-- name: day_left
SELECT slot FROM message
WHERE removed_on = 0 AND day = ?1 AND (?2 = '' OR feed IN (SELECT id FROM feed WHERE name = ?2))
  AND mid BETWEEN ?3 AND ?4
ORDER BY slot LIMIT ?5

-- name: day_done
SELECT mid FROM message
WHERE removed_on = 0 AND state NOT IN ('queued', 'held', 'dead')
  AND day = ?1 AND (?2 = '' OR feed IN (SELECT id FROM feed WHERE name = ?2)) LIMIT 1

-- name: day_range
SELECT min(mid), max(mid) FROM message WHERE received >= ? AND received < ?

-- name: day_kept
SELECT count(*) FROM message WHERE removed_on = 0 AND day = ? AND mid BETWEEN ? AND ?
