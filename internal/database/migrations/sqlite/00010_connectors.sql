-- +goose Up

-- Connectors lead to files that are kept elsewhere; transfers copy between these and the project's.
ALTER TABLE projects ADD COLUMN sandboxed INTEGER NOT NULL DEFAULT 0;

CREATE TABLE connectors (
  project     TEXT NOT NULL,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  description TEXT NOT NULL,
  access      TEXT NOT NULL,
  endpoint    TEXT NOT NULL,
  region      TEXT NOT NULL,
  bucket      TEXT NOT NULL,
  access_key  TEXT NOT NULL,
  root        TEXT NOT NULL,
  user_name   TEXT NOT NULL,
  secret      TEXT NOT NULL, -- sealed; empty where there is none
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (project, name),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);

CREATE TABLE transfers (
  project    TEXT NOT NULL,
  name       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  direction  TEXT NOT NULL,
  connector  TEXT NOT NULL,
  path       TEXT NOT NULL,
  files      TEXT NOT NULL,
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  position   TEXT NOT NULL, -- of the walk over what is copied
  revision   INTEGER NOT NULL, -- moves with position: who has an older one is not the one who copies now
  copied     INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  skipped    INTEGER NOT NULL,
  failed     INTEGER NOT NULL,
  omitted    INTEGER NOT NULL,
  current    TEXT NOT NULL,
  moving     INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at   INTEGER,
  request    TEXT,
  PRIMARY KEY (project, name),
  UNIQUE (project, number),
  UNIQUE (project, request),
  FOREIGN KEY (project) REFERENCES projects (name) ON DELETE CASCADE
);
CREATE INDEX transfers_state ON transfers (state);

CREATE TABLE transfer_faults (
  project  TEXT NOT NULL,
  transfer TEXT NOT NULL,
  number   INTEGER NOT NULL,
  path     TEXT NOT NULL,
  reason   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (project, transfer, number),
  FOREIGN KEY (project, transfer) REFERENCES transfers (project, name) ON DELETE CASCADE
);
