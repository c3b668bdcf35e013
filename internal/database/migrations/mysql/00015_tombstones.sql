-- +goose Up

-- What was removed, when the feed has forgotten it: one row for each path that
-- somebody removed, with all that was below it. Nothing hangs on it.
CREATE TABLE IF NOT EXISTS dfs_tombstones (
  id        BIGINT NOT NULL PRIMARY KEY, -- of the change
  project   VARCHAR(90) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  inode_id  BIGINT NOT NULL,
  parent_id BIGINT NOT NULL,
  dir       TINYINT NOT NULL,
  size      BIGINT NOT NULL,
  version   BIGINT NOT NULL,
  path      VARBINARY(4096) NOT NULL,
  who       VARCHAR(190) NOT NULL,
  at        BIGINT NOT NULL,
  INDEX dfs_tombstones_project (project, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
