-- +goose Up

-- Quotas of directories, and policies of how what is below them is kept.

-- The directories whose content is limited, with bit 2 of their flags. A limit
-- is another one, with another number, after it was taken away and set again.
CREATE TABLE dfs_limits (
  limit_id    INTEGER NOT NULL PRIMARY KEY,
  inode_id    INTEGER NOT NULL,
  names_quota INTEGER NOT NULL, -- files and directories, with the directory itself; 0 for no limit
  bytes_quota INTEGER NOT NULL, -- 0 for no limit
  counted     INTEGER NOT NULL, -- 1 when what was there before is in the usage
  at          INTEGER NOT NULL, -- when it was set
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX dfs_limits_inode ON dfs_limits (inode_id);

-- What is below such a directory, as dfs_usage has it for projects. That of a
-- project itself is there.
CREATE TABLE dfs_limit_usage (
  limit_id    INTEGER NOT NULL,
  slot        INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  files       INTEGER NOT NULL,
  directories INTEGER NOT NULL,
  PRIMARY KEY (limit_id, slot),
  FOREIGN KEY (limit_id) REFERENCES dfs_limits (limit_id) ON DELETE CASCADE
) WITHOUT ROWID;

-- The limits that what was removed counts towards until it is reclaimed, as ",1,2,".
ALTER TABLE dfs_removed ADD COLUMN limits TEXT NOT NULL DEFAULT '';

-- How what is written below a directory is kept, with bit 4 of its flags.
CREATE TABLE dfs_policies (
  inode_id     INTEGER NOT NULL PRIMARY KEY,
  name         TEXT NOT NULL,
  inline_limit INTEGER NOT NULL, -- up to how many bytes of a file lie in the database; -1 for that of the policy
  block_size   INTEGER NOT NULL, -- 0 for that of the installation
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);

-- Of what size the blocks of a file are at most; 0 for that of the installation.
ALTER TABLE dfs_inodes ADD COLUMN block_size INTEGER NOT NULL DEFAULT 0;
