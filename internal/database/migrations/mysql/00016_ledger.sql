-- +goose Up

-- What servers keep in memory of the ledger holds while these two are as they
-- were: version counts changes, stamp is another one by chance with each.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_ledger' AND column_name = 'version') > 0, 'DO 0',
  'ALTER TABLE lease_ledger ADD COLUMN version BIGINT NOT NULL DEFAULT 0, ADD COLUMN stamp BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
-- The version in which a host, its devices or what is held of it changed last.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'lease_hosts' AND column_name = 'changed') > 0, 'DO 0',
  'ALTER TABLE lease_hosts ADD COLUMN changed BIGINT NOT NULL DEFAULT 0, ADD INDEX lease_hosts_changed (changed)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- What was asked for and granted, by kind: what counts as typical work where
-- hosts are weighed against each other.
CREATE TABLE IF NOT EXISTS lease_kinds (
  kind      VARCHAR(64) NOT NULL PRIMARY KEY, -- a digest of the next three
  request   LONGTEXT NOT NULL,
  gpu_milli BIGINT NOT NULL,
  cpu_milli BIGINT NOT NULL,
  n         DOUBLE NOT NULL -- how often, what was long ago counts less
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
