package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type userRow struct {
	Name         bine.UserName `gorm:"primaryKey"`
	Admin        bool
	PasswordHash string
	Created      int64 `gorm:"column:created_at"`
}

// TableName names the table.
func (userRow) TableName() string { return "users" }

func (r userRow) user() bine.User {
	return bine.User{Name: r.Name, Admin: r.Admin, CreatedAt: database.Time(r.Created)}
}

// CreateUser adds a user with the hash of a password.
func (s *Store) CreateUser(ctx context.Context, u bine.User, passwordHash string) error {
	err := s.write(ctx, func(t *tx) error {
		row := userRow{Name: u.Name, Admin: u.Admin, PasswordHash: passwordHash, Created: orNow(u.CreatedAt, t.now)}
		return gorm.G[userRow](t.gorm()).Create(ctx, &row)
	})
	if s.db.IsDuplicate(err) {
		return bine.Errorf(bine.Conflict, "there is a user %q already", string(u.Name))
	}
	return forDomain(err, named("user", u.Name))
}

func (s *Store) user(ctx context.Context, name bine.UserName) (userRow, error) {
	var row userRow
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT name, admin, password_hash, created_at FROM users WHERE name = ?", name).
		Scan(&row.Name, &row.Admin, &row.PasswordHash, &row.Created)
	return row, forDomain(s.db.Explain(err), named("user", name))
}

// User gives a user.
func (s *Store) User(ctx context.Context, name bine.UserName) (bine.User, error) {
	row, err := s.user(ctx, name)
	return row.user(), err
}

// PasswordHash gives the hash of a user's password.
func (s *Store) PasswordHash(ctx context.Context, name bine.UserName) (string, error) {
	row, err := s.user(ctx, name)
	return row.PasswordHash, err
}

// SetPasswordHash replaces the hash of a user's password.
func (s *Store) SetPasswordHash(ctx context.Context, name bine.UserName, hash string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(named("user", name), "UPDATE users SET password_hash = ? WHERE name = ?", hash, name)
	})
}

// Users gives all users by name.
func (s *Store) Users(ctx context.Context) ([]bine.User, error) {
	found, err := gorm.G[userRow](s.read(ctx)).Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.User, len(found))
	for i, r := range found {
		list[i] = r.user()
	}
	return list, nil
}

// DeleteUser removes a user with memberships, sessions and keys. The last Data
// Owner of a project and the last administrator are a Conflict.
func (s *Store) DeleteUser(ctx context.Context, name bine.UserName) error {
	return s.write(ctx, func(t *tx) error {
		owns, err := gorm.G[memberRow](t.gorm()).Where("user_name = ? AND role = ?", name, bine.DataOwner).Order("project").Find(ctx)
		if err != nil {
			return err
		}
		for _, m := range owns {
			if err := t.lockProject(m.Project); err != nil {
				return err
			}
			if err := t.keepOwner(m.Project, name); err != nil {
				return err
			}
		}
		var others, self int
		if err := t.row("SELECT COALESCE(SUM(name <> ?), 0), COALESCE(SUM(name = ?), 0) FROM users WHERE admin = 1", name, name).Scan(&others, &self); err != nil {
			return err
		}
		if self > 0 && others == 0 {
			return bine.Errorf(bine.Conflict, "%q is the last administrator: make another one first", string(name))
		}
		return t.change(named("user", name), "DELETE FROM users WHERE name = ?", name)
	})
}
