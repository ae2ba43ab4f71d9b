-- Dictionaries: repeated words become small integers in every key.
CREATE TABLE feed (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE resource_type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE parameter (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, code TEXT NOT NULL, UNIQUE (type, code)) STRICT;
CREATE TABLE system (id INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE key_kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- The journal: one row for each thing that came in; its bytes are in the day file of `day` under `slot`.
CREATE TABLE message (
  mid INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  feed INTEGER NOT NULL,
  format TEXT NOT NULL,
  day INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  received INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  type TEXT NOT NULL,
  control_id TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  order_key TEXT NOT NULL,
  parent TEXT NOT NULL,
  ack TEXT NOT NULL,
  reused INTEGER NOT NULL,
  keys BLOB NOT NULL,
  issues BLOB NOT NULL,
  state TEXT NOT NULL,
  finished INTEGER NOT NULL DEFAULT 0,
  entries INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  cause TEXT NOT NULL DEFAULT '',
  removed_on INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_feed ON message (feed, mid);
CREATE INDEX message_received ON message (received);
CREATE INDEX message_parent ON message (parent) WHERE parent <> '';
CREATE INDEX message_open ON message (state, mid) WHERE state IN ('queued', 'held', 'dead');
CREATE INDEX message_cause ON message (cause, mid) WHERE cause <> '';
CREATE INDEX message_order ON message (feed, order_key, mid)
  WHERE state IN ('queued', 'held', 'dead') AND order_key <> '';
CREATE TABLE message_key (
  kind INTEGER NOT NULL, value TEXT NOT NULL, mid INTEGER NOT NULL, PRIMARY KEY (kind, value, mid)
) STRICT, WITHOUT ROWID;
CREATE TABLE control_seen (
  feed INTEGER NOT NULL, control INTEGER NOT NULL, mid INTEGER NOT NULL, PRIMARY KEY (feed, control)
) STRICT, WITHOUT ROWID;
CREATE TABLE outcome (
  mid INTEGER PRIMARY KEY, at INTEGER NOT NULL, digest TEXT NOT NULL, issues BLOB NOT NULL, unconsumed BLOB NOT NULL
) STRICT;
CREATE TABLE effect (
  mid INTEGER NOT NULL, rid INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (mid, rid, version)
) STRICT, WITHOUT ROWID;

-- Figures by feed, kept as rows are written so that nobody has to count.
CREATE TABLE feed_day (
  feed INTEGER NOT NULL, day INTEGER NOT NULL, state TEXT NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (feed, day, state)
) STRICT, WITHOUT ROWID;
CREATE TABLE feed_minute (
  feed INTEGER NOT NULL, minute INTEGER NOT NULL, received INTEGER NOT NULL, finished INTEGER NOT NULL,
  failed INTEGER NOT NULL, PRIMARY KEY (feed, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE feed_last (feed INTEGER PRIMARY KEY, received INTEGER NOT NULL) STRICT;
CREATE TABLE feed_latency (
  feed INTEGER NOT NULL, day INTEGER NOT NULL, bucket INTEGER NOT NULL, messages INTEGER NOT NULL,
  PRIMARY KEY (feed, day, bucket)
) STRICT, WITHOUT ROWID;

-- Resources: the current version in `res`, superseded and late ones in `hist`. state: 0 live, 1 deleted, 2 stub.
CREATE TABLE res (
  rid INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL DEFAULT 0,
  type INTEGER NOT NULL,
  fhir_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  top INTEGER NOT NULL,
  t INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  state INTEGER NOT NULL,
  clock INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  mid INTEGER NOT NULL,
  digest BLOB NOT NULL,
  body BLOB NOT NULL,
  idx BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX res_id ON res (tenant, type, fhir_id);
CREATE INDEX res_updated ON res (tenant, type, updated, rid) WHERE state < 2;
CREATE TABLE hist (
  rid INTEGER NOT NULL,
  version INTEGER NOT NULL,
  t INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  state INTEGER NOT NULL,
  late INTEGER NOT NULL,
  clock INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  mid INTEGER NOT NULL,
  digest BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (rid, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE lineage (
  rid INTEGER NOT NULL, version INTEGER NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (rid, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE tx (t INTEGER PRIMARY KEY, at INTEGER NOT NULL, resources INTEGER NOT NULL) STRICT;

-- One narrow clustered table per shape of value; rid last, so every equality list is in rid order.
CREATE TABLE ix_tok (
  sp INTEGER NOT NULL, code INTEGER NOT NULL, sys INTEGER NOT NULL, rid INTEGER NOT NULL,
  PRIMARY KEY (sp, code, sys, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_str (
  sp INTEGER NOT NULL, v TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, v, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_dat (
  sp INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_dat_long ON ix_dat (sp, hi, lo, rid) WHERE hi - lo > 86400000000;
CREATE TABLE ix_ref (
  sp INTEGER NOT NULL, tgt INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (sp, tgt, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_pat (
  pat INTEGER NOT NULL, type INTEGER NOT NULL, dlo INTEGER NOT NULL, rid INTEGER NOT NULL,
  code INTEGER NOT NULL, cat INTEGER NOT NULL, PRIMARY KEY (pat, type, dlo, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE ix_find (
  term TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (term, rid)
) STRICT, WITHOUT ROWID;

-- Persons: sets of source Patients held by link edges; every change of an edge stays in link_event.
CREATE TABLE person (
  person INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, went_to INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE link (
  pat INTEGER PRIMARY KEY, person INTEGER NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, score REAL NOT NULL,
  actor TEXT NOT NULL, at INTEGER NOT NULL, mid INTEGER NOT NULL
) STRICT;
CREATE INDEX link_person ON link (person, pat);
CREATE TABLE link_event (
  n INTEGER PRIMARY KEY, kind TEXT NOT NULL, pat INTEGER NOT NULL, person INTEGER NOT NULL, former INTEGER NOT NULL,
  rule TEXT NOT NULL, reason TEXT NOT NULL, score REAL NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL,
  mid INTEGER NOT NULL
) STRICT;
CREATE INDEX link_event_pat ON link_event (pat, n);
CREATE INDEX link_event_person ON link_event (person, n);
CREATE INDEX link_event_former ON link_event (former, n) WHERE former <> 0;
CREATE TRIGGER link_event_no_update BEFORE UPDATE ON link_event BEGIN SELECT RAISE(ABORT, 'link history is append only'); END;
CREATE TRIGGER link_event_no_replace BEFORE INSERT ON link_event WHEN EXISTS (SELECT 1 FROM link_event WHERE n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'link history is append only'); END;
CREATE TRIGGER link_event_no_delete BEFORE DELETE ON link_event BEGIN SELECT RAISE(ABORT, 'link history is append only'); END;
CREATE TABLE match_record (pat INTEGER PRIMARY KEY, record BLOB NOT NULL, keys BLOB NOT NULL) STRICT;
CREATE TABLE match_key (
  key INTEGER NOT NULL, pat INTEGER NOT NULL, PRIMARY KEY (key, pat)
) STRICT, WITHOUT ROWID;

-- Lists sent as snapshots: who is on it, since when, and when a member was no longer sent.
CREATE TABLE list_seen (
  pat INTEGER NOT NULL, list TEXT NOT NULL, at INTEGER NOT NULL, mid INTEGER NOT NULL, PRIMARY KEY (pat, list)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_member (
  pat INTEGER NOT NULL, list TEXT NOT NULL, member TEXT NOT NULL, seen INTEGER NOT NULL, seen_mid INTEGER NOT NULL,
  gone INTEGER NOT NULL DEFAULT 0, gone_mid INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (pat, list, member)
) STRICT, WITHOUT ROWID;

-- What must be sent, and who did what: appended in the transaction of the thing itself.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at INTEGER NOT NULL, payload BLOB NOT NULL,
  done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_open ON outbox (seq) WHERE done = 0;
CREATE TABLE audit (
  n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  person INTEGER NOT NULL, what TEXT NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL, mid INTEGER NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_person ON audit (person, n) WHERE person <> 0;
CREATE INDEX audit_actor ON audit (actor, n);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;

-- Named users and what they hold; secrets are kept as hashes only.
CREATE TABLE user (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, display TEXT NOT NULL, roles TEXT NOT NULL,
  password TEXT NOT NULL, created INTEGER NOT NULL, disabled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE session (
  hash BLOB PRIMARY KEY, user INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, origin TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sign_in (
  hash BLOB PRIMARY KEY, user INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE client_token (
  hash BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, created INTEGER NOT NULL,
  expires INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE looked (
  user INTEGER NOT NULL, person INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user, person)
) STRICT, WITHOUT ROWID;

-- One row that a recovering writer changes to prove that commits are durable again.
CREATE TABLE probe (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO probe (id, n) VALUES (1, 0);
