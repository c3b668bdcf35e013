-- +goose Up

-- What an audit record says beside who did what: why, and from what to what.
ALTER TABLE audit ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- How long projects had accelerators in the hours that are over: the sum of what
-- lease_grants says of them, so that months are read as fast as a day. The hour
-- that was summed up last is in gpu_hours_upto.
CREATE TABLE gpu_hours (
  hour    INTEGER NOT NULL, -- hours since 1970
  project TEXT NOT NULL,
  micros  INTEGER NOT NULL, -- device microseconds
  PRIMARY KEY (hour, project)
);
CREATE TABLE gpu_hours_upto (
  id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  hour INTEGER NOT NULL -- the first that is not summed up
);
INSERT INTO gpu_hours_upto (id, hour) VALUES (1, 0);

-- What became of requests beside being granted and given back.
CREATE TABLE lease_notes (
  attempt TEXT NOT NULL,
  kind    TEXT NOT NULL, -- asked_back
  at      INTEGER NOT NULL,
  project TEXT NOT NULL,
  note    TEXT NOT NULL,
  PRIMARY KEY (attempt, kind, at)
);
CREATE INDEX lease_notes_at ON lease_notes (at);
