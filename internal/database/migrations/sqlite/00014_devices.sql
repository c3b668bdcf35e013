-- +goose Up

-- Accelerators are granted in thousandths, and as devices that have names.
DROP INDEX leases_line;
DROP INDEX leases_held;
ALTER TABLE leases RENAME COLUMN gpus TO gpu_milli;
ALTER TABLE leases ADD COLUMN request TEXT NOT NULL DEFAULT ''; -- how accelerators are asked for
ALTER TABLE leases ADD COLUMN gang TEXT NOT NULL DEFAULT ''; -- of a member of a gang but the first: the attempt of the first
ALTER TABLE leases ADD COLUMN asked_back INTEGER; -- when the process was asked to make room
ALTER TABLE leases ADD COLUMN back_for TEXT NOT NULL DEFAULT ''; -- the attempt for which
CREATE INDEX leases_line ON leases (host, line, project, priority, place, cpu_milli, memory, gpu_milli);
CREATE INDEX leases_held ON leases (host, project, cpu_milli, memory, gpu_milli);
CREATE INDEX leases_gang ON leases (gang);
ALTER TABLE lease_hosts DROP COLUMN gpus;
ALTER TABLE lease_hosts ADD COLUMN labels TEXT;
ALTER TABLE lease_hosts ADD COLUMN cordoned INTEGER NOT NULL DEFAULT 0;

-- The devices of hosts. A device is never granted beyond its whole: the check is the database's own.
CREATE TABLE lease_devices (
  id         TEXT NOT NULL PRIMARY KEY,
  host       TEXT NOT NULL,
  idx        INTEGER NOT NULL,
  listed     INTEGER NOT NULL, -- whether its host has it now
  spec       TEXT NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 1000), -- thousandths that are granted
  epoch      INTEGER NOT NULL DEFAULT 0, -- of the last grant
  state      TEXT NOT NULL,
  cordoned   INTEGER NOT NULL DEFAULT 0, -- by an administrator
  reason     TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  health     TEXT NOT NULL -- what is remembered of its failures; the four before are taken from it
);
CREATE INDEX lease_devices_host ON lease_devices (host, idx);

-- Every grant of a device, also those that ended: who had it when, and what it did meanwhile.
CREATE TABLE lease_grants (
  device      TEXT NOT NULL,
  epoch       INTEGER NOT NULL,
  attempt     TEXT NOT NULL,
  host        TEXT NOT NULL,
  project     TEXT NOT NULL,
  owner       TEXT NOT NULL,
  milli       INTEGER NOT NULL,
  granted_at  INTEGER NOT NULL,
  ended_at    INTEGER,
  samples     INTEGER NOT NULL DEFAULT 0,
  busy        REAL NOT NULL DEFAULT 0, -- sum over samples
  memory_peak INTEGER NOT NULL DEFAULT 0,
  busy_at     INTEGER, -- when it was last seen to compute
  PRIMARY KEY (device, epoch)
);
CREATE INDEX lease_grants_attempt ON lease_grants (attempt);
CREATE INDEX lease_grants_live ON lease_grants (ended_at, device);

-- What became of devices.
CREATE TABLE device_events (
  id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  device     TEXT NOT NULL,
  at         INTEGER NOT NULL,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  user_name  TEXT NOT NULL
);
CREATE INDEX device_events_device ON device_events (device, id);

-- The last sample of each device.
CREATE TABLE device_use (
  device TEXT NOT NULL PRIMARY KEY,
  sample TEXT NOT NULL
);

ALTER TABLE quotas ADD COLUMN gpu_milli INTEGER NOT NULL DEFAULT 0; -- at most; 0 is no bound
ALTER TABLE quotas ADD COLUMN gpu_guaranteed INTEGER NOT NULL DEFAULT 0; -- what others give back when it asks
