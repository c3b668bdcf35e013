-- +goose Up

-- Copies that share blocks, and snapshots of directories.

-- A block may be of several files: those have bit 8 in their flags.
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'dfs_blocks' AND index_name = 'dfs_blocks_holders') > 0, 'DO 0',
  'ALTER TABLE dfs_blocks ADD INDEX dfs_blocks_holders (block_id)');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'dfs_blocks' AND index_name = 'dfs_blocks_block') = 0, 'DO 0',
  'ALTER TABLE dfs_blocks DROP INDEX dfs_blocks_block');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- The blocks that may be of several files. Whoever takes such a block from a
-- file locks its row here, and finds out who else has it.
CREATE TABLE IF NOT EXISTS dfs_shared_blocks (
  block_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Copies of trees that are being made: their roots lie below inode 4, where no
-- path leads, until they are complete.
CREATE TABLE IF NOT EXISTS dfs_clones (
  inode_id   BIGINT NOT NULL PRIMARY KEY,
  project_id BIGINT NOT NULL,
  began      BIGINT NOT NULL, -- blocks given up since then are not removed before it ends
  seen       BIGINT NOT NULL, -- when something was added last
  INDEX dfs_clones_seen (seen),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The directories of which snapshots may be made, with bit 16 in their flags.
CREATE TABLE IF NOT EXISTS dfs_snapshot_dirs (
  inode_id   BIGINT NOT NULL PRIMARY KEY,
  project_id BIGINT NOT NULL,
  INDEX dfs_snapshot_dirs_project (project_id),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The snapshots: copies below the entry .snapshot of the directory.
CREATE TABLE IF NOT EXISTS dfs_snapshots (
  inode_id BIGINT NOT NULL PRIMARY KEY, -- the root of the copy
  dir_id   BIGINT NOT NULL,
  at       BIGINT NOT NULL,
  who      VARCHAR(190) NOT NULL,
  INDEX dfs_snapshots_dir (dir_id),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Of what an inode in a snapshot is the copy: so it is known again when it was renamed.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dfs_inodes' AND column_name = 'origin') > 0, 'DO 0',
  'ALTER TABLE dfs_inodes ADD COLUMN origin BIGINT NULL');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
