-- +goose Up

-- Access lists of files and directories: what the mode does not say. An inode
-- that has rows here has bit 1 of its flags set.
CREATE TABLE IF NOT EXISTS dfs_acls (
  inode_id  BIGINT NOT NULL,
  inherited TINYINT NOT NULL, -- 1 for a default entry, which is for what is made in the directory
  type      VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- user, group, mask or other
  name      VARCHAR(190) NOT NULL, -- project user or group; empty for the owner or group of the inode
  perm      TINYINT NOT NULL, -- three bits
  PRIMARY KEY (inode_id, inherited, type, name),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What symbolic links lead to, as it was written.
CREATE TABLE IF NOT EXISTS dfs_links (
  inode_id BIGINT NOT NULL PRIMARY KEY,
  target   VARBINARY(4096) NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
