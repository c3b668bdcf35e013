-- +goose Up

-- Grants of devices that were given back, or soon will be, and whose processes may
-- still be there: nobody else gets the devices before it is certain that they are not.
CREATE TABLE IF NOT EXISTS lease_leaving (
  device  VARCHAR(191) NOT NULL,
  epoch   BIGINT NOT NULL,
  attempt VARCHAR(64) NOT NULL,
  host    VARCHAR(255) NOT NULL,
  gone    BIGINT NOT NULL, -- no process is left, but others of its gang may be: the gang gives back together
  PRIMARY KEY (device, epoch),
  INDEX lease_leaving_attempt (attempt),
  INDEX lease_leaving_host (host, gone)
);

-- Leases whose devices do next to nothing.
CREATE TABLE IF NOT EXISTS lease_idle (
  attempt VARCHAR(64) NOT NULL PRIMARY KEY, -- of a gang: the first
  since   BIGINT NOT NULL
);
