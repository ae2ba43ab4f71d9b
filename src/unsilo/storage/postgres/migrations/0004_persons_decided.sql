-- What people decided of two source Patients (low < high): `same`, `apart`, or `open` when a decision was taken back.
-- The newest counts; none is ever changed.
CREATE TABLE match_decision (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, low bigint NOT NULL, high bigint NOT NULL,
  kind text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, actor text COLLATE "C" NOT NULL, at bigint NOT NULL
);
CREATE INDEX match_decision_low ON match_decision (low, high, n);
CREATE INDEX match_decision_high ON match_decision (high, low, n);

-- Pairs that wait for a person, or that one looked at.
CREATE TABLE match_review (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, low bigint NOT NULL, high bigint NOT NULL,
  rule text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, score double precision NOT NULL,
  version text COLLATE "C" NOT NULL, mid bigint NOT NULL, at bigint NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'open', actor text COLLATE "C" NOT NULL DEFAULT '',
  decided bigint NOT NULL DEFAULT 0, UNIQUE (low, high)
);
CREATE INDEX match_review_state ON match_review (state, n);
CREATE INDEX match_review_high ON match_review (high);

-- The models that decided, one of them now.
CREATE TABLE match_model (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version text COLLATE "C" NOT NULL UNIQUE, model bytea NOT NULL,
  actor text COLLATE "C" NOT NULL, at bigint NOT NULL, active integer NOT NULL
);
