-- +goose Up

-- What was asked for, granted and given back of accelerators: what could be tried
-- again with other rules. A process of a gang has a row of its own.
CREATE TABLE lease_history (
  attempt    TEXT NOT NULL,
  gang       TEXT NOT NULL, -- the attempt of the first; empty: no gang
  project    TEXT NOT NULL,
  request    TEXT NOT NULL,
  priority   INTEGER NOT NULL,
  gpu_milli  INTEGER NOT NULL,
  cpu_milli  INTEGER NOT NULL,
  memory     INTEGER NOT NULL,
  asked_at   INTEGER NOT NULL,
  granted_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  PRIMARY KEY (attempt, granted_at)
);
CREATE INDEX lease_history_ended ON lease_history (ended_at);
