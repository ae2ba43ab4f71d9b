-- Pairs drawn for clerical review (low < high): stratum `link` or `new`, the probability when drawn, and how many pairs
-- of the store each stands for. What people say of them is in match_decision and match_review.
CREATE TABLE match_sample (
  low bigint NOT NULL, high bigint NOT NULL, stratum text NOT NULL, score double precision NOT NULL,
  weight double precision NOT NULL, at bigint NOT NULL, PRIMARY KEY (low, high)
);
