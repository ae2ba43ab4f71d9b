-- name: known
SELECT id, mid, ack, reused, issues, state FROM message
WHERE id IN (SELECT jsonb_array_elements_text(CAST(?1 AS jsonb)))

-- name: control_known
SELECT s.feed, s.control FROM jsonb_array_elements(CAST(?1 AS jsonb)) j
JOIN control_seen s ON s.feed = CAST(j.value ->> 0 AS integer) AND s.control = CAST(j.value ->> 1 AS bigint)

-- name: day_add
INSERT INTO feed_day (feed, day, state, messages, bytes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (feed, day, state, slot) DO UPDATE SET messages = feed_day.messages + excluded.messages,
  bytes = feed_day.bytes + excluded.bytes

-- name: total_add
INSERT INTO feed_total (feed, state, messages, bytes) VALUES (?, ?, ?, ?)
ON CONFLICT (feed, state, slot) DO UPDATE SET messages = feed_total.messages + excluded.messages,
  bytes = feed_total.bytes + excluded.bytes

-- name: minute_add
INSERT INTO feed_minute (feed, minute, received, finished, failed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (feed, minute, slot) DO UPDATE SET received = feed_minute.received + excluded.received,
  finished = feed_minute.finished + excluded.finished, failed = feed_minute.failed + excluded.failed

-- name: last_add
INSERT INTO feed_last (feed, received) VALUES (?, ?)
ON CONFLICT (feed, slot) DO UPDATE SET received = greatest(feed_last.received, excluded.received)

-- name: latency_add
INSERT INTO feed_latency (feed, day, bucket, messages) VALUES (?, ?, ?, ?)
ON CONFLICT (feed, day, bucket, slot) DO UPDATE SET messages = feed_latency.messages + excluded.messages

-- name: before_finish
SELECT mid, feed, day, state, size, received, order_key, attempts, holds FROM message
WHERE mid IN (SELECT CAST(jsonb_array_elements_text(CAST(?1 AS jsonb)) AS bigint)) ORDER BY mid FOR UPDATE

-- name: finish
UPDATE message SET state = v.state, finished = v.finished, entries = v.entries, cause = v.cause,
  attempts = message.attempts + v.attempts, holds = v.holds,
  claimant = CASE v.state WHEN 'queued' THEN CAST(current_setting('unsilo.node') AS bigint) ELSE 0 END
FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS text[]), CAST(?3 AS bigint[]), CAST(?4 AS integer[]), CAST(?5 AS text[]),
  CAST(?6 AS integer[]), CAST(?7 AS integer[])) AS v (mid, state, finished, entries, cause, attempts, holds)
WHERE message.mid = v.mid

-- name: release
UPDATE message SET state = 'queued', claimant = CAST(current_setting('unsilo.node') AS bigint)
WHERE feed = ? AND order_key = ? AND state IN ('queued', 'held', 'dead') AND order_key <> '' AND state = 'held'
  AND mid < ?
RETURNING mid, feed, day, size, id, order_key, format, attempts

-- name: dead_groups
SELECT m.cause, count(*), min(m.mid), max(m.mid), CAST(to_json(array_agg(DISTINCT f.name)) AS text)
FROM message m JOIN feed f ON f.id = m.feed
WHERE m.state IN ('queued', 'held', 'dead') AND m.state = 'dead' GROUP BY m.cause ORDER BY 2 DESC, 1

-- name: issue_groups
SELECT m.cause, count(*), min(m.mid), max(m.mid), CAST(to_json(array_agg(DISTINCT f.name)) AS text)
FROM message m JOIN feed f ON f.id = m.feed WHERE m.cause <> '' GROUP BY m.cause ORDER BY 2 DESC, 1

-- name: feed_minutes
SELECT f.name, x.minute, sum(x.received), sum(x.finished), sum(x.failed) FROM feed f JOIN feed_minute x ON x.feed = f.id
WHERE x.minute >= ? GROUP BY f.id, x.minute ORDER BY f.id, x.minute

-- name: feed_lasts
SELECT f.name, max(l.received) FROM feed f LEFT JOIN feed_last l ON l.feed = f.id GROUP BY f.id
