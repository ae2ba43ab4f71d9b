-- Totals beside the figures by day, so that a feed of ten years is summed up as fast as a new one.
CREATE TABLE feed_total (
  feed INTEGER NOT NULL, state TEXT NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (feed, state)
) STRICT, WITHOUT ROWID;
INSERT INTO feed_total (feed, state, messages, bytes)
SELECT feed, state, sum(messages), sum(bytes) FROM feed_day GROUP BY feed, state;

-- Live resources by type, for the same reason.
CREATE TABLE type_total (type INTEGER PRIMARY KEY, live INTEGER NOT NULL) STRICT;
INSERT INTO type_total (type, live) SELECT type, count(*) FROM res WHERE state = 0 GROUP BY type;
