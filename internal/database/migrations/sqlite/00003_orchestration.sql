-- +goose Up

-- Orchestration in depth: pools, approvals, notices, backfills, triggers.

-- A run may go on from another (retry_of), belong to a step of another run or to a backfill.
ALTER TABLE runs ADD COLUMN redo TEXT;
ALTER TABLE runs ADD COLUMN parent_run TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN parent_step TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN parent_item TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN backfill TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN triggered_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN priority TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN deadline_at INTEGER;
ALTER TABLE runs ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN outputs TEXT;
ALTER TABLE runs ADD COLUMN environment INTEGER NOT NULL DEFAULT 0;

ALTER TABLE steps ADD COLUMN cache_note TEXT;
ALTER TABLE steps ADD COLUMN sub_run TEXT NOT NULL DEFAULT '';

ALTER TABLE schedules ADD COLUMN jitter REAL NOT NULL DEFAULT 0;
-- Since when it plans what it does, and when it was last paused and resumed.
ALTER TABLE schedules ADD COLUMN since INTEGER;
ALTER TABLE schedules ADD COLUMN paused_at INTEGER;
ALTER TABLE schedules ADD COLUMN resumed_at INTEGER;

-- An owner with number 0 holds a lease too: a step or run that is no process. Slots that it holds or waits for are in lease_slots.
ALTER TABLE leases ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN name TEXT NOT NULL DEFAULT ''; -- the owner's
ALTER TABLE leases ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; -- the less, the sooner
ALTER TABLE leases ADD COLUMN line TEXT NOT NULL DEFAULT ''; -- the slot that it waits for; empty where it waits for a host, or for nothing

-- Slots of pools and concurrency keys, by who holds or waits for them.
CREATE TABLE lease_slots (
  attempt TEXT NOT NULL,
  slot    TEXT NOT NULL,
  count   INTEGER NOT NULL,
  most    INTEGER NOT NULL,
  held    INTEGER NOT NULL,
  PRIMARY KEY (attempt, slot),
  FOREIGN KEY (attempt) REFERENCES leases (attempt) ON DELETE CASCADE
);
CREATE INDEX lease_slots_slot ON lease_slots (slot, held, count);

-- When a project was last given a host while others waited for one.
CREATE TABLE lease_turns (
  project TEXT NOT NULL PRIMARY KEY,
  turn    INTEGER NOT NULL
);

CREATE TABLE pools (
  project     TEXT NOT NULL,
  name        TEXT NOT NULL,
  slots       INTEGER NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE quotas (
  project   TEXT NOT NULL,
  runs      INTEGER NOT NULL,
  steps     INTEGER NOT NULL,
  cpu_milli INTEGER NOT NULL,
  memory    INTEGER NOT NULL,
  weight    REAL NOT NULL,
  PRIMARY KEY (project),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE approvals (
  project      TEXT NOT NULL,
  run          TEXT NOT NULL,
  step         TEXT NOT NULL,
  item         TEXT NOT NULL,
  state        TEXT NOT NULL,
  message      TEXT NOT NULL,
  form         TEXT,
  answerers    TEXT,
  otherwise    TEXT NOT NULL,
  settings     TEXT,
  asked_at     INTEGER NOT NULL,
  deadline_at  INTEGER,
  reminded_at  INTEGER,
  escalated_at INTEGER,
  answered_at  INTEGER,
  answered_by  TEXT NOT NULL,
  via          TEXT NOT NULL,
  answer       TEXT,
  note         TEXT NOT NULL,
  PRIMARY KEY (project, run, item, step),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX approvals_state ON approvals (project, state, asked_at);

-- The outbox of messages about runs.
CREATE TABLE notices (
  seq      INTEGER PRIMARY KEY AUTOINCREMENT,
  project  TEXT NOT NULL,
  run      TEXT NOT NULL,
  step     TEXT NOT NULL,
  item     TEXT NOT NULL,
  event    TEXT NOT NULL,
  channel  TEXT NOT NULL,
  target   TEXT NOT NULL,
  body     TEXT NOT NULL,
  request  TEXT NOT NULL,
  state    TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  sent_at  INTEGER,
  UNIQUE (project, run, request),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);
CREATE INDEX notices_state ON notices (state, seq);

-- The last number given to a backfill of a pipeline; it outlives both.
CREATE TABLE backfill_numbers (
  project  TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  last     INTEGER NOT NULL,
  PRIMARY KEY (project, pipeline)
);

CREATE TABLE backfills (
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  pipeline   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  mode       TEXT NOT NULL,
  direction  TEXT NOT NULL,
  most       INTEGER NOT NULL,
  from_at    INTEGER,
  to_at      INTEGER,
  cron       TEXT NOT NULL,
  time_zone  TEXT NOT NULL,
  param      TEXT NOT NULL,
  params     TEXT,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at   INTEGER,
  request    TEXT, -- idempotency key; NULL is none
  PRIMARY KEY (project, name),
  UNIQUE (project, request),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE
);
CREATE INDEX backfills_pipeline ON backfills (project, pipeline, number);
CREATE INDEX backfills_state ON backfills (state);

CREATE TABLE backfill_slots (
  project  TEXT NOT NULL,
  backfill TEXT NOT NULL,
  position INTEGER NOT NULL,
  slot     TEXT NOT NULL,
  tick     INTEGER,
  state    TEXT NOT NULL,
  run      TEXT NOT NULL,
  reason   TEXT NOT NULL,
  PRIMARY KEY (project, backfill, position),
  FOREIGN KEY (project, backfill) REFERENCES backfills (project, name) ON DELETE CASCADE
);
CREATE INDEX backfill_slots_state ON backfill_slots (project, backfill, state, position);

CREATE TABLE triggers (
  project  TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  number   INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  source   TEXT NOT NULL,
  ends     TEXT NOT NULL,
  settle   REAL NOT NULL,
  params   TEXT,
  paused   INTEGER NOT NULL,
  position TEXT NOT NULL,
  seen     TEXT,
  fired_at INTEGER,
  last_run TEXT NOT NULL,
  reason   TEXT NOT NULL,
  PRIMARY KEY (project, pipeline, number),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE
);
CREATE INDEX triggers_source ON triggers (project, kind, source);

-- Who is making the outputs of a cache key, so that others wait for it.
CREATE TABLE cache_claims (
  project    TEXT NOT NULL,
  cache_key  TEXT NOT NULL,
  run        TEXT NOT NULL,
  step       TEXT NOT NULL,
  item       TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,
  PRIMARY KEY (project, cache_key),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
);

CREATE INDEX runs_tick ON runs (project, pipeline, tick);
CREATE INDEX runs_parent ON runs (project, parent_run);
-- The line of who waits, and who holds what of which host.
DROP INDEX leases_place;
DROP INDEX leases_used;
CREATE INDEX leases_line ON leases (host, line, project, priority, place, cpu_milli, memory, gpus);
CREATE INDEX leases_held ON leases (host, project, cpu_milli, memory, gpus);
CREATE INDEX leases_owner ON leases (project, name);
