
CREATE TABLE property (name text PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE organization (
  id integer PRIMARY KEY, uuid text NOT NULL UNIQUE, retention_days double precision, tail_read_at bigint,
  deep_read_at bigint
);
-- Values are bytes, because text cannot hold a NUL, and are found by a digest, because an index cannot hold long ones.
CREATE TABLE word (id integer PRIMARY KEY, digest bytea NOT NULL UNIQUE, value bytea NOT NULL);
CREATE TABLE dictionary (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, data bytea NOT NULL);
CREATE TABLE event (
  position bigint PRIMARY KEY, number bigint NOT NULL UNIQUE, organization integer NOT NULL, identity bigint NOT NULL,
  tag bytea NOT NULL, revision integer NOT NULL, superseded boolean NOT NULL DEFAULT false, fetched_at bigint NOT NULL,
  event_type integer NOT NULL, target_type integer NOT NULL, sub_target_type integer NOT NULL, origin integer NOT NULL,
  triggered_by integer NOT NULL, target_id integer NOT NULL, project_id integer NOT NULL,
  environment_id integer NOT NULL
);
CREATE INDEX event_identity ON event (identity);
CREATE INDEX event_organization ON event (organization, position);
CREATE INDEX event_event_type ON event (organization, event_type, position) WHERE NOT superseded;
CREATE INDEX event_target_type ON event (organization, target_type, position) WHERE NOT superseded;
CREATE INDEX event_sub_target_type ON event (organization, sub_target_type, position) WHERE NOT superseded;
CREATE INDEX event_origin ON event (organization, origin, position) WHERE NOT superseded;
CREATE INDEX event_triggered_by ON event (organization, triggered_by, position) WHERE NOT superseded;
CREATE INDEX event_target_id ON event (organization, target_id, position) WHERE NOT superseded;
CREATE INDEX event_project_id ON event (organization, project_id, position) WHERE NOT superseded;
CREATE INDEX event_environment_id ON event (organization, environment_id, position) WHERE NOT superseded;
CREATE TABLE body (
  position bigint PRIMARY KEY, envelope bytea NOT NULL, first_at integer, first_content bigint, second_at integer,
  second_content bigint
);
CREATE TABLE content (id bigint PRIMARY KEY, digest bytea NOT NULL UNIQUE, frame bytea NOT NULL);
-- What is compressed already is not tried again.
ALTER TABLE body ALTER envelope SET STORAGE EXTERNAL;
ALTER TABLE content ALTER frame SET STORAGE EXTERNAL;
CREATE TABLE search (position bigint PRIMARY KEY, words tsvector NOT NULL);
CREATE INDEX search_words ON search USING gin (words);
CREATE TABLE rollup (
  organization integer NOT NULL, grain bigint NOT NULL, dimension integer NOT NULL, start bigint NOT NULL,
  word integer NOT NULL, count bigint NOT NULL, PRIMARY KEY (organization, grain, dimension, start, word)
) WITH (fillfactor = 80);
CREATE TABLE coverage (
  organization integer NOT NULL, start bigint NOT NULL, "end" bigint NOT NULL, PRIMARY KEY (organization, start)
);
CREATE TABLE gap (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, organization integer NOT NULL, start bigint,
  "end" bigint NOT NULL, reason text NOT NULL, found_at bigint NOT NULL
);
CREATE TABLE leaf (chunk bigint PRIMARY KEY, hashes bytea NOT NULL);
CREATE TABLE tile (level integer NOT NULL, place bigint NOT NULL, hash bytea NOT NULL, PRIMARY KEY (level, place));
-- One row: whoever writes events locks it, and so the log has no holes.
CREATE TABLE edge (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), frontier bytea NOT NULL);
INSERT INTO edge (frontier) VALUES ('\x0000000000000000');
CREATE TABLE checkpoint (size bigint PRIMARY KEY, text text NOT NULL);
CREATE TABLE lease (organization text PRIMARY KEY, holder text NOT NULL, until bigint NOT NULL);
