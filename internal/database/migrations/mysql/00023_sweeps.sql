-- +goose Up

-- A sweep is a step of a run that searches. What it decides follows from its
-- events in their order: mark is the hash of all of them, and with the revision
-- what a change compares.
CREATE TABLE IF NOT EXISTS sweeps (
  no        BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
  project   VARCHAR(63) NOT NULL,
  run       VARCHAR(90) NOT NULL,
  step      VARCHAR(63) NOT NULL,
  state     VARCHAR(32) NOT NULL,
  reason    LONGTEXT NOT NULL,
  spec      LONGTEXT NOT NULL, -- as it was written
  settings  LONGTEXT NOT NULL, -- what was read of it, for the engine
  seed      BIGINT NOT NULL,
  metric    VARCHAR(255) NOT NULL,
  goal      VARCHAR(32) NOT NULL,
  parallel  BIGINT NOT NULL,
  best      LONGTEXT,
  revision  BIGINT NOT NULL, -- number of the last event
  decisions BIGINT NOT NULL, -- number of the last decision
  segments  BIGINT NOT NULL, -- how many there are: the place of the next item
  mark      VARCHAR(64) NOT NULL,
  snapshot  LONGTEXT,             -- state of the engine
  snapped   BIGINT NOT NULL, -- the event after which it was taken
  created_at BIGINT NOT NULL,
  ended_at   BIGINT,
  UNIQUE (project, run, step),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sweep_events (
  sweep BIGINT NOT NULL,
  seq   BIGINT NOT NULL,
  name  VARCHAR(191) NOT NULL, -- the same event is taken once
  at    BIGINT NOT NULL,
  body  LONGTEXT NOT NULL,
  PRIMARY KEY (sweep, seq),
  UNIQUE (sweep, name),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sweep_decisions (
  sweep BIGINT NOT NULL,
  seq   BIGINT NOT NULL,
  event BIGINT NOT NULL, -- that it follows from
  at    BIGINT NOT NULL,
  kind  VARCHAR(32) NOT NULL,
  trial BIGINT NOT NULL,
  body  LONGTEXT NOT NULL,
  PRIMARY KEY (sweep, seq),
  INDEX sweep_decisions_trial (sweep, trial, seq),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sweep_trials (
  sweep      BIGINT NOT NULL,
  trial      BIGINT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  config     LONGTEXT NOT NULL,
  bracket    BIGINT NOT NULL,
  rung       BIGINT NOT NULL,
  resource   BIGINT NOT NULL,
  value      DOUBLE,
  segment    BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at   BIGINT,
  PRIMARY KEY (sweep, trial),
  FOREIGN KEY (sweep) REFERENCES sweeps (no) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
