-- +goose Up

-- Who alone writes to a file, which then has bit 32 in its flags. The epoch is
-- another one with each holder: a write under an old one is refused.
CREATE TABLE IF NOT EXISTS dfs_leases (
  inode_id BIGINT NOT NULL PRIMARY KEY,
  epoch    BIGINT NOT NULL,
  holder   VARCHAR(200) NOT NULL, -- what the writer calls itself
  who      VARCHAR(190) NOT NULL, -- the project user
  taken    BIGINT NOT NULL,
  renewed  BIGINT NOT NULL,
  INDEX dfs_leases_renewed (renewed),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
