-- +goose Up

-- The sealed secret of a key that requests of S3 are signed with.
ALTER TABLE api_keys ADD COLUMN sealed TEXT;
