-- What is laid over the mapping tables, by feed: every version that was ever published; the last one is in use.
CREATE TABLE overlay (
  n INTEGER PRIMARY KEY, feed TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL,
  reason TEXT NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL, UNIQUE (feed, version)
) STRICT;
CREATE INDEX overlay_sha256 ON overlay (sha256);
CREATE TRIGGER overlay_no_update BEFORE UPDATE ON overlay BEGIN SELECT RAISE(ABORT, 'published overlays stay'); END;
CREATE TRIGGER overlay_no_delete BEFORE DELETE ON overlay BEGIN SELECT RAISE(ABORT, 'published overlays stay'); END;
-- What each feed has sent so far, as counts.
CREATE TABLE shape (feed TEXT PRIMARY KEY, at INTEGER NOT NULL, profile BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- What a feed began to send or ceased to; open while `ended` is 0.
CREATE TABLE shape_alarm (
  n INTEGER PRIMARY KEY, feed TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL,
  message TEXT NOT NULL, detail TEXT NOT NULL, ended INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX shape_alarm_feed ON shape_alarm (feed, ended, n);
