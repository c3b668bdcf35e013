-- +goose Up

-- Experiments of projects group tracked runs; 0 is the one that is there anyway.
CREATE TABLE experiments (
  project    TEXT NOT NULL,
  id         INTEGER NOT NULL,
  name       TEXT NOT NULL,
  tags       TEXT,
  removed    INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (project, id),
  UNIQUE (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE tracked_runs (
  no         INTEGER PRIMARY KEY AUTOINCREMENT,
  project    TEXT NOT NULL,
  id         TEXT NOT NULL,
  experiment INTEGER NOT NULL,
  name       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  run        TEXT, -- of a step; others have none
  step       TEXT NOT NULL,
  item       TEXT NOT NULL,
  state      TEXT NOT NULL, -- as it was told; a step's is the step's
  reason     TEXT NOT NULL,
  verdict    TEXT NOT NULL, -- what it is told with the next report; empty is to go on
  fence      INTEGER NOT NULL,
  patience   INTEGER NOT NULL, -- microseconds after which one that runs and is silent is lost; 0 is never
  heard_at   INTEGER NOT NULL,
  removed    INTEGER NOT NULL,
  inputs     TEXT,
  created_by TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  UNIQUE (project, id),
  FOREIGN KEY (project, experiment) REFERENCES experiments (project, id) ON DELETE CASCADE,
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX tracked_runs_experiment ON tracked_runs (project, experiment, started_at);
CREATE INDEX tracked_runs_run ON tracked_runs (project, run);
CREATE INDEX tracked_runs_id ON tracked_runs (id);

-- How far the metrics of a source are on disk.
CREATE TABLE tracked_sources (
  tracked INTEGER NOT NULL,
  source  TEXT NOT NULL,
  acked   INTEGER NOT NULL,
  PRIMARY KEY (tracked, source),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE tracked_params (
  tracked INTEGER NOT NULL,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE tracked_tags (
  tracked INTEGER NOT NULL,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) WITHOUT ROWID;

-- The metrics of tracked runs, with what is known of each without its points.
-- A last value that is NULL is not a number; infinite ones are the largest there are.
CREATE TABLE tracked_series (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  tracked   INTEGER NOT NULL,
  name      TEXT NOT NULL,
  points    INTEGER NOT NULL,
  chunk     INTEGER NOT NULL, -- the last one
  fill      INTEGER NOT NULL, -- points in it
  epoch     INTEGER NOT NULL, -- the fence under which it was written
  last      REAL,
  last_step INTEGER NOT NULL,
  last_at   INTEGER NOT NULL,
  low       REAL,
  high      REAL,
  UNIQUE (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
);

-- Points in the order in which they came, 24 bytes each: step, microseconds and
-- value, big-endian. The points of a chunk were written under one fence.
CREATE TABLE tracked_points (
  series INTEGER NOT NULL,
  chunk  INTEGER NOT NULL,
  epoch  INTEGER NOT NULL,
  points BLOB NOT NULL,
  PRIMARY KEY (series, chunk),
  FOREIGN KEY (series) REFERENCES tracked_series (id) ON DELETE CASCADE
);

-- What clients of MLflow keep beside runs and models; the document is theirs.
CREATE TABLE mlflow_objects (
  project    TEXT NOT NULL,
  kind       TEXT NOT NULL, -- logged-model, model, version
  name       TEXT NOT NULL,
  experiment INTEGER NOT NULL, -- of a logged model
  document   TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (project, kind, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);
