-- Pairs drawn for clerical review (low < high): stratum `link` or `new`, the probability when drawn, and how many pairs
-- of the store each stands for. What people say of them is in match_decision and match_review.
CREATE TABLE match_sample (
  low INTEGER NOT NULL, high INTEGER NOT NULL, stratum TEXT NOT NULL, score REAL NOT NULL, weight REAL NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (low, high)
) STRICT, WITHOUT ROWID;
