-- +goose Up

-- Grants of devices that were given back, or soon will be, and whose processes may
-- still be there: nobody else gets the devices before it is certain that they are not.
CREATE TABLE lease_leaving (
  device  TEXT NOT NULL,
  epoch   INTEGER NOT NULL,
  attempt TEXT NOT NULL,
  host    TEXT NOT NULL,
  gone    INTEGER NOT NULL, -- no process is left, but others of its gang may be: the gang gives back together
  PRIMARY KEY (device, epoch)
);
CREATE INDEX lease_leaving_attempt ON lease_leaving (attempt);
CREATE INDEX lease_leaving_host ON lease_leaving (host, gone);

-- Leases whose devices do next to nothing.
CREATE TABLE lease_idle (
  attempt TEXT NOT NULL PRIMARY KEY, -- of a gang: the first
  since   INTEGER NOT NULL
);
