-- +goose Up

-- The file system. A directory's entries lie together by (parent_id, name);
-- what hangs on a file or directory refers to its id. Times are microseconds
-- since 1970 UTC. Ids under 1024 are reserved: 1 is /, 2 is /Projects, 3 is the
-- parent of what was removed and is still to be reclaimed.

CREATE TABLE dfs_inodes (
  parent_id INTEGER NOT NULL,
  name      TEXT NOT NULL,
  id        INTEGER NOT NULL,
  mode      INTEGER NOT NULL, -- permission bits, and the type as POSIX has it
  owner     TEXT NOT NULL,
  grp       TEXT NOT NULL,
  size      INTEGER NOT NULL,
  tail      INTEGER NOT NULL, -- how many bytes at the end lie in dfs_small
  version   INTEGER NOT NULL, -- moves with the content
  mtime     INTEGER NOT NULL,
  atime     INTEGER NOT NULL,
  btime     INTEGER NOT NULL, -- when it was made
  quota     INTEGER NOT NULL, -- bytes allowed below, 0 for no limit
  PRIMARY KEY (parent_id, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX dfs_inodes_id ON dfs_inodes (id);

INSERT INTO dfs_inodes VALUES
  (0, '', 1, 16877, 'bine', 'bine', 0, 0, 1, 0, 0, 0, 0),
  (1, 'Projects', 2, 16877, 'bine', 'bine', 0, 0, 1, 0, 0, 0, 0);

-- The last bytes of a file, or all of a small one. version is that of the
-- inode, so that a reader sees when the two do not belong together.
CREATE TABLE dfs_small (
  inode_id INTEGER NOT NULL PRIMARY KEY,
  version  INTEGER NOT NULL,
  data     BLOB NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);

-- The blocks of a file. They do not go with the inode: each has to become
-- garbage first, or its bytes would stay for ever.
CREATE TABLE dfs_blocks (
  inode_id INTEGER NOT NULL,
  start    INTEGER NOT NULL, -- offset in the file
  size     INTEGER NOT NULL,
  block_id TEXT NOT NULL,
  sums     BLOB NOT NULL, -- CRC32C of each 256 KiB, big endian
  PRIMARY KEY (inode_id, start),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX dfs_blocks_block ON dfs_blocks (block_id);

-- Every other block that is or may be stored: being written, or given up.
CREATE TABLE dfs_garbage (
  block_id TEXT NOT NULL PRIMARY KEY,
  since    INTEGER NOT NULL,
  taken    INTEGER NOT NULL -- 1 when its removal has begun and it can no longer be claimed
) WITHOUT ROWID;
CREATE INDEX dfs_garbage_since ON dfs_garbage (since);

-- Trees that were removed: their roots lie below inode 3 until they are empty.
CREATE TABLE dfs_removed (
  inode_id   INTEGER NOT NULL PRIMARY KEY,
  project_id INTEGER NOT NULL,
  removed_at INTEGER NOT NULL
);
CREATE INDEX dfs_removed_order ON dfs_removed (removed_at, inode_id);

CREATE TABLE dfs_xattrs (
  inode_id INTEGER NOT NULL,
  name     TEXT NOT NULL,
  value    BLOB NOT NULL,
  PRIMARY KEY (inode_id, name),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- What is below the directory of a project: the sum of its slots, of which a
-- writer takes one at random, so that writers do not queue for one row.
CREATE TABLE dfs_usage (
  project_id  INTEGER NOT NULL,
  slot        INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  files       INTEGER NOT NULL,
  directories INTEGER NOT NULL,
  PRIMARY KEY (project_id, slot)
) WITHOUT ROWID;
