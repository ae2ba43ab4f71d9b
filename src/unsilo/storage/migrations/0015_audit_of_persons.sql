-- Which rows of the audit trail tell of a person, gathered 16,384 rows at a time. An index of each row by itself changed
-- a page of its own for nearly every read; a run of many rows is a dozen pages that follow each other. Rows after the
-- last run are looked through. The row of person 0 says that a run is whole.
CREATE TABLE audit_of (
  run INTEGER NOT NULL, person INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (run, person, n)
) STRICT, WITHOUT ROWID;
INSERT INTO audit_of (run, person, n)
SELECT n >> 14, person, n FROM audit WHERE person <> 0 AND n >> 14 < (SELECT max(n) >> 14 FROM audit) ORDER BY 1, 2, 3;
INSERT INTO audit_of (run, person, n)
WITH RECURSIVE run (k) AS (SELECT (max(n) >> 14) - 1 FROM audit UNION ALL SELECT k - 1 FROM run WHERE k > 0)
SELECT k, 0, 0 FROM run WHERE k >= 0;
DROP INDEX audit_person;
