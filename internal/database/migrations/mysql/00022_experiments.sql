-- +goose Up

-- Experiments of projects group tracked runs; 0 is the one that is there anyway.
CREATE TABLE IF NOT EXISTS experiments (
  project    VARCHAR(63) NOT NULL,
  id         BIGINT NOT NULL,
  name       VARCHAR(250) NOT NULL,
  tags       LONGTEXT,
  removed    BIGINT NOT NULL,
  created_by VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, id),
  UNIQUE (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tracked_runs (
  no         BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
  project    VARCHAR(63) NOT NULL,
  id         VARCHAR(32) NOT NULL,
  experiment BIGINT NOT NULL,
  name       VARCHAR(250) NOT NULL,
  kind       VARCHAR(32) NOT NULL,
  run        VARCHAR(90), -- of a step; others have none
  step       VARCHAR(63) NOT NULL,
  item       VARCHAR(120) NOT NULL,
  state      VARCHAR(32) NOT NULL, -- as it was told; a step's is the step's
  reason     LONGTEXT NOT NULL,
  verdict    VARCHAR(32) NOT NULL, -- what it is told with the next report; empty is to go on
  fence      BIGINT NOT NULL,
  patience   BIGINT NOT NULL, -- microseconds after which one that runs and is silent is lost; 0 is never
  heard_at   BIGINT NOT NULL,
  removed    BIGINT NOT NULL,
  inputs     LONGTEXT,
  created_by VARCHAR(64) NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at   BIGINT,
  UNIQUE (project, id),
  FOREIGN KEY (project, experiment) REFERENCES experiments (project, id) ON DELETE CASCADE,
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX tracked_runs_experiment (project, experiment, started_at),
  INDEX tracked_runs_run (project, run),
  INDEX tracked_runs_id (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How far the metrics of a source are on disk.
CREATE TABLE IF NOT EXISTS tracked_sources (
  tracked BIGINT NOT NULL,
  source  VARCHAR(64) NOT NULL,
  acked   BIGINT NOT NULL,
  PRIMARY KEY (tracked, source),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tracked_params (
  tracked BIGINT NOT NULL,
  name    VARCHAR(250) NOT NULL,
  value   LONGTEXT NOT NULL,
  PRIMARY KEY (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tracked_tags (
  tracked BIGINT NOT NULL,
  name    VARCHAR(250) NOT NULL,
  value   LONGTEXT NOT NULL,
  PRIMARY KEY (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The metrics of tracked runs, with what is known of each without its points.
-- A last value that is NULL is not a number; infinite ones are the largest there are.
CREATE TABLE IF NOT EXISTS tracked_series (
  id        BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
  tracked   BIGINT NOT NULL,
  name      VARCHAR(250) NOT NULL,
  points    BIGINT NOT NULL,
  chunk     BIGINT NOT NULL, -- the last one
  fill      BIGINT NOT NULL, -- points in it
  epoch     BIGINT NOT NULL, -- the fence under which it was written
  last      DOUBLE,
  last_step BIGINT NOT NULL,
  last_at   BIGINT NOT NULL,
  low       DOUBLE,
  high      DOUBLE,
  UNIQUE (tracked, name),
  FOREIGN KEY (tracked) REFERENCES tracked_runs (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Points in the order in which they came, 24 bytes each: step, microseconds and
-- value, big-endian. The points of a chunk were written under one fence.
CREATE TABLE IF NOT EXISTS tracked_points (
  series BIGINT NOT NULL,
  chunk  BIGINT NOT NULL,
  epoch  BIGINT NOT NULL,
  points LONGBLOB NOT NULL,
  PRIMARY KEY (series, chunk),
  FOREIGN KEY (series) REFERENCES tracked_series (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What clients of MLflow keep beside runs and models; the document is theirs.
CREATE TABLE IF NOT EXISTS mlflow_objects (
  project    VARCHAR(63) NOT NULL,
  kind       VARCHAR(32) NOT NULL, -- logged-model, model, version
  name       VARCHAR(250) NOT NULL,
  experiment BIGINT NOT NULL, -- of a logged model
  document   LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, kind, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
