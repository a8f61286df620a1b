
CREATE TABLE property (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE organization (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, retention_days REAL, tail_read_at INTEGER, deep_read_at INTEGER
);
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE kind (
  id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, event_type INTEGER NOT NULL, target_type INTEGER NOT NULL,
  sub_target_type INTEGER NOT NULL, origin INTEGER NOT NULL, triggered_by INTEGER NOT NULL,
  UNIQUE (organization, event_type, target_type, sub_target_type, origin, triggered_by)
);
CREATE TABLE dictionary (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE event (
  position INTEGER PRIMARY KEY, number INTEGER NOT NULL, organization INTEGER NOT NULL, identity INTEGER NOT NULL,
  tag BLOB NOT NULL, revision INTEGER NOT NULL, superseded INTEGER NOT NULL DEFAULT 0, fetched_at INTEGER NOT NULL,
  event_type INTEGER NOT NULL, target_type INTEGER NOT NULL, sub_target_type INTEGER NOT NULL, origin INTEGER NOT NULL,
  triggered_by INTEGER NOT NULL, target_id INTEGER NOT NULL, project_id INTEGER NOT NULL,
  environment_id INTEGER NOT NULL
);
CREATE UNIQUE INDEX event_number ON event (number);
CREATE INDEX event_identity ON event (identity);
CREATE INDEX event_organization ON event (organization, position);
CREATE TABLE body (
  position INTEGER PRIMARY KEY, envelope BLOB NOT NULL,
  first_at INTEGER, first_content INTEGER, second_at INTEGER, second_content INTEGER
);
CREATE TABLE content (id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL, frame BLOB NOT NULL);
CREATE INDEX content_fingerprint ON content (fingerprint);
CREATE VIRTUAL TABLE search USING fts5 (facets, text, content='', columnsize=0, detail='column');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (search, 'instance');
CREATE TABLE rollup (
  organization INTEGER NOT NULL, grain INTEGER NOT NULL, dimension INTEGER NOT NULL, start INTEGER NOT NULL,
  word INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (organization, grain, dimension, start, word)
) WITHOUT ROWID;
CREATE TABLE coverage (
  organization INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (organization, start)
) WITHOUT ROWID;
CREATE TABLE gap (
  id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, start INTEGER, "end" INTEGER NOT NULL, reason TEXT NOT NULL,
  found_at INTEGER NOT NULL
);
CREATE TABLE leaf (chunk INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE tile (level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, place))
  WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE lease (organization TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
