-- name: sampled
SELECT body, idx FROM res TABLESAMPLE BERNOULLI (CAST(?1 AS double precision)) REPEATABLE (CAST(?2 AS bigint))
WHERE state = 0 LIMIT ?3
