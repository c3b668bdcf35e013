-- +goose Up

-- The sealed secret of a key that requests of S3 are signed with.
SET @change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'api_keys' AND column_name = 'sealed') > 0, 'DO 0',
  'ALTER TABLE api_keys ADD COLUMN sealed TEXT');
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
