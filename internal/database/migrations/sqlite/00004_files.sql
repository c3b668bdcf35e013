-- +goose Up

-- The file system in depth: the feed of changes.

-- What was changed below the directories of projects, written with the change
-- itself. There is one writer, so ids are in the order of the commits.
CREATE TABLE dfs_changes (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  project   TEXT NOT NULL,
  op        TEXT NOT NULL,
  inode_id  INTEGER NOT NULL,
  parent_id INTEGER NOT NULL, -- where it is now; of what was removed, where it was
  dir       INTEGER NOT NULL,
  size      INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  path      TEXT NOT NULL,
  came_from TEXT NOT NULL,    -- the path before a rename
  who       TEXT NOT NULL,
  at        INTEGER NOT NULL
);
CREATE INDEX dfs_changes_project ON dfs_changes (project, id);

-- How far the feed is: 'final', up to which no change can come in between any
-- more, and 'removed', up to which the oldest changes were removed.
CREATE TABLE dfs_feed (
  name     TEXT NOT NULL PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO dfs_feed (name, position) VALUES ('final', 0), ('removed', 0);

-- Which projects may use a dataset, a directory of a project, without a copy: it
-- takes the offer of its Data Owners and the wish of theirs. An offer to '*' is
-- to whoever wishes to read.
CREATE TABLE dfs_shares (
  inode_id   INTEGER NOT NULL,
  to_project TEXT NOT NULL,
  offered    TEXT NOT NULL,    -- read or write; empty for not
  wanted     TEXT NOT NULL,    -- the same
  offered_by TEXT NOT NULL,
  wanted_by  TEXT NOT NULL,
  at         INTEGER NOT NULL, -- of the last change
  PRIMARY KEY (inode_id, to_project),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX dfs_shares_to ON dfs_shares (to_project);

-- What was removed and can be restored: it lies below .trash of its project.
CREATE TABLE dfs_trash (
  inode_id   INTEGER NOT NULL PRIMARY KEY,
  project    TEXT NOT NULL,
  path       TEXT NOT NULL, -- where it was
  who        TEXT NOT NULL, -- the project user who removed it
  removed_at INTEGER NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE INDEX dfs_trash_project ON dfs_trash (project, removed_at);
CREATE INDEX dfs_trash_age ON dfs_trash (removed_at);
