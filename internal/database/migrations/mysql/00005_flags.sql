-- +goose Up

-- What else there is to know of an inode. Most have nothing, and the bits say so
-- without a look into the tables that hold it.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dfs_inodes' AND column_name = 'flags') > 0, 'DO 0',
  'ALTER TABLE dfs_inodes ADD COLUMN flags BIGINT NOT NULL DEFAULT 0');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
