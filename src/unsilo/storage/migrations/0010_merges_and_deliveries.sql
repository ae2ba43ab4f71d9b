-- Merges of two source Patients by the operation `$merge`: the versions before and after, so that it can be undone.
CREATE TABLE merge_event (
  n INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL, source_before INTEGER NOT NULL,
  source_after INTEGER NOT NULL, target_before INTEGER NOT NULL, target_after INTEGER NOT NULL,
  former INTEGER NOT NULL, decided TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX merge_event_pair ON merge_event (source, target, n);

-- Who is told of changes: how far the outbox was read for them, and which node sends now.
CREATE TABLE destination (
  name TEXT PRIMARY KEY, seen INTEGER NOT NULL, holder TEXT NOT NULL DEFAULT '', until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- What a destination was told of a person last.
CREATE TABLE told (
  destination TEXT NOT NULL, person INTEGER NOT NULL, ids TEXT NOT NULL, PRIMARY KEY (destination, person)
) STRICT, WITHOUT ROWID;
-- Messages on their way out, in their order: `waiting`, `sent`, `dead` (set aside) or `dropped` (by a person).
CREATE TABLE delivery (
  n INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, person INTEGER NOT NULL, made INTEGER NOT NULL,
  control_id TEXT NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
  attempts INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0, first INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX delivery_state ON delivery (destination, state, n);
