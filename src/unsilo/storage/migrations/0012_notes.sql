-- What was read in the notes of a resource: the version that was read, with which dictionary, and the facts.
CREATE TABLE note_read (
  ref TEXT PRIMARY KEY, version INTEGER NOT NULL, dictionary TEXT NOT NULL, at INTEGER NOT NULL, facts BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- What clinicians said of such facts: `confirmed`, `refused`, or `open` when an answer was taken back. The newest counts.
CREATE TABLE note_answer (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL, ref TEXT NOT NULL, answer TEXT NOT NULL, actor TEXT NOT NULL,
  at INTEGER NOT NULL, reason TEXT NOT NULL, made TEXT NOT NULL, fact BLOB NOT NULL
) STRICT;
CREATE INDEX note_answer_ref ON note_answer (ref, n);
CREATE TRIGGER note_answer_no_update BEFORE UPDATE ON note_answer BEGIN SELECT RAISE(ABORT, 'answers stay'); END;
CREATE TRIGGER note_answer_no_delete BEFORE DELETE ON note_answer BEGIN SELECT RAISE(ABORT, 'answers stay'); END;
