-- +goose Up

-- What was removed, when the feed has forgotten it: one row for each path that
-- somebody removed, with all that was below it. Nothing hangs on it.
CREATE TABLE dfs_tombstones (
  id        INTEGER NOT NULL PRIMARY KEY, -- of the change
  project   TEXT NOT NULL,
  inode_id  INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  dir       INTEGER NOT NULL,
  size      INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  path      TEXT NOT NULL,
  who       TEXT NOT NULL,
  at        INTEGER NOT NULL
);
CREATE INDEX dfs_tombstones_project ON dfs_tombstones (project, id);
