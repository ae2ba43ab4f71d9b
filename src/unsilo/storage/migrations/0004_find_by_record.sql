-- The second word of a name is looked for among the terms of each record that has the first.
CREATE UNIQUE INDEX ix_find_rid ON ix_find (rid, term);
