-- +goose Up

-- What else there is to know of an inode. Most have nothing, and the bits say so
-- without a look into the tables that hold it.
ALTER TABLE dfs_inodes ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
