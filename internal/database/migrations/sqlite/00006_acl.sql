-- +goose Up

-- Access lists of files and directories: what the mode does not say. An inode
-- that has rows here has bit 1 of its flags set.
CREATE TABLE dfs_acls (
  inode_id  INTEGER NOT NULL,
  inherited INTEGER NOT NULL, -- 1 for a default entry, which is for what is made in the directory
  type      TEXT NOT NULL,    -- user, group, mask or other
  name      TEXT NOT NULL,    -- project user or group; empty for the owner or group of the inode
  perm      INTEGER NOT NULL, -- three bits
  PRIMARY KEY (inode_id, inherited, type, name),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- What symbolic links lead to, as it was written.
CREATE TABLE dfs_links (
  inode_id INTEGER NOT NULL PRIMARY KEY,
  target   TEXT NOT NULL,
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
);
