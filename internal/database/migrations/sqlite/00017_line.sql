-- +goose Up

-- How long who holds accelerators may keep them, and whether it gives back before others.
ALTER TABLE leases ADD COLUMN lasts INTEGER NOT NULL DEFAULT 0; -- microseconds; 0 is not known
ALTER TABLE leases ADD COLUMN yields INTEGER NOT NULL DEFAULT 0;

-- Accelerators have a line of their own.
ALTER TABLE leases ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- 1 where accelerators are asked for
UPDATE leases SET kind = 1 WHERE gpu_milli > 0;
CREATE INDEX leases_kind ON leases (host, line, kind, project, priority, place, cpu_milli, memory, gpu_milli);

-- The place that is kept for the first who waits for accelerators, and from
-- when and by what usage is counted.
ALTER TABLE lease_ledger ADD COLUMN reserved TEXT;
ALTER TABLE lease_ledger ADD COLUMN usage_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease_ledger ADD COLUMN half_life INTEGER NOT NULL DEFAULT 0; -- microseconds

-- What a project has of single kinds of accelerators.
ALTER TABLE quotas ADD COLUMN cells TEXT;

-- What projects have had, so that it counts half after each half-life: see
-- usage.go of internal/lease. A change is an addition, whatever was before.
CREATE TABLE lease_usage (
  project TEXT NOT NULL PRIMARY KEY,
  gpu     REAL NOT NULL,
  cpu     REAL NOT NULL
);
