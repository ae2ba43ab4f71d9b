-- What is doubtful in facts, by the message that brought them: rows of the processing at `at` count (see `outcome.at`).
CREATE TABLE doubt (
  feed INTEGER NOT NULL, rule TEXT NOT NULL, mid INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL,
  PRIMARY KEY (feed, rule, mid, at, what)
) STRICT, WITHOUT ROWID;
