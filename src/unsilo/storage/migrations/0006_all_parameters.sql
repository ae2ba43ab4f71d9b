-- The keys of every search parameter of R4, with numbers that never change: the old tables are filled anew by
-- `storage/renew.py`, which runs after this script in the same transaction.
DROP TABLE ix_tok;
DROP TABLE ix_str;
DROP TABLE ix_dat;
DROP TABLE ix_ref;
DROP TABLE ix_pat;
DROP TABLE parameter;
DROP INDEX res_id;
DROP INDEX res_updated;
DROP INDEX res_live;
DELETE FROM ix_find;

-- Search parameters that were posted to this store; those of the standard have their numbers in `spec`.
CREATE TABLE parameter (
  id INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,
  code TEXT NOT NULL,
  url TEXT NOT NULL,
  fhir_id TEXT NOT NULL,
  definition BLOB NOT NULL,
  state TEXT NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  UNIQUE (type, code)
) STRICT;

-- What the store keeps of itself: `secret.*` keys that sign, `index` the version of the keys.
CREATE TABLE keep (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- What bodies and images are compressed with; a frame names its dictionary.
CREATE TABLE dictionary (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, content BLOB NOT NULL, made INTEGER NOT NULL) STRICT;

-- History of a type and of all, in the order of time.
ALTER TABLE hist ADD COLUMN tenant INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hist ADD COLUMN type INTEGER NOT NULL DEFAULT 0;
UPDATE hist SET type = COALESCE((SELECT r.type FROM res r WHERE r.rid = hist.rid), 0);

-- One narrow clustered table per shape of value; rid last, so every equality list is in rid order.
-- Tokens; rows of -sp are the hashes of texts (`:text`), rows of sp + 1000000 the identifiers of references.
CREATE TABLE ix_tok (
  sp INTEGER NOT NULL, code INTEGER NOT NULL, sys INTEGER NOT NULL, rid INTEGER NOT NULL,
  PRIMARY KEY (sp, code, sys, rid)
) STRICT, WITHOUT ROWID;
-- Each text of a token once, for `:text`.
CREATE TABLE ix_txt (
  sp INTEGER NOT NULL, v TEXT NOT NULL, code INTEGER NOT NULL, PRIMARY KEY (sp, v, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_str (
  sp INTEGER NOT NULL, v TEXT NOT NULL, raw INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, v, raw, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_dat (
  sp INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_dat_long ON ix_dat (sp, hi, lo, rid) WHERE hi - lo > 86400000000;
CREATE TABLE ix_num (
  sp INTEGER NOT NULL, lo REAL NOT NULL, hi REAL NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_qty (
  sp INTEGER NOT NULL, unit INTEGER NOT NULL, lo REAL NOT NULL, hi REAL NOT NULL, rid INTEGER NOT NULL,
  PRIMARY KEY (sp, unit, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_uri (
  sp INTEGER NOT NULL, v TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, v, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_ref (
  sp INTEGER NOT NULL, tgt INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, tgt, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_cmp (
  sp INTEGER NOT NULL, code INTEGER NOT NULL, sys INTEGER NOT NULL, code2 INTEGER NOT NULL, sys2 INTEGER NOT NULL,
  lo REAL NOT NULL, hi REAL NOT NULL, v TEXT NOT NULL, rid INTEGER NOT NULL,
  PRIMARY KEY (sp, code, sys, code2, sys2, lo, hi, v, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_pos (
  sp INTEGER NOT NULL, lat REAL NOT NULL, lon REAL NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, lat, lon, rid)
) STRICT, WITHOUT ROWID;
-- Everything of one source Patient, by type and date, with code and category beside it.
CREATE TABLE ix_pat (
  pat INTEGER NOT NULL, type INTEGER NOT NULL, dlo INTEGER NOT NULL, rid INTEGER NOT NULL,
  code INTEGER NOT NULL, cat INTEGER NOT NULL, PRIMARY KEY (pat, type, dlo, rid)
) STRICT, WITHOUT ROWID;
-- The text of a code once, for sorting by a token.
CREATE TABLE ix_code (code INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT;
-- What is wider than a point, for ranges over ranges.
CREATE INDEX ix_num_wide ON ix_num (sp, hi, lo, rid) WHERE hi > lo;
CREATE INDEX ix_qty_wide ON ix_qty (sp, unit, hi, lo, rid) WHERE hi > lo;
