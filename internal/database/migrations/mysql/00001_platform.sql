-- +goose Up

-- The metadata of the platform. Times are microseconds since 1970 UTC, JSON is
-- kept as text, a flag is 0 or 1. MySQL commits each statement by itself, so
-- each can be run again.

CREATE TABLE IF NOT EXISTS users (
  name          VARCHAR(63) NOT NULL PRIMARY KEY,
  admin         BIGINT NOT NULL,
  password_hash LONGTEXT NOT NULL,
  created_at    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
  hash       VARCHAR(64) NOT NULL PRIMARY KEY,
  user_name  VARCHAR(63) NOT NULL,
  address    LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE,
  INDEX sessions_user (user_name),
  INDEX sessions_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS projects (
  name        VARCHAR(63) NOT NULL PRIMARY KEY,
  description LONGTEXT NOT NULL,
  state       VARCHAR(32) NOT NULL,
  reason      LONGTEXT NOT NULL,
  environment BIGINT NOT NULL, -- the version that runs use; 0 is none
  created_by  VARCHAR(63) NOT NULL,
  created_at  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS members (
  project   VARCHAR(63) NOT NULL,
  user_name VARCHAR(63) NOT NULL,
  role      VARCHAR(32) NOT NULL,
  added_by  VARCHAR(63) NOT NULL,
  added_at  BIGINT NOT NULL,
  PRIMARY KEY (project, user_name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE,
  INDEX members_user (user_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS api_keys (
  id          VARCHAR(63) NOT NULL PRIMARY KEY,
  name        LONGTEXT NOT NULL,
  user_name   VARCHAR(63) NOT NULL,
  scopes      LONGTEXT,
  project     VARCHAR(63),
  secret_hash VARCHAR(64) NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT,
  used_at     BIGINT,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE,
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  INDEX api_keys_user (user_name),
  INDEX api_keys_project (project)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS pipelines (
  project     VARCHAR(63) NOT NULL,
  name        VARCHAR(63) NOT NULL,
  kind        VARCHAR(32) NOT NULL,
  description LONGTEXT NOT NULL,
  latest      BIGINT NOT NULL,
  created_by  VARCHAR(63) NOT NULL,
  updated_at  BIGINT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS pipeline_versions (
  project    VARCHAR(63) NOT NULL,
  pipeline   VARCHAR(63) NOT NULL,
  version    BIGINT NOT NULL,
  hash       VARCHAR(64) NOT NULL,
  code       VARCHAR(64) NOT NULL,
  source     LONGTEXT NOT NULL,
  dag        LONGTEXT NOT NULL,
  created_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, pipeline, version),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE,
  INDEX pipeline_versions_hash (project, hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The last number given to a run of a pipeline. It outlives pipeline and
-- project, because ids of workflows and attempts follow from it.
CREATE TABLE IF NOT EXISTS run_numbers (
  project  VARCHAR(63) NOT NULL,
  pipeline VARCHAR(63) NOT NULL,
  last     BIGINT NOT NULL,
  PRIMARY KEY (project, pipeline)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS runs (
  seq        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(90) NOT NULL,
  pipeline   VARCHAR(63) NOT NULL,
  kind       VARCHAR(32) NOT NULL,
  version    BIGINT NOT NULL,
  hash       VARCHAR(64) NOT NULL,
  number     BIGINT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  params     LONGTEXT,
  no_cache   BIGINT NOT NULL,
  retry_of   VARCHAR(90) NOT NULL,
  schedule   VARCHAR(63) NOT NULL,
  tick       BIGINT,
  started_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at   BIGINT,
  UNIQUE (project, name),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE,
  INDEX runs_newest (project, seq),
  INDEX runs_pipeline (project, pipeline, seq),
  INDEX runs_state (state, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency (
  project    VARCHAR(63) NOT NULL,
  request    VARCHAR(255) NOT NULL,
  run        VARCHAR(90) NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, request),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX idempotency_run (project, run)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Steps have an empty item and come first in a run; items of a fan-out follow,
-- then batches of items, whose position is -1.
CREATE TABLE IF NOT EXISTS steps (
  project     VARCHAR(63) NOT NULL,
  run         VARCHAR(90) NOT NULL,
  item        VARCHAR(120) NOT NULL,
  name        VARCHAR(63) NOT NULL,
  position    BIGINT NOT NULL,
  kind        VARCHAR(32) NOT NULL,
  state       VARCHAR(32) NOT NULL,
  reason      LONGTEXT NOT NULL,
  attempts    BIGINT NOT NULL,
  items       BIGINT NOT NULL,
  item_states LONGTEXT,
  settings    LONGTEXT,
  inputs      LONGTEXT,
  outputs     LONGTEXT,
  artifacts   LONGTEXT,
  metrics     LONGTEXT,
  process     LONGTEXT,
  cache_key   VARCHAR(64),
  cached_from VARCHAR(90) NOT NULL,
  environment BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  started_at  BIGINT,
  ended_at    BIGINT,
  PRIMARY KEY (project, run, item, name),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX steps_position (project, run, name, position),
  INDEX steps_cache (project, cache_key, state, ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS attempts (
  id         VARCHAR(64) NOT NULL PRIMARY KEY,
  project    VARCHAR(63) NOT NULL,
  kind       VARCHAR(32) NOT NULL,
  owner      VARCHAR(90) NOT NULL, -- run, or deployment@version
  step       VARCHAR(63) NOT NULL,
  item       VARCHAR(120) NOT NULL,
  number     BIGINT NOT NULL,
  run        VARCHAR(90), -- of a deployment's server, none
  state      VARCHAR(32) NOT NULL,
  failure    VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  exit_code  BIGINT,
  host       VARCHAR(253) NOT NULL,
  resources  LONGTEXT NOT NULL,
  used       LONGTEXT,
  log_size   BIGINT NOT NULL,
  process    LONGTEXT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at   BIGINT,
  UNIQUE (project, kind, owner, step, item, number),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX attempts_run (project, run),
  INDEX attempts_host (host, ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS metrics (
  seq     BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  attempt VARCHAR(64) NOT NULL,
  name    LONGTEXT NOT NULL,
  value   DOUBLE NOT NULL,
  at_step BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  FOREIGN KEY (attempt) REFERENCES attempts (id) ON DELETE CASCADE,
  INDEX metrics_attempt (attempt, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS job_tokens (
  hash      VARCHAR(64) NOT NULL PRIMARY KEY,
  attempt   VARCHAR(64) NOT NULL,
  user_name VARCHAR(63) NOT NULL,
  FOREIGN KEY (attempt) REFERENCES attempts (id) ON DELETE CASCADE,
  INDEX job_tokens_attempt (attempt)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS hosts (
  name       VARCHAR(253) NOT NULL PRIMARY KEY,
  state      VARCHAR(32) NOT NULL,
  address    LONGTEXT NOT NULL,
  capacity   LONGTEXT NOT NULL,
  labels     LONGTEXT,
  confine    LONGTEXT NOT NULL,
  python     LONGTEXT NOT NULL,
  version    LONGTEXT NOT NULL,
  seen_at    BIGINT NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS environments (
  project     VARCHAR(63) NOT NULL,
  version     BIGINT NOT NULL,
  state       VARCHAR(32) NOT NULL,
  reason      LONGTEXT NOT NULL,
  base        BIGINT NOT NULL,
  python      LONGTEXT NOT NULL,
  additions   LONGTEXT,
  removals    LONGTEXT,
  requires    LONGTEXT,
  packages    LONGTEXT,
  lock_file   LONGTEXT NOT NULL,
  created_by  VARCHAR(63) NOT NULL,
  created_at  BIGINT NOT NULL,
  ready_at    BIGINT,
  PRIMARY KEY (project, version),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS environment_hosts (
  project VARCHAR(63) NOT NULL,
  version BIGINT NOT NULL,
  host    VARCHAR(253) NOT NULL,
  state   LONGTEXT NOT NULL,
  PRIMARY KEY (project, version, host),
  FOREIGN KEY (project, version) REFERENCES environments (project, version) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The log of a build, in pieces that lie one after the other.
CREATE TABLE IF NOT EXISTS environment_log (
  project VARCHAR(63) NOT NULL,
  version BIGINT NOT NULL,
  begin   BIGINT NOT NULL, -- byte at which the piece begins
  host    LONGTEXT NOT NULL,
  text    LONGTEXT NOT NULL,
  PRIMARY KEY (project, version, begin),
  FOREIGN KEY (project, version) REFERENCES environments (project, version) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS models (
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(63) NOT NULL,
  latest     BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS model_versions (
  project          VARCHAR(63) NOT NULL,
  model            VARCHAR(63) NOT NULL,
  version          BIGINT NOT NULL,
  request          VARCHAR(255) NOT NULL, -- under which it was registered
  artifact         LONGTEXT NOT NULL,
  framework        LONGTEXT NOT NULL,
  metrics          LONGTEXT,
  fields           LONGTEXT,
  example          LONGTEXT,
  description      LONGTEXT NOT NULL,
  run              VARCHAR(90) NOT NULL,
  step             VARCHAR(63) NOT NULL,
  pipeline         VARCHAR(63) NOT NULL,
  pipeline_version BIGINT NOT NULL,
  code             VARCHAR(64) NOT NULL,
  environment      BIGINT NOT NULL,
  data             LONGTEXT,
  created_by       VARCHAR(63) NOT NULL,
  created_at       BIGINT NOT NULL,
  PRIMARY KEY (project, model, version),
  UNIQUE (project, request),
  FOREIGN KEY (project, model) REFERENCES models (project, name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS deployments (
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(63) NOT NULL,
  model      VARCHAR(63) NOT NULL,
  version    BIGINT NOT NULL,
  serving    BIGINT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  resources  LONGTEXT NOT NULL,
  restarts   BIGINT NOT NULL,
  attempt    VARCHAR(64) NOT NULL, -- that answers; empty while none does
  served     LONGTEXT NOT NULL, -- version@attempt that answered last
  address    LONGTEXT NOT NULL,
  secret     LONGTEXT NOT NULL,
  created_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS schedules (
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(63) NOT NULL,
  pipeline   VARCHAR(63) NOT NULL,
  version    BIGINT NOT NULL,
  cron       LONGTEXT NOT NULL,
  time_zone  LONGTEXT NOT NULL,
  overlap    LONGTEXT NOT NULL,
  catch_up   DOUBLE NOT NULL,
  params     LONGTEXT,
  paused     BIGINT NOT NULL,
  note       LONGTEXT NOT NULL,
  created_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE,
  INDEX schedules_pipeline (project, pipeline)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit (
  id      BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at      BIGINT NOT NULL,
  actor   VARCHAR(63) NOT NULL,
  address LONGTEXT NOT NULL,
  project VARCHAR(63) NOT NULL,
  action  LONGTEXT NOT NULL,
  object  LONGTEXT NOT NULL,
  result  LONGTEXT NOT NULL,
  request LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS settings (
  name  VARCHAR(255) NOT NULL PRIMARY KEY,
  value LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Events are numbered within their project by a counter that a transaction
-- holds until it ends, so that whoever reads on from a number misses none.
CREATE TABLE IF NOT EXISTS event_counters (
  project VARCHAR(63) NOT NULL PRIMARY KEY,
  last    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS events (
  project VARCHAR(63) NOT NULL,
  id      BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  object  VARCHAR(32) NOT NULL,
  name    VARCHAR(255) NOT NULL,
  state   VARCHAR(32) NOT NULL,
  PRIMARY KEY (project, id),
  INDEX events_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The ledger of resources. Whoever changes it holds the row of lease_ledger.
CREATE TABLE IF NOT EXISTS lease_ledger (
  id   BIGINT NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL -- place in the queue that was given last
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO lease_ledger (id, last) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS lease_hosts (
  host      VARCHAR(253) NOT NULL PRIMARY KEY,
  up        BIGINT NOT NULL,
  cpu_milli BIGINT NOT NULL,
  memory    BIGINT NOT NULL,
  gpus      BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leases (
  attempt    VARCHAR(64) NOT NULL PRIMARY KEY,
  place      BIGINT NOT NULL, -- in the queue
  host       VARCHAR(253) NOT NULL, -- empty while it waits
  cpu_milli  BIGINT NOT NULL,
  memory     BIGINT NOT NULL,
  gpus       BIGINT NOT NULL,
  owner      LONGTEXT NOT NULL,
  workflow   LONGTEXT NOT NULL,
  avoid      LONGTEXT,
  asked_at   BIGINT NOT NULL,
  granted_at BIGINT,
  INDEX leases_place (host, place),
  INDEX leases_used (host, cpu_milli, memory, gpus)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
