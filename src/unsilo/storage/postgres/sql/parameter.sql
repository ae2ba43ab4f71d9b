-- name: live
SELECT COALESCE((SELECT sum(live) FROM type_total WHERE type = ?), 0)
