-- Decisions about local codes: each entry as it is now, and every move that it ever made.
CREATE TABLE map_entry (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, feed TEXT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL,
  entry BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE map_event (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL,
  reason TEXT NOT NULL, entry BLOB NOT NULL
) STRICT;
CREATE INDEX map_event_id ON map_event (id, n);
CREATE TRIGGER map_event_no_update BEFORE UPDATE ON map_event BEGIN SELECT RAISE(ABORT, 'map history is append only'); END;
CREATE TRIGGER map_event_no_replace BEFORE INSERT ON map_event WHEN EXISTS (SELECT 1 FROM map_event WHERE n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'map history is append only'); END;
CREATE TRIGGER map_event_no_delete BEFORE DELETE ON map_event BEGIN SELECT RAISE(ABORT, 'map history is append only'); END;
