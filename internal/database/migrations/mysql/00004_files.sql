-- +goose Up

-- The file system in depth: the feed of changes.

-- What was changed below the directories of projects, written with the change
-- itself. Ids are not quite in the order of the commits; readers see to that.
CREATE TABLE IF NOT EXISTS dfs_changes (
  id        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  project   VARCHAR(90) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  op        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  inode_id  BIGINT NOT NULL,
  parent_id BIGINT NOT NULL, -- where it is now; of what was removed, where it was
  dir       TINYINT NOT NULL,
  size      BIGINT NOT NULL,
  version   BIGINT NOT NULL,
  path      VARBINARY(4096) NOT NULL,
  came_from VARBINARY(4096) NOT NULL, -- the path before a rename
  who       VARCHAR(190) NOT NULL,
  at        BIGINT NOT NULL,
  INDEX dfs_changes_project (project, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How far the feed is: 'final', up to which no change can come in between any
-- more, and 'removed', up to which the oldest changes were removed.
CREATE TABLE IF NOT EXISTS dfs_feed (
  name     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  position BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO dfs_feed (name, position) VALUES ('final', 0), ('removed', 0);

-- Which projects may use a dataset, a directory of a project, without a copy: it
-- takes the offer of its Data Owners and the wish of theirs. An offer to '*' is
-- to whoever wishes to read.
CREATE TABLE IF NOT EXISTS dfs_shares (
  inode_id   BIGINT NOT NULL,
  to_project VARCHAR(90) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  offered    VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- read or write; empty for not
  wanted     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- the same
  offered_by VARCHAR(190) NOT NULL,
  wanted_by  VARCHAR(190) NOT NULL,
  at         BIGINT NOT NULL, -- of the last change
  PRIMARY KEY (inode_id, to_project),
  INDEX dfs_shares_to (to_project),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What was removed and can be restored: it lies below .trash of its project.
CREATE TABLE IF NOT EXISTS dfs_trash (
  inode_id   BIGINT NOT NULL PRIMARY KEY,
  project    VARCHAR(90) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  path       VARBINARY(4096) NOT NULL, -- where it was
  who        VARCHAR(190) NOT NULL,    -- the project user who removed it
  removed_at BIGINT NOT NULL,
  INDEX dfs_trash_project (project, removed_at),
  INDEX dfs_trash_age (removed_at),
  FOREIGN KEY (inode_id) REFERENCES dfs_inodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
