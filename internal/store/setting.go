package store

import (
	"context"
	"database/sql"
	"errors"
)

// Setting gives a setting of the installation; ok is false where it was never put.
func (s *Store) Setting(ctx context.Context, name string) (value string, ok bool, err error) {
	err = s.db.Reader(ctx).QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, s.db.Explain(err)
}

// PutSetting keeps a setting of the installation.
func (s *Store) PutSetting(ctx context.Context, name, value string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE settings SET value = ? WHERE name = ?", value, name)
		if err == nil && n == 0 {
			_, err = t.exec("INSERT INTO settings (name, value) VALUES (?, ?)", name, value)
		}
		return err
	})
}
