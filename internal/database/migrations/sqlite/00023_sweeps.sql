-- +goose Up

-- A sweep is a step of a run that searches. What it decides follows from its
-- events in their order: mark is the hash of all of them, and with the revision
-- what a change compares.
CREATE TABLE sweeps (
  no        INTEGER PRIMARY KEY AUTOINCREMENT,
  project   TEXT NOT NULL,
  run       TEXT NOT NULL,
  step      TEXT NOT NULL,
  state     TEXT NOT NULL,
  reason    TEXT NOT NULL,
  spec      TEXT NOT NULL, -- as it was written
  settings  TEXT NOT NULL, -- what was read of it, for the engine
  seed      INTEGER NOT NULL,
  metric    TEXT NOT NULL,
  goal      TEXT NOT NULL,
  parallel  INTEGER NOT NULL,
  best      TEXT,
  revision  INTEGER NOT NULL, -- number of the last event
  decisions INTEGER NOT NULL, -- number of the last decision
  segments  INTEGER NOT NULL, -- how many there are: the place of the next item
  mark      TEXT NOT NULL,
  snapshot  TEXT,             -- state of the engine
  snapped   INTEGER NOT NULL, -- the event after which it was taken
  created_at INTEGER NOT NULL,
  ended_at   INTEGER,
  UNIQUE (project, run, step),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);

CREATE TABLE sweep_events (
  sweep INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  name  TEXT NOT NULL, -- the same event is taken once
  at    INTEGER NOT NULL,
  body  TEXT NOT NULL,
  PRIMARY KEY (sweep, seq),
  UNIQUE (sweep, name),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE sweep_decisions (
  sweep INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  event INTEGER NOT NULL, -- that it follows from
  at    INTEGER NOT NULL,
  kind  TEXT NOT NULL,
  trial INTEGER NOT NULL,
  body  TEXT NOT NULL,
  PRIMARY KEY (sweep, seq),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX sweep_decisions_trial ON sweep_decisions (sweep, trial, seq);

CREATE TABLE sweep_trials (
  sweep      INTEGER NOT NULL,
  trial      INTEGER NOT NULL,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  config     TEXT NOT NULL,
  bracket    INTEGER NOT NULL,
  rung       INTEGER NOT NULL,
  resource   INTEGER NOT NULL,
  value      REAL,
  segment    INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  PRIMARY KEY (sweep, trial),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) WITHOUT ROWID;
