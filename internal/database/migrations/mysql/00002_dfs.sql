-- +goose Up

-- The file system. A directory's entries lie together by (parent_id, name);
-- what hangs on a file or directory refers to its id. Times are microseconds
-- since 1970 UTC. Ids under 1024 are reserved: 1 is /, 2 is /Projects, 3 is the
-- parent of what was removed and is still to be reclaimed. MySQL commits each
-- statement by itself, so each can be run again.

CREATE TABLE IF NOT EXISTS dfs_inodes (
  parent_id BIGINT NOT NULL,
  name      VARBINARY(255) NOT NULL,
  id        BIGINT NOT NULL,
  mode      BIGINT NOT NULL, -- permission bits, and the type as POSIX has it
  owner     VARCHAR(190) NOT NULL,
  grp       VARCHAR(190) NOT NULL,
  size      BIGINT NOT NULL,
  tail      BIGINT NOT NULL, -- how many bytes at the end lie in dfs_small
  version   BIGINT NOT NULL, -- moves with the content
  mtime     BIGINT NOT NULL,
  atime     BIGINT NOT NULL,
  btime     BIGINT NOT NULL, -- when it was made
  quota     BIGINT NOT NULL, -- bytes allowed below, 0 for no limit
  PRIMARY KEY (parent_id, name),
  UNIQUE KEY dfs_inodes_id (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO dfs_inodes VALUES
  (0, '', 1, 16877, 'bine', 'bine', 0, 0, 1, 0, 0, 0, 0),
  (1, 'Projects', 2, 16877, 'bine', 'bine', 0, 0, 1, 0, 0, 0, 0);

-- The last bytes of a file, or all of a small one. version is that of the
-- inode, so that a reader sees when the two do not belong together.
CREATE TABLE IF NOT EXISTS dfs_small (
  inode_id BIGINT NOT NULL PRIMARY KEY,
  version  BIGINT NOT NULL,
  data     MEDIUMBLOB NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The blocks of a file. They do not go with the inode: each has to become
-- garbage first, or its bytes would stay for ever.
CREATE TABLE IF NOT EXISTS dfs_blocks (
  inode_id BIGINT NOT NULL,
  start    BIGINT NOT NULL, -- offset in the file
  size     BIGINT NOT NULL,
  block_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sums     MEDIUMBLOB NOT NULL, -- CRC32C of each 256 KiB, big endian
  PRIMARY KEY (inode_id, start),
  UNIQUE KEY dfs_blocks_block (block_id),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every other block that is or may be stored: being written, or given up.
CREATE TABLE IF NOT EXISTS dfs_garbage (
  block_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  since    BIGINT NOT NULL,
  taken    BIGINT NOT NULL, -- 1 when its removal has begun and it can no longer be claimed
  INDEX dfs_garbage_since (since)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Trees that were removed: their roots lie below inode 3 until they are empty.
CREATE TABLE IF NOT EXISTS dfs_removed (
  inode_id   BIGINT NOT NULL PRIMARY KEY,
  project_id BIGINT NOT NULL,
  removed_at BIGINT NOT NULL,
  INDEX dfs_removed_order (removed_at, inode_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS dfs_xattrs (
  inode_id BIGINT NOT NULL,
  name     VARBINARY(255) NOT NULL,
  value    MEDIUMBLOB NOT NULL,
  PRIMARY KEY (inode_id, name),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What is below the directory of a project: the sum of its slots, of which a
-- writer takes one at random, so that writers do not queue for one row.
CREATE TABLE IF NOT EXISTS dfs_usage (
  project_id  BIGINT NOT NULL,
  slot        BIGINT NOT NULL,
  bytes       BIGINT NOT NULL,
  files       BIGINT NOT NULL,
  directories BIGINT NOT NULL,
  PRIMARY KEY (project_id, slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
