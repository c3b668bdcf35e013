package store

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type memberRow struct {
	Project  bine.ProjectName `gorm:"primaryKey"`
	UserName bine.UserName    `gorm:"primaryKey"`
	Role     bine.Role
	AddedBy  bine.UserName
	Added    int64 `gorm:"column:added_at"`
}

// TableName names the table.
func (memberRow) TableName() string { return "members" }

func (t *tx) putMember(project bine.ProjectName, m bine.Member) error {
	row := memberRow{Project: project, UserName: m.User, Role: m.Role, AddedBy: m.AddedBy, Added: orNow(m.AddedAt, t.now)}
	err := gorm.G[memberRow](t.gorm()).Create(t.ctx, &row)
	if t.db.IsForeign(err) {
		return bine.Errorf(bine.NotFound, "there is no user %q", string(m.User))
	}
	return err
}

// Members gives the members of a project by name.
func (s *Store) Members(ctx context.Context, project bine.ProjectName) ([]bine.Member, error) {
	found, err := gorm.G[memberRow](s.read(ctx)).Where("project = ?", project).Order("user_name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Member, len(found))
	for i, r := range found {
		list[i] = bine.Member{User: r.UserName, Role: r.Role, AddedBy: r.AddedBy, AddedAt: database.Time(r.Added)}
	}
	return list, nil
}

// RoleOf gives the role of a user in a project, if there is one.
func (s *Store) RoleOf(ctx context.Context, project bine.ProjectName, user bine.UserName) (bine.Role, bool, error) {
	var role bine.Role
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT role FROM members WHERE project = ? AND user_name = ?", project, user).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return role, err == nil, s.db.Explain(err)
}

// SetMember adds a member or changes the role of one. The last Data Owner of a
// project stays one: anything else is a Conflict.
func (s *Store) SetMember(ctx context.Context, project bine.ProjectName, m bine.Member) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.lockProject(project); err != nil {
			return err
		}
		old, err := gorm.G[memberRow](t.gorm()).Where("project = ? AND user_name = ?", project, m.User).Take(ctx)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return t.putMember(project, m)
		}
		if err != nil {
			return err
		}
		if old.Role == bine.DataOwner && m.Role != bine.DataOwner {
			if err := t.keepOwner(project, m.User); err != nil {
				return err
			}
		}
		_, err = t.exec("UPDATE members SET role = ? WHERE project = ? AND user_name = ?", m.Role, project, m.User)
		return err
	})
}

// RemoveMember removes a member, except the last Data Owner. One who is no
// member is no error.
func (s *Store) RemoveMember(ctx context.Context, project bine.ProjectName, user bine.UserName) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.lockProject(project); err != nil {
			return err
		}
		if err := t.keepOwner(project, user); err != nil {
			return err
		}
		_, err := t.exec("DELETE FROM members WHERE project = ? AND user_name = ?", project, user)
		return err
	})
}

// lockProject holds the row of a project until the transaction ends.
func (t *tx) lockProject(project bine.ProjectName) error {
	var name string
	err := t.row("SELECT name FROM projects WHERE name = ?"+t.db.Dialect().ForUpdate(), project).Scan(&name)
	return forDomain(err, named("project", project))
}

// keepOwner is a Conflict when the project would have no Data Owner without the user.
func (t *tx) keepOwner(project bine.ProjectName, user bine.UserName) error {
	var others, self int
	err := t.row("SELECT COALESCE(SUM(user_name <> ?), 0), COALESCE(SUM(user_name = ?), 0) FROM members WHERE project = ? AND role = ?",
		user, user, project, bine.DataOwner).Scan(&others, &self)
	if err == nil && others == 0 && self > 0 {
		return bine.Errorf(bine.Conflict, "%q is the last Data Owner of project %q: make another member Data Owner first", string(user), string(project))
	}
	return err
}
