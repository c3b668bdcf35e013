-- +goose Up

-- Connectors lead to files that are kept elsewhere; transfers copy between these and the project's.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'projects' AND column_name = 'sandboxed') > 0, 'DO 0',
  'ALTER TABLE projects ADD COLUMN sandboxed BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

CREATE TABLE IF NOT EXISTS connectors (
  project     VARCHAR(63) NOT NULL,
  name        VARCHAR(63) NOT NULL,
  kind        VARCHAR(32) NOT NULL,
  description LONGTEXT NOT NULL,
  access      VARCHAR(32) NOT NULL,
  endpoint    LONGTEXT NOT NULL,
  region      LONGTEXT NOT NULL,
  bucket      LONGTEXT NOT NULL,
  access_key  LONGTEXT NOT NULL,
  root        LONGTEXT NOT NULL,
  user_name   LONGTEXT NOT NULL,
  secret      LONGTEXT NOT NULL,
  created_by  VARCHAR(63) NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfers (
  project    VARCHAR(63) NOT NULL,
  name       VARCHAR(63) NOT NULL,
  number     BIGINT NOT NULL,
  direction  VARCHAR(32) NOT NULL,
  connector  VARCHAR(63) NOT NULL,
  path       LONGTEXT NOT NULL,
  files      LONGTEXT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  reason     LONGTEXT NOT NULL,
  position   LONGTEXT NOT NULL,
  revision   BIGINT NOT NULL,
  copied     BIGINT NOT NULL,
  bytes      BIGINT NOT NULL,
  skipped    BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  omitted    BIGINT NOT NULL,
  current    LONGTEXT NOT NULL,
  moving     BIGINT NOT NULL,
  created_by VARCHAR(63) NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT,
  request    VARCHAR(200),
  PRIMARY KEY (project, name),
  UNIQUE (project, number),
  UNIQUE (project, request),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE,
  INDEX transfers_state (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfer_faults (
  project  VARCHAR(63) NOT NULL,
  transfer VARCHAR(63) NOT NULL,
  number   BIGINT NOT NULL,
  path     LONGTEXT NOT NULL,
  reason   LONGTEXT NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (project, transfer, number),
  FOREIGN KEY (project, transfer) REFERENCES transfers (project, name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
