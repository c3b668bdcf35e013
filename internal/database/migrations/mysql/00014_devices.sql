-- +goose Up

-- Accelerators are granted in thousandths, and as devices that have names.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'gpu_milli') > 0, 'DO 0',
  'ALTER TABLE leases RENAME COLUMN gpus TO gpu_milli');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'request') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN request LONGTEXT NOT NULL DEFAULT ('''')');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'gang') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN gang VARCHAR(64) NOT NULL DEFAULT ''''');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'asked_back') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN asked_back BIGINT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'back_for') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN back_for VARCHAR(64) NOT NULL DEFAULT ''''');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'leases' AND index_name = 'leases_gang') > 0, 'DO 0',
  'CREATE INDEX leases_gang ON leases (gang)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_hosts' AND column_name = 'gpus') = 0, 'DO 0',
  'ALTER TABLE lease_hosts DROP COLUMN gpus');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_hosts' AND column_name = 'labels') > 0, 'DO 0',
  'ALTER TABLE lease_hosts ADD COLUMN labels LONGTEXT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_hosts' AND column_name = 'cordoned') > 0, 'DO 0',
  'ALTER TABLE lease_hosts ADD COLUMN cordoned BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- The devices of hosts. A device is never granted beyond its whole: the check is the database's own.
CREATE TABLE IF NOT EXISTS lease_devices (
  id         VARCHAR(191) NOT NULL PRIMARY KEY,
  host       VARCHAR(255) NOT NULL,
  idx        BIGINT NOT NULL,
  listed     BIGINT NOT NULL, -- whether its host has it now
  spec       LONGTEXT NOT NULL,
  used       BIGINT NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 1000), -- thousandths that are granted
  epoch      BIGINT NOT NULL DEFAULT 0, -- of the last grant
  state      VARCHAR(64) NOT NULL,
  cordoned   BIGINT NOT NULL DEFAULT 0, -- by an administrator
  reason     LONGTEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  health     LONGTEXT NOT NULL, -- what is remembered of its failures; the four before are taken from it
  INDEX lease_devices_host (host, idx)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every grant of a device, also those that ended: who had it when, and what it did meanwhile.
CREATE TABLE IF NOT EXISTS lease_grants (
  device      VARCHAR(191) NOT NULL,
  epoch       BIGINT NOT NULL,
  attempt     VARCHAR(64) NOT NULL,
  host        VARCHAR(255) NOT NULL,
  project     VARCHAR(63) NOT NULL,
  owner       LONGTEXT NOT NULL,
  milli       BIGINT NOT NULL,
  granted_at  BIGINT NOT NULL,
  ended_at    BIGINT,
  samples     BIGINT NOT NULL DEFAULT 0,
  busy        DOUBLE NOT NULL DEFAULT 0, -- sum over samples
  memory_peak BIGINT NOT NULL DEFAULT 0,
  busy_at     BIGINT, -- when it was last seen to compute
  PRIMARY KEY (device, epoch),
  INDEX lease_grants_attempt (attempt),
  INDEX lease_grants_live (ended_at, device)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What became of devices.
CREATE TABLE IF NOT EXISTS device_events (
  id         BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
  device     VARCHAR(191) NOT NULL,
  at         BIGINT NOT NULL,
  state      VARCHAR(64) NOT NULL,
  reason     LONGTEXT NOT NULL,
  user_name  VARCHAR(64) NOT NULL,
  INDEX device_events_device (device, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The last sample of each device.
CREATE TABLE IF NOT EXISTS device_use (
  device VARCHAR(191) NOT NULL PRIMARY KEY,
  sample LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'quotas' AND column_name = 'gpu_milli') > 0, 'DO 0',
  'ALTER TABLE quotas ADD COLUMN gpu_milli BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'quotas' AND column_name = 'gpu_guaranteed') > 0, 'DO 0',
  'ALTER TABLE quotas ADD COLUMN gpu_guaranteed BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
