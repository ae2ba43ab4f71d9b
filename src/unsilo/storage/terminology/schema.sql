-- One version of a code system, or a collection of maps and definitions: written once, then only read.
PRAGMA user_version = 1;  -- the form of the file: `artefact.FORM`
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- `parents` and `above` are packed arrays of ids; ids are 1, 2, 3 in the order of the release.
CREATE TABLE concept (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL, display TEXT NOT NULL, active INTEGER NOT NULL,
  definition TEXT NOT NULL, parents BLOB, above BLOB
);
-- `below` is a packed array, or a map of bits where that is shorter.
CREATE TABLE lower (id INTEGER PRIMARY KEY, many INTEGER NOT NULL, children BLOB NOT NULL, below BLOB NOT NULL);
-- Terms are numbered active before inactive, short before long: the first that a search meets are the best.
CREATE TABLE term (
  id INTEGER PRIMARY KEY, concept INTEGER NOT NULL, kind INTEGER NOT NULL, term TEXT NOT NULL, preferred TEXT
);
-- The concept of each term, and what else is read as a whole: arrays of 32-bit numbers.
CREATE TABLE packed (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE kind (id INTEGER PRIMARY KEY, language TEXT NOT NULL, use TEXT NOT NULL);
CREATE TABLE property (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, type TEXT NOT NULL, description TEXT NOT NULL, uri TEXT NOT NULL
);
CREATE TABLE relation (
  property INTEGER NOT NULL, target INTEGER NOT NULL, source INTEGER NOT NULL, part INTEGER NOT NULL,
  PRIMARY KEY (property, target, source, part)
) WITHOUT ROWID;
CREATE TABLE said (
  property INTEGER NOT NULL, value TEXT NOT NULL, source INTEGER NOT NULL, part INTEGER NOT NULL,
  PRIMARY KEY (property, value, source, part)
) WITHOUT ROWID;
CREATE TABLE member (refset TEXT NOT NULL, concept INTEGER NOT NULL, PRIMARY KEY (refset, concept)) WITHOUT ROWID;
CREATE TABLE successor (
  concept INTEGER NOT NULL, relationship TEXT NOT NULL, target TEXT NOT NULL,
  PRIMARY KEY (concept, relationship, target)
) WITHOUT ROWID;
CREATE TABLE mapset (id INTEGER PRIMARY KEY, url TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, said TEXT);
CREATE TABLE map (
  mapset INTEGER NOT NULL, source TEXT NOT NULL, rank INTEGER NOT NULL, target TEXT NOT NULL, said TEXT NOT NULL,
  PRIMARY KEY (mapset, source, rank)
) WITHOUT ROWID;
CREATE TABLE definition (kind TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (kind, url, version)) WITHOUT ROWID;
