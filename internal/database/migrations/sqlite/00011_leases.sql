-- +goose Up

-- Who alone writes to a file, which then has bit 32 in its flags. The epoch is
-- another one with each holder: a write under an old one is refused.
CREATE TABLE dfs_leases (
  inode_id INTEGER NOT NULL PRIMARY KEY,
  epoch    INTEGER NOT NULL,
  holder   TEXT NOT NULL, -- what the writer calls itself
  who      TEXT NOT NULL, -- the project user
  taken    INTEGER NOT NULL,
  renewed  INTEGER NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
CREATE INDEX dfs_leases_renewed ON dfs_leases (renewed);
