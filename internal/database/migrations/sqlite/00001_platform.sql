-- +goose Up

-- The metadata of the platform. Times are microseconds since 1970 UTC, JSON is
-- kept as text, a flag is 0 or 1.

CREATE TABLE users (
  name          TEXT NOT NULL PRIMARY KEY,
  admin         INTEGER NOT NULL,
  password_hash TEXT NOT NULL,
  created_at    INTEGER NOT NULL
);

CREATE TABLE sessions (
  hash       TEXT NOT NULL PRIMARY KEY,
  user_name  TEXT NOT NULL,
  address    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE
);
CREATE INDEX sessions_user ON sessions (user_name);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE projects (
  name        TEXT NOT NULL PRIMARY KEY,
  description TEXT NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  environment INTEGER NOT NULL, -- the version that runs use; 0 is none
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL
);

CREATE TABLE members (
  project   TEXT NOT NULL,
  user_name TEXT NOT NULL,
  role      TEXT NOT NULL,
  added_by  TEXT NOT NULL,
  added_at  INTEGER NOT NULL,
  PRIMARY KEY (project, user_name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE
);
CREATE INDEX members_user ON members (user_name);

CREATE TABLE api_keys (
  id          TEXT NOT NULL PRIMARY KEY,
  name        TEXT NOT NULL,
  user_name   TEXT NOT NULL,
  scopes      TEXT,
  project     TEXT,
  secret_hash TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,
  used_at     INTEGER,
  FOREIGN KEY (user_name) REFERENCES users (name) ON DELETE CASCADE,
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);
CREATE INDEX api_keys_user ON api_keys (user_name);
CREATE INDEX api_keys_project ON api_keys (project);

CREATE TABLE pipelines (
  project     TEXT NOT NULL,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  description TEXT NOT NULL,
  latest      INTEGER NOT NULL,
  created_by  TEXT NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE pipeline_versions (
  project    TEXT NOT NULL,
  pipeline   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  hash       TEXT NOT NULL,
  code       TEXT NOT NULL,
  source     TEXT NOT NULL,
  dag        TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (project, pipeline, version),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE
);
CREATE INDEX pipeline_versions_hash ON pipeline_versions (project, hash);

-- The last number given to a run of a pipeline. It outlives pipeline and
-- project, because ids of workflows and attempts follow from it.
CREATE TABLE run_numbers (
  project  TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  last     INTEGER NOT NULL,
  PRIMARY KEY (project, pipeline)
);

CREATE TABLE runs (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  pipeline   TEXT NOT NULL,
  kind       TEXT NOT NULL,
  version    INTEGER NOT NULL,
  hash       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  params     TEXT,
  no_cache   INTEGER NOT NULL,
  retry_of   TEXT NOT NULL,
  schedule   TEXT NOT NULL,
  tick       INTEGER,
  started_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at   INTEGER,
  UNIQUE (project, name),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE
);
CREATE INDEX runs_newest ON runs (project, seq);
CREATE INDEX runs_pipeline ON runs (project, pipeline, seq);
CREATE INDEX runs_state ON runs (state, created_at);

CREATE TABLE idempotency (
  project    TEXT NOT NULL,
  request    TEXT NOT NULL,
  run        TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (project, request),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX idempotency_run ON idempotency (project, run);

-- Steps have an empty item and come first in a run; items of a fan-out follow,
-- then batches of items, whose position is -1.
CREATE TABLE steps (
  project     TEXT NOT NULL,
  run         TEXT NOT NULL,
  item        TEXT NOT NULL,
  name        TEXT NOT NULL,
  position    INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  attempts    INTEGER NOT NULL,
  items       INTEGER NOT NULL,
  item_states TEXT,
  settings    TEXT,
  inputs      TEXT,
  outputs     TEXT,
  artifacts   TEXT,
  metrics     TEXT,
  process     TEXT,
  cache_key   TEXT,
  cached_from TEXT NOT NULL,
  environment INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  started_at  INTEGER,
  ended_at    INTEGER,
  PRIMARY KEY (project, run, item, name),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX steps_position ON steps (project, run, name, position);
CREATE INDEX steps_cache ON steps (project, cache_key, state, ended_at);

CREATE TABLE attempts (
  id         TEXT NOT NULL PRIMARY KEY,
  project    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  owner      TEXT NOT NULL, -- run, or deployment@version
  step       TEXT NOT NULL,
  item       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  run        TEXT, -- of a deployment's server, none
  state      TEXT NOT NULL,
  failure    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  exit_code  INTEGER,
  host       TEXT NOT NULL,
  resources  TEXT NOT NULL,
  used       TEXT,
  log_size   INTEGER NOT NULL,
  process    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at   INTEGER,
  UNIQUE (project, kind, owner, step, item, number),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX attempts_run ON attempts (project, run);
CREATE INDEX attempts_host ON attempts (host, ended_at);

CREATE TABLE metrics (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  attempt TEXT NOT NULL,
  name    TEXT NOT NULL,
  value   REAL NOT NULL,
  at_step INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  FOREIGN KEY (attempt) REFERENCES attempts (id) ON DELETE CASCADE
);
CREATE INDEX metrics_attempt ON metrics (attempt, seq);

CREATE TABLE job_tokens (
  hash      TEXT NOT NULL PRIMARY KEY,
  attempt   TEXT NOT NULL,
  user_name TEXT NOT NULL,
  FOREIGN KEY (attempt) REFERENCES attempts (id) ON DELETE CASCADE
);
CREATE INDEX job_tokens_attempt ON job_tokens (attempt);

CREATE TABLE hosts (
  name       TEXT NOT NULL PRIMARY KEY,
  state      TEXT NOT NULL,
  address    TEXT NOT NULL,
  capacity   TEXT NOT NULL,
  labels     TEXT,
  confine    TEXT NOT NULL,
  python     TEXT NOT NULL,
  version    TEXT NOT NULL,
  seen_at    INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE environments (
  project     TEXT NOT NULL,
  version     INTEGER NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  base        INTEGER NOT NULL,
  python      TEXT NOT NULL,
  additions   TEXT,
  removals    TEXT,
  requires    TEXT,
  packages    TEXT,
  lock_file   TEXT NOT NULL,
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  ready_at    INTEGER,
  PRIMARY KEY (project, version),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE environment_hosts (
  project TEXT NOT NULL,
  version INTEGER NOT NULL,
  host    TEXT NOT NULL,
  state   TEXT NOT NULL,
  PRIMARY KEY (project, version, host),
  FOREIGN KEY (project, version) REFERENCES environments (project, version) ON DELETE CASCADE
);

-- The log of a build, in pieces that lie one after the other.
CREATE TABLE environment_log (
  project TEXT NOT NULL,
  version INTEGER NOT NULL,
  begin   INTEGER NOT NULL, -- byte at which the piece begins
  host    TEXT NOT NULL,
  text    TEXT NOT NULL,
  PRIMARY KEY (project, version, begin),
  FOREIGN KEY (project, version) REFERENCES environments (project, version) ON DELETE CASCADE
);

CREATE TABLE models (
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  latest     INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE model_versions (
  project          TEXT NOT NULL,
  model            TEXT NOT NULL,
  version          INTEGER NOT NULL,
  request          TEXT NOT NULL, -- under which it was registered
  artifact         TEXT NOT NULL,
  framework        TEXT NOT NULL,
  metrics          TEXT,
  fields           TEXT,
  example          TEXT,
  description      TEXT NOT NULL,
  run              TEXT NOT NULL,
  step             TEXT NOT NULL,
  pipeline         TEXT NOT NULL,
  pipeline_version INTEGER NOT NULL,
  code             TEXT NOT NULL,
  environment      INTEGER NOT NULL,
  data             TEXT,
  created_by       TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  PRIMARY KEY (project, model, version),
  UNIQUE (project, request),
  FOREIGN KEY (project, model) REFERENCES models (project, name) ON DELETE CASCADE
);

CREATE TABLE deployments (
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  model      TEXT NOT NULL,
  version    INTEGER NOT NULL,
  serving    INTEGER NOT NULL,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  resources  TEXT NOT NULL,
  restarts   INTEGER NOT NULL,
  attempt    TEXT NOT NULL, -- that answers; empty while none does
  served     TEXT NOT NULL, -- version@attempt that answered last
  address    TEXT NOT NULL,
  secret     TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE schedules (
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  pipeline   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  cron       TEXT NOT NULL,
  time_zone  TEXT NOT NULL,
  overlap    TEXT NOT NULL,
  catch_up   REAL NOT NULL,
  params     TEXT,
  paused     INTEGER NOT NULL,
  note       TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE
);
CREATE INDEX schedules_pipeline ON schedules (project, pipeline);

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,
  address TEXT NOT NULL,
  project TEXT NOT NULL,
  action  TEXT NOT NULL,
  object  TEXT NOT NULL,
  result  TEXT NOT NULL,
  request TEXT NOT NULL
);

CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

-- Events are numbered within their project by a counter that a transaction
-- holds until it ends, so that whoever reads on from a number misses none.
CREATE TABLE event_counters (
  project TEXT NOT NULL PRIMARY KEY,
  last    INTEGER NOT NULL
);

CREATE TABLE events (
  project TEXT NOT NULL,
  id      INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  object  TEXT NOT NULL,
  name    TEXT NOT NULL,
  state   TEXT NOT NULL,
  PRIMARY KEY (project, id)
);
CREATE INDEX events_at ON events (at);

-- The ledger of resources. Whoever changes it holds the row of lease_ledger.
CREATE TABLE lease_ledger (
  id   INTEGER NOT NULL PRIMARY KEY,
  last INTEGER NOT NULL -- place in the queue that was given last
);
INSERT OR IGNORE INTO lease_ledger (id, last) VALUES (1, 0);

CREATE TABLE lease_hosts (
  host      TEXT NOT NULL PRIMARY KEY,
  up        INTEGER NOT NULL,
  cpu_milli INTEGER NOT NULL,
  memory    INTEGER NOT NULL,
  gpus      INTEGER NOT NULL
);

CREATE TABLE leases (
  attempt    TEXT NOT NULL PRIMARY KEY,
  place      INTEGER NOT NULL, -- in the queue
  host       TEXT NOT NULL, -- empty while it waits
  cpu_milli  INTEGER NOT NULL,
  memory     INTEGER NOT NULL,
  gpus       INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  workflow   TEXT NOT NULL,
  avoid      TEXT,
  asked_at   INTEGER NOT NULL,
  granted_at INTEGER
);
CREATE INDEX leases_place ON leases (host, place);
CREATE INDEX leases_used ON leases (host, cpu_milli, memory, gpus);
