-- name: figures
WITH counted AS (
  SELECT feed, day, state, count(*) AS n FROM message GROUP BY feed, day, state
), recorded AS (
  SELECT feed, day, state, sum(messages) AS n FROM feed_day WHERE state <> 'resent' GROUP BY feed, day, state
  HAVING sum(messages) <> 0
)
SELECT f.name, c.day, c.state, c.n, COALESCE(k.n, 0) FROM counted c JOIN feed f ON f.id = c.feed
LEFT JOIN recorded k ON k.feed = c.feed AND k.day = c.day AND k.state = c.state WHERE c.n IS DISTINCT FROM k.n
UNION ALL
SELECT f.name, k.day, k.state, 0, k.n FROM recorded k JOIN feed f ON f.id = k.feed
LEFT JOIN counted c ON c.feed = k.feed AND c.day = k.day AND c.state = k.state WHERE c.n IS NULL

-- name: totals
WITH days AS (
  SELECT feed, state, sum(messages) AS n, sum(bytes) AS b FROM feed_day GROUP BY feed, state
), totals AS (
  SELECT feed, state, sum(messages) AS n, sum(bytes) AS b FROM feed_total GROUP BY feed, state
)
SELECT f.name, d.state, d.n, COALESCE(t.n, 0) FROM days d JOIN feed f ON f.id = d.feed
LEFT JOIN totals t ON t.feed = d.feed AND t.state = d.state
WHERE d.n IS DISTINCT FROM t.n OR d.b IS DISTINCT FROM t.b

-- name: type_totals
WITH counted AS (SELECT type, count(*) AS n FROM res WHERE state = 0 GROUP BY type),
totals AS (SELECT type, sum(live) AS n FROM type_total GROUP BY type)
SELECT y.name, COALESCE(c.n, 0), COALESCE(t.n, 0) FROM resource_type y
LEFT JOIN counted c ON c.type = y.id LEFT JOIN totals t ON t.type = y.id
WHERE COALESCE(c.n, 0) <> COALESCE(t.n, 0)

-- name: message_without_key
SELECT mid FROM message WHERE control_id ~ '[0-9A-Za-z]' EXCEPT SELECT mid FROM message_key
