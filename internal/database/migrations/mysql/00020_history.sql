-- +goose Up

-- What was asked for, granted and given back of accelerators: what could be tried
-- again with other rules. A process of a gang has a row of its own.
CREATE TABLE IF NOT EXISTS lease_history (
  attempt    VARCHAR(64) NOT NULL,
  gang       VARCHAR(64) NOT NULL, -- the attempt of the first; empty: no gang
  project    VARCHAR(63) NOT NULL,
  request    LONGTEXT NOT NULL,
  priority   BIGINT NOT NULL,
  gpu_milli  BIGINT NOT NULL,
  cpu_milli  BIGINT NOT NULL,
  memory     BIGINT NOT NULL,
  asked_at   BIGINT NOT NULL,
  granted_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL,
  PRIMARY KEY (attempt, granted_at),
  INDEX lease_history_ended (ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
