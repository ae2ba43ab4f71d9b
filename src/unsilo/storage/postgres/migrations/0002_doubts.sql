-- What is doubtful in facts, by the message that brought them: rows of the processing at `at` count (see `outcome.at`).
CREATE TABLE doubt (
  feed integer NOT NULL, rule text COLLATE "C" NOT NULL, mid bigint NOT NULL, at bigint NOT NULL,
  what text COLLATE "C" NOT NULL, PRIMARY KEY (feed, rule, mid, at, what)
);
