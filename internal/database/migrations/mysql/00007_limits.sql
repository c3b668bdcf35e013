-- +goose Up

-- Quotas of directories, and policies of how what is below them is kept.

-- The directories whose content is limited, with bit 2 of their flags. A limit
-- is another one, with another number, after it was taken away and set again.
CREATE TABLE IF NOT EXISTS dfs_limits (
  limit_id    BIGINT NOT NULL PRIMARY KEY,
  inode_id    BIGINT NOT NULL,
  names_quota BIGINT NOT NULL, -- files and directories, with the directory itself; 0 for no limit
  bytes_quota BIGINT NOT NULL, -- 0 for no limit
  counted     BIGINT NOT NULL, -- 1 when what was there before is in the usage
  at          BIGINT NOT NULL, -- when it was set
  UNIQUE KEY dfs_limits_inode (inode_id),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What is below such a directory, as dfs_usage has it for projects. That of a
-- project itself is there.
CREATE TABLE IF NOT EXISTS dfs_limit_usage (
  limit_id    BIGINT NOT NULL,
  slot        BIGINT NOT NULL,
  bytes       BIGINT NOT NULL,
  files       BIGINT NOT NULL,
  directories BIGINT NOT NULL,
  PRIMARY KEY (limit_id, slot),
  FOREIGN KEY (limit_id) REFERENCES dfs_limits (limit_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The limits that what was removed counts towards until it is reclaimed, as ",1,2,".
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dfs_removed' AND column_name = 'limits') > 0, 'DO 0',
  'ALTER TABLE dfs_removed ADD COLUMN limits VARCHAR(12000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''''');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- How what is written below a directory is kept, with bit 4 of its flags.
CREATE TABLE IF NOT EXISTS dfs_policies (
  inode_id     BIGINT NOT NULL PRIMARY KEY,
  name         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  inline_limit BIGINT NOT NULL, -- up to how many bytes of a file lie in the database; -1 for that of the policy
  block_size   BIGINT NOT NULL, -- 0 for that of the installation
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Of what size the blocks of a file are at most; 0 for that of the installation.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dfs_inodes' AND column_name = 'block_size') > 0, 'DO 0',
  'ALTER TABLE dfs_inodes ADD COLUMN block_size BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
