-- name: looked_write
INSERT INTO looked ("user", person, at) VALUES (?, ?, ?) ON CONFLICT ("user", person) DO UPDATE SET at = excluded.at
