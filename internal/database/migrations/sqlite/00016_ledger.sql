-- +goose Up

-- What servers keep in memory of the ledger holds while these two are as they
-- were: version counts changes, stamp is another one by chance with each.
ALTER TABLE lease_ledger ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease_ledger ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease_hosts ADD COLUMN changed INTEGER NOT NULL DEFAULT 0; -- the version in which it, its devices or what is held of it changed last
CREATE INDEX lease_hosts_changed ON lease_hosts (changed);

-- What was asked for and granted, by kind: what counts as typical work where
-- hosts are weighed against each other.
CREATE TABLE lease_kinds (
  kind      TEXT NOT NULL PRIMARY KEY, -- a digest of the next three
  request   TEXT NOT NULL,
  gpu_milli INTEGER NOT NULL,
  cpu_milli INTEGER NOT NULL,
  n         REAL NOT NULL -- how often, what was long ago counts less
);
