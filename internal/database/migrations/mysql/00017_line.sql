-- +goose Up

-- How long who holds accelerators may keep them, and whether it gives back before others.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'lasts') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN lasts BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'yields') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN yields BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- Accelerators have a line of their own.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'kind') > 0, 'DO 0',
  'ALTER TABLE leases ADD COLUMN kind BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
UPDATE leases SET kind = 1 WHERE gpu_milli > 0;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'leases' AND index_name = 'leases_kind') > 0, 'DO 0',
  'CREATE INDEX leases_kind ON leases (host, line, kind, project, priority, place, cpu_milli, memory, gpu_milli)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- The place that is kept for the first who waits for accelerators, and from
-- when and by what usage is counted.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_ledger' AND column_name = 'reserved') > 0, 'DO 0',
  'ALTER TABLE lease_ledger ADD COLUMN reserved LONGTEXT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_ledger' AND column_name = 'usage_from') > 0, 'DO 0',
  'ALTER TABLE lease_ledger ADD COLUMN usage_from BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_ledger' AND column_name = 'half_life') > 0, 'DO 0',
  'ALTER TABLE lease_ledger ADD COLUMN half_life BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- What a project has of single kinds of accelerators.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'quotas' AND column_name = 'cells') > 0, 'DO 0',
  'ALTER TABLE quotas ADD COLUMN cells LONGTEXT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- What projects have had, so that it counts half after each half-life: see
-- usage.go of internal/lease. A change is an addition, whatever was before.
CREATE TABLE IF NOT EXISTS lease_usage (
  project VARCHAR(63) NOT NULL PRIMARY KEY,
  gpu     DOUBLE NOT NULL,
  cpu     DOUBLE NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
