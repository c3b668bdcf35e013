-- +goose Up

-- What an audit record says beside who did what: why, and from what to what.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audit' AND column_name = 'note') > 0, 'DO 0',
  'ALTER TABLE audit ADD COLUMN note LONGTEXT NOT NULL DEFAULT ('''')');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- How long projects had accelerators in the hours that are over: the sum of what
-- lease_grants says of them, so that months are read as fast as a day. The hour
-- that was summed up last is in gpu_hours_upto.
CREATE TABLE IF NOT EXISTS gpu_hours (
  hour    BIGINT NOT NULL, -- hours since 1970
  project VARCHAR(63) NOT NULL,
  micros  BIGINT NOT NULL, -- device microseconds
  PRIMARY KEY (hour, project)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS gpu_hours_upto (
  id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  hour BIGINT NOT NULL -- the first that is not summed up
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO gpu_hours_upto (id, hour) VALUES (1, 0);

-- What became of requests beside being granted and given back.
CREATE TABLE IF NOT EXISTS lease_notes (
  attempt VARCHAR(64) NOT NULL,
  kind    VARCHAR(32) NOT NULL, -- asked_back
  at      BIGINT NOT NULL,
  project VARCHAR(63) NOT NULL,
  note    LONGTEXT NOT NULL,
  PRIMARY KEY (attempt, kind, at),
  INDEX lease_notes_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
