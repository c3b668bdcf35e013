package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// Setting gives a setting of the installation; ok is false where it was never put.
func (s *Store) Setting(ctx context.Context, name string) (value string, ok bool, err error) {
	err = s.db.Reader(ctx).QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, s.db.Explain(err)
}

// KeepSetting keeps a setting that is not there yet, and gives what is there
// then: of several who make one at once, all get the same.
func (s *Store) KeepSetting(ctx context.Context, name, value string) (kept string, err error) {
	ignore := " ON CONFLICT DO NOTHING"
	if s.db.Dialect() != "sqlite" {
		ignore = " ON DUPLICATE KEY UPDATE value = value"
	}
	err = s.write(ctx, func(t *tx) error {
		if _, err := t.exec("INSERT INTO settings (name, value) VALUES (?, ?)"+ignore, name, value); err != nil {
			return err
		}
		return t.row("SELECT value FROM settings WHERE name = ?"+t.db.Dialect().ForUpdate(), name).Scan(&kept)
	})
	return kept, err
}

// WebhookSecretSetting is under which setting the sealed secret is kept that
// the webhooks of a project are signed with. It goes with the project.
func WebhookSecretSetting(project bine.ProjectName) string {
	return "webhook-secret/" + string(project)
}

// IdleRuleSetting is under which setting the rule for idle accelerators is kept,
// of a project or with no name of the installation. A project's goes with it.
func IdleRuleSetting(project bine.ProjectName) string {
	if project == "" {
		return "idle-rule"
	}
	return "idle-rule/" + string(project)
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
