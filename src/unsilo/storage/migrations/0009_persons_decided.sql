-- What people decided of two source Patients (low < high): `same`, `apart`, or `open` when a decision was taken back.
-- The newest counts; none is ever changed.
CREATE TABLE match_decision (
  n INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
  actor TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX match_decision_low ON match_decision (low, high, n);
CREATE INDEX match_decision_high ON match_decision (high, low, n);

-- Pairs that wait for a person, or that one looked at.
CREATE TABLE match_review (
  n INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL,
  score REAL NOT NULL, version TEXT NOT NULL, mid INTEGER NOT NULL, at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open', actor TEXT NOT NULL DEFAULT '', decided INTEGER NOT NULL DEFAULT 0,
  UNIQUE (low, high)
) STRICT;
CREATE INDEX match_review_state ON match_review (state, n);
CREATE INDEX match_review_high ON match_review (high);

-- The models that decided, one of them now.
CREATE TABLE match_model (
  n INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE, model BLOB NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL,
  active INTEGER NOT NULL
) STRICT;
