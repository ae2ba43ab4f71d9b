-- name: read
SELECT ref, version, dictionary, at, facts FROM note_read WHERE ref = ?

-- name: put
INSERT INTO note_read (ref, version, dictionary, at, facts) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (ref) DO UPDATE SET version = excluded.version, dictionary = excluded.dictionary, at = excluded.at,
  facts = excluded.facts

-- name: drop
DELETE FROM note_read WHERE ref = ?

-- name: count
SELECT count(*) FROM note_read

-- name: answers
SELECT n, id, ref, answer, actor, at, reason, made, fact FROM note_answer WHERE ref = ? ORDER BY n

-- name: answer
INSERT INTO note_answer (id, ref, answer, actor, at, reason, made, fact) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: top
SELECT COALESCE(max(t), 0) FROM tx

-- name: progress
SELECT value FROM keep WHERE name = 'notes'

-- name: keep_progress
INSERT INTO keep (name, value) VALUES ('notes', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: newest
SELECT n, id, ref, answer, actor, at, reason, made, fact FROM note_answer WHERE ref = ? AND id = ? ORDER BY n DESC LIMIT 1
