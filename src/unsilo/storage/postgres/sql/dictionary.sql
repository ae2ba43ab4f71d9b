-- name: sampled
SELECT r.body, r.idx, l.rows
FROM res r TABLESAMPLE BERNOULLI (CAST(?1 AS double precision)) REPEATABLE (CAST(?2 AS bigint))
LEFT JOIN lineage l ON l.rid = r.rid AND l.version = r.version WHERE r.state = 0 LIMIT ?3
