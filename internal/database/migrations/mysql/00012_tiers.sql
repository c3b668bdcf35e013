-- +goose Up

-- Blocks in tiers, and sealed with keys of projects: the id of a block says both.
ALTER TABLE dfs_blocks MODIFY block_id VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
ALTER TABLE dfs_garbage MODIFY block_id VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
ALTER TABLE dfs_shared_blocks MODIFY block_id VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;

-- The keys with which files of projects are sealed, themselves sealed with the key
-- file. A project that has or had one has bit 64 in the flags of its directory.
CREATE TABLE IF NOT EXISTS dfs_keys (
  id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  project_id BIGINT NOT NULL, -- the inode of its directory
  version    BIGINT NOT NULL,
  wrapped    VARCHAR(1000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  used       TINYINT NOT NULL, -- 1: what is written now is sealed with it
  made       BIGINT NOT NULL,
  retired    BIGINT NOT NULL, -- since when its project is gone; 0 while it is there
  UNIQUE KEY dfs_keys_version (project_id, version),
  INDEX dfs_keys_retired (retired)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
