-- name: overlay_top
SELECT COALESCE(max(n), 0) FROM overlay

-- name: overlay_current
SELECT o.n, o.feed, o.version, o.at, o.actor, o.reason, o.sha256, o.content FROM overlay o
WHERE o.n IN (SELECT max(n) FROM overlay GROUP BY feed) ORDER BY o.feed

-- name: overlay_history
SELECT n, feed, version, at, actor, reason, sha256, content FROM overlay WHERE feed = ? ORDER BY n DESC

-- name: overlay_version
SELECT n, feed, version, at, actor, reason, sha256, content FROM overlay WHERE feed = ? AND version = ?

-- name: overlay_by_sha256
SELECT n, feed, version, at, actor, reason, sha256, content FROM overlay WHERE sha256 = ? ORDER BY n DESC LIMIT 20

-- name: overlay_last
SELECT COALESCE(max(version), 0) FROM overlay WHERE feed = ?

-- name: overlay_put
INSERT INTO overlay (feed, version, at, actor, reason, sha256, content) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: shape
SELECT at, profile FROM shape WHERE feed = ?

-- name: shape_put
INSERT INTO shape (feed, at, profile) VALUES (?, ?, ?)
ON CONFLICT (feed) DO UPDATE SET at = excluded.at, profile = excluded.profile

-- name: alarms
SELECT n, feed, kind, what, at, message, detail, ended, actor, reason FROM shape_alarm
WHERE (? = '' OR feed = ?) ORDER BY CASE WHEN ended = 0 THEN 0 ELSE 1 END, n DESC LIMIT ?

-- name: alarm
SELECT n, feed, kind, what, at, message, detail, ended, actor, reason FROM shape_alarm WHERE n = ?

-- name: alarm_open
SELECT n FROM shape_alarm WHERE feed = ? AND ended = 0 AND kind = ? AND what = ?

-- name: alarm_counts
SELECT feed, count(*) FROM shape_alarm WHERE ended = 0 GROUP BY feed ORDER BY feed

-- name: alarm_put
INSERT INTO shape_alarm (feed, kind, what, at, message, detail, ended, actor, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: alarm_end
UPDATE shape_alarm SET ended = ?, actor = ?, reason = ? WHERE n = ? AND ended = 0
