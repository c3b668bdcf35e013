-- +goose Up

-- Orchestration in depth: pools, approvals, notices, backfills, triggers.

-- A run may go on from another (retry_of), belong to a step of another run or to a backfill.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'runs' AND column_name = 'redo') > 0, 'DO 0',
  'ALTER TABLE runs ADD COLUMN redo LONGTEXT, ADD COLUMN parent_run VARCHAR(90) NOT NULL DEFAULT '''', ADD COLUMN parent_step VARCHAR(63) NOT NULL DEFAULT '''', ADD COLUMN parent_item VARCHAR(120) NOT NULL DEFAULT '''', ADD COLUMN backfill VARCHAR(90) NOT NULL DEFAULT '''', ADD COLUMN triggered_by VARCHAR(255) NOT NULL DEFAULT '''', ADD COLUMN priority VARCHAR(32) NOT NULL DEFAULT '''', ADD COLUMN deadline_at BIGINT, ADD COLUMN late BIGINT NOT NULL DEFAULT 0, ADD COLUMN outputs LONGTEXT, ADD COLUMN environment BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'steps' AND column_name = 'cache_note') > 0, 'DO 0',
  'ALTER TABLE steps ADD COLUMN cache_note LONGTEXT, ADD COLUMN sub_run VARCHAR(90) NOT NULL DEFAULT ''''');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'schedules' AND column_name = 'jitter') > 0, 'DO 0',
  'ALTER TABLE schedules ADD COLUMN jitter DOUBLE NOT NULL DEFAULT 0, ADD COLUMN since BIGINT, ADD COLUMN paused_at BIGINT, ADD COLUMN resumed_at BIGINT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- An owner with number 0 holds a lease too: a step or run that is no process. Slots that it holds or waits for are in lease_slots.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'project') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN project VARCHAR(63) NOT NULL DEFAULT '''', ADD COLUMN name VARCHAR(255) NOT NULL DEFAULT '''', ADD COLUMN priority BIGINT NOT NULL DEFAULT 0, ADD COLUMN line VARCHAR(255) NOT NULL DEFAULT ''''');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- Slots of pools and concurrency keys, by who holds or waits for them.
