-- name: add
INSERT INTO user (name, display, roles, password, created) VALUES (?, ?, ?, ?, ?) RETURNING id

-- name: change
UPDATE user SET display = ?, roles = ?, password = ?, disabled = ? WHERE id = ?

-- name: by_name
SELECT id, name, display, roles, password, created, disabled FROM user WHERE name = ?

-- name: all
SELECT id, name, display, roles, password, created, disabled FROM user ORDER BY name

-- name: session_add
INSERT INTO session (hash, user, created, expires, origin) VALUES (?, ?, ?, ?, ?)

-- name: session
SELECT u.id, u.name, u.display, u.roles, u.password, u.created, u.disabled, s.expires
FROM session s JOIN user u ON u.id = s.user WHERE s.hash = ? AND s.expires > ? AND u.disabled = 0

-- name: session_extend
UPDATE session SET expires = ? WHERE hash = ?

-- name: session_end
DELETE FROM session WHERE hash = ?

-- name: sessions_end
DELETE FROM session WHERE user = ?

-- name: sessions_forget
DELETE FROM session WHERE expires <= ?

-- name: sign_in_add
INSERT INTO sign_in (hash, user, expires) VALUES (?, ?, ?)

-- name: sign_in_use
UPDATE sign_in SET used = ?1 WHERE hash = ?2 AND used = 0 AND expires > ?1 RETURNING user

-- name: by_id
SELECT id, name, display, roles, password, created, disabled FROM user WHERE id = ?

-- name: token_add
INSERT INTO client_token (hash, name, scopes, created, expires) VALUES (?, ?, ?, ?, ?)

-- name: token
SELECT name, scopes, created, expires, revoked FROM client_token
WHERE hash = ? AND revoked = 0 AND (expires = 0 OR expires > ?)

-- name: tokens
SELECT name, scopes, created, expires, revoked FROM client_token ORDER BY name

-- name: token_revoke
UPDATE client_token SET revoked = ? WHERE name = ? AND revoked = 0

-- name: looked
SELECT at FROM looked WHERE user = ? AND person = ?

-- name: looked_lately
SELECT person FROM looked WHERE user = ? ORDER BY at DESC, person LIMIT ?

-- name: looked_write
INSERT INTO looked (user, person, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at
