-- Merges of two source Patients by the operation `$merge`: the versions before and after, so that it can be undone.
CREATE TABLE merge_event (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source bigint NOT NULL, target bigint NOT NULL,
  source_before bigint NOT NULL, source_after bigint NOT NULL, target_before bigint NOT NULL,
  target_after bigint NOT NULL, former bigint NOT NULL, decided text COLLATE "C" NOT NULL,
  actor text COLLATE "C" NOT NULL, at bigint NOT NULL, undone bigint NOT NULL DEFAULT 0
);
CREATE INDEX merge_event_pair ON merge_event (source, target, n);

-- Who is told of changes: how far the outbox was read for them, and which node sends now.
CREATE TABLE destination (
  name text COLLATE "C" PRIMARY KEY, seen bigint NOT NULL, holder text COLLATE "C" NOT NULL DEFAULT '',
  until bigint NOT NULL DEFAULT 0
);
-- What a destination was told of a person last.
CREATE TABLE told (
  destination text COLLATE "C" NOT NULL, person bigint NOT NULL, ids text COLLATE "C" NOT NULL,
  PRIMARY KEY (destination, person)
);
-- Messages on their way out, in their order: `waiting`, `sent`, `dead` (set aside) or `dropped` (by a person).
CREATE TABLE delivery (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, destination text COLLATE "C" NOT NULL, person bigint NOT NULL,
  made bigint NOT NULL, control_id text COLLATE "C" NOT NULL, body bytea NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'waiting', attempts bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0, first bigint NOT NULL DEFAULT 0, due bigint NOT NULL DEFAULT 0,
  ended bigint NOT NULL DEFAULT 0, said text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX delivery_state ON delivery (destination, state, n);