CREATE TABLE IF NOT EXISTS lease_slots (
  attempt VARCHAR(64) NOT NULL,
  slot    VARCHAR(255) NOT NULL,
  count   BIGINT NOT NULL,
  most    BIGINT NOT NULL,
  held    BIGINT NOT NULL,
  PRIMARY KEY (attempt, slot),
  FOREIGN KEY (attempt) REFERENCES leases (attempt) ON DELETE CASCADE,
  INDEX lease_slots_slot (slot, held, count)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- When a project was last given a host while others waited for one.
CREATE TABLE IF NOT EXISTS lease_turns (
  project VARCHAR(63) NOT NULL PRIMARY KEY,
  turn    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS pools (
  project     VARCHAR(63) NOT NULL,
  name        VARCHAR(63) NOT NULL,
  slots       BIGINT NOT NULL,
  description LONGTEXT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS quotas (
  project   VARCHAR(63) NOT NULL,
  runs      BIGINT NOT NULL,
  steps     BIGINT NOT NULL,
  cpu_milli BIGINT NOT NULL,
  memory    BIGINT NOT NULL,
  weight    DOUBLE NOT NULL,
  PRIMARY KEY (project),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS approvals (
  project      VARCHAR(63) NOT NULL,
  run          VARCHAR(90) NOT NULL,
  step         VARCHAR(63) NOT NULL,
  item         VARCHAR(120) NOT NULL,
  state        VARCHAR(32) NOT NULL,
  message      LONGTEXT NOT NULL,
  form         LONGTEXT,
  answerers    LONGTEXT,
  otherwise    VARCHAR(32) NOT NULL,
  settings     LONGTEXT,
  asked_at     BIGINT NOT NULL,
  deadline_at  BIGINT,
  reminded_at  BIGINT,
  escalated_at BIGINT,
  answered_at  BIGINT,
  answered_by  VARCHAR(63) NOT NULL,
  via          VARCHAR(32) NOT NULL,
  answer       LONGTEXT,
  note         LONGTEXT NOT NULL,
  PRIMARY KEY (project, run, item, step),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX approvals_state (project, state, asked_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The outbox of messages about runs.
CREATE TABLE IF NOT EXISTS notices (
  seq      BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  project  VARCHAR(63) NOT NULL,
  run      VARCHAR(90) NOT NULL,
  step     VARCHAR(63) NOT NULL,
  item     VARCHAR(120) NOT NULL,
  event    VARCHAR(32) NOT NULL,
  channel  VARCHAR(32) NOT NULL,
  target   LONGTEXT NOT NULL,
  body     LONGTEXT NOT NULL,
  request  VARCHAR(255) NOT NULL,
  state    VARCHAR(32) NOT NULL,
  attempts BIGINT NOT NULL,
  reason   LONGTEXT NOT NULL,
  at       BIGINT NOT NULL,
  sent_at  BIGINT,
  UNIQUE (project, run, request),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE,
  INDEX notices_state (state, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The last number given to a backfill of a pipeline; it outlives both.
CREATE TABLE IF NOT EXISTS backfill_numbers (
  project  VARCHAR(63) NOT NULL,
  pipeline VARCHAR(63) NOT NULL,
  last     BIGINT NOT NULL,
  PRIMARY KEY (project, pipeline)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS backfills (
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(90) NOT NULL,
  number     BIGINT NOT NULL,
  pipeline   VARCHAR(63) NOT NULL,
  version    BIGINT NOT NULL,
  mode       VARCHAR(32) NOT NULL,
  direction  VARCHAR(32) NOT NULL,
  most       BIGINT NOT NULL,
  from_at    BIGINT,
  to_at      BIGINT,
  cron       VARCHAR(255) NOT NULL,
  time_zone  VARCHAR(255) NOT NULL,
  param      VARCHAR(63) NOT NULL,
  params     LONGTEXT,
  state      VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  created_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT,
  request    VARCHAR(200),
  PRIMARY KEY (project, name),
  UNIQUE (project, request),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE,
  INDEX backfills_pipeline (project, pipeline, number),
  INDEX backfills_state (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS backfill_slots (
  project  VARCHAR(63) NOT NULL,
  backfill VARCHAR(90) NOT NULL,
  position BIGINT NOT NULL,
  slot     VARCHAR(255) NOT NULL,
  tick     BIGINT,
  state    VARCHAR(32) NOT NULL,
  run      VARCHAR(90) NOT NULL,
  reason   LONGTEXT NOT NULL,
  PRIMARY KEY (project, backfill, position),
  FOREIGN KEY (project, backfill) REFERENCES backfills (project, name) ON DELETE CASCADE,
  INDEX backfill_slots_state (project, backfill, state, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS triggers (
  project  VARCHAR(63) NOT NULL,
  pipeline VARCHAR(63) NOT NULL,
  number   BIGINT NOT NULL,
  kind     VARCHAR(32) NOT NULL,
  source   VARCHAR(255) NOT NULL,
  ends     VARCHAR(32) NOT NULL,
  settle   DOUBLE NOT NULL,
  params   LONGTEXT,
  paused   BIGINT NOT NULL,
  position VARCHAR(255) NOT NULL,
  seen     LONGTEXT,
  fired_at BIGINT,
  last_run VARCHAR(90) NOT NULL,
  reason   LONGTEXT NOT NULL,
  PRIMARY KEY (project, pipeline, number),
  FOREIGN KEY (project, pipeline) REFERENCES pipelines (project, name) ON DELETE CASCADE,
  INDEX triggers_source (project, kind, source)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who is making the outputs of a cache key, so that others wait for it.
CREATE TABLE IF NOT EXISTS cache_claims (
  project    VARCHAR(63) NOT NULL,
  cache_key  VARCHAR(64) NOT NULL,
  run        VARCHAR(90) NOT NULL,
  step       VARCHAR(63) NOT NULL,
  item       VARCHAR(120) NOT NULL,
  claimed_at BIGINT NOT NULL,
  PRIMARY KEY (project, cache_key),
  FOREIGN KEY (project, run) REFERENCES runs (project, name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'runs_tick') > 0, 'DO 0', 'CREATE INDEX runs_tick ON runs (project, pipeline, tick)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'runs_parent') > 0, 'DO 0', 'CREATE INDEX runs_parent ON runs (project, parent_run)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
-- The line of who waits, and who holds what of which host.
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'leases_place') = 0, 'DO 0', 'ALTER TABLE leases DROP INDEX leases_place');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'leases_used') = 0, 'DO 0', 'ALTER TABLE leases DROP INDEX leases_used');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'leases_line') > 0, 'DO 0', 'CREATE INDEX leases_line ON leases (host, line, project, priority, place, cpu_milli, memory, gpus)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'leases_held') > 0, 'DO 0', 'CREATE INDEX leases_held ON leases (host, project, cpu_milli, memory, gpus)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'leases_owner') > 0, 'DO 0', 'CREATE INDEX leases_owner ON leases (project, name)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
