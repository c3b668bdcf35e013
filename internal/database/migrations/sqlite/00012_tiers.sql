-- +goose Up

-- The keys with which files of projects are sealed, themselves sealed with the key
-- file. A project that has or had one has bit 64 in the flags of its directory.
-- The id of a block says which one it is sealed with, so none is used again.
CREATE TABLE dfs_keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL, -- the inode of its directory
  version    INTEGER NOT NULL,
  wrapped    TEXT NOT NULL,
  used       INTEGER NOT NULL, -- 1: what is written now is sealed with it
  made       INTEGER NOT NULL,
  retired    INTEGER NOT NULL, -- since when its project is gone; 0 while it is there
  UNIQUE (project_id, version)
);
CREATE INDEX dfs_keys_retired ON dfs_keys (retired);
