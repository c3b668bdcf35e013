-- +goose Up

-- Copies that share blocks, and snapshots of directories.

-- A block may be of several files: those have bit 8 in their flags.
DROP INDEX dfs_blocks_block;
CREATE INDEX dfs_blocks_holders ON dfs_blocks (block_id);

-- The blocks that may be of several files. Whoever takes such a block from a
-- file locks its row here, and finds out who else has it.
CREATE TABLE dfs_shared_blocks (
  block_id TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Copies of trees that are being made: their roots lie below inode 4, where no
-- path leads, until they are complete.
CREATE TABLE dfs_clones (
  inode_id   INTEGER NOT NULL PRIMARY KEY,
  project_id INTEGER NOT NULL,
  began      INTEGER NOT NULL, -- blocks given up since then are not removed before it ends
  seen       INTEGER NOT NULL, -- when something was added last
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE INDEX dfs_clones_seen ON dfs_clones (seen);

-- The directories of which snapshots may be made, with bit 16 in their flags.
CREATE TABLE dfs_snapshot_dirs (
  inode_id   INTEGER NOT NULL PRIMARY KEY,
  project_id INTEGER NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE INDEX dfs_snapshot_dirs_project ON dfs_snapshot_dirs (project_id);

-- The snapshots: copies below the entry .snapshot of the directory.
CREATE TABLE dfs_snapshots (
  inode_id INTEGER NOT NULL PRIMARY KEY, -- the root of the copy
  dir_id   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  who      TEXT NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE INDEX dfs_snapshots_dir ON dfs_snapshots (dir_id);

-- Of what an inode in a snapshot is the copy: so it is known again when it was renamed.
ALTER TABLE dfs_inodes ADD COLUMN origin INTEGER;
