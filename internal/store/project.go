package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type projectRow struct {
	Name        bine.ProjectName `gorm:"primaryKey"`
	Description string
	State       bine.ProjectState
	Reason      string
	Environment int
	Sandboxed   bool
	CreatedBy   bine.UserName
	Created     int64     `gorm:"column:created_at"`
	Role        bine.Role `gorm:"->"` // of the user that a list is for
}

// TableName names the table.
func (projectRow) TableName() string { return "projects" }

func (r projectRow) project() bine.Project {
	return bine.Project{Name: r.Name, Description: r.Description, State: r.State, Reason: r.Reason, Sandboxed: r.Sandboxed,
		CreatedBy: r.CreatedBy, CreatedAt: database.Time(r.Created), Role: r.Role}
}

// CreateProject makes the row of a project that is to be provisioned, with its
// creator as Data Owner. A project that failed is provisioned again when its
// creator asks; any other that has the name is a Conflict.
func (s *Store) CreateProject(ctx context.Context, p bine.Project) error {
	return s.CreateProjectWith(ctx, p, nil)
}

// CreateProjectWith is CreateProject that makes the row of the project's first
// environment too, unless first is nil or an earlier try made one: both are
// there, or none.
func (s *Store) CreateProjectWith(ctx context.Context, p bine.Project, first *bine.Environment) error {
	err := s.write(ctx, func(t *tx) error {
		if err := t.createProject(p); err != nil || first == nil {
			return err
		}
		var versions int
		if err := t.row("SELECT COUNT(*) FROM environments WHERE project = ?", p.Name).Scan(&versions); err != nil || versions > 0 {
			return err
		}
		_, err := t.createEnvironment(p.Name, *first)
		return err
	})
	if s.db.IsDuplicate(err) {
		return nameTaken(p.Name)
	}
	return forDomain(err, named("project", p.Name))
}

func nameTaken(name bine.ProjectName) error {
	return bine.Errorf(bine.Conflict, "there is a project %q already: choose another name", string(name))
}

func (t *tx) createProject(p bine.Project) error {
	old, err := gorm.G[projectRow](t.gorm()).Where("name = ?", p.Name).Take(t.ctx)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return t.insertProject(p)
	case err != nil:
		return err
	case old.State != bine.ProjectFailed || old.CreatedBy != p.CreatedBy:
		return nameTaken(p.Name)
	}
	t.event(p.Name, objectProject, string(p.Name), string(bine.ProjectProvisioning))
	_, err = t.exec("UPDATE projects SET state = ?, reason = '', description = ? WHERE name = ?", bine.ProjectProvisioning, p.Description, p.Name)
	return err
}

func (t *tx) insertProject(p bine.Project) error {
	row := projectRow{Name: p.Name, Description: p.Description, State: bine.ProjectProvisioning, CreatedBy: p.CreatedBy, Created: orNow(p.CreatedAt, t.now)}
	if err := gorm.G[projectRow](t.gorm()).Create(t.ctx, &row); err != nil {
		return err
	}
	t.event(p.Name, objectProject, string(p.Name), string(bine.ProjectProvisioning))
	return t.putMember(p.Name, bine.Member{User: p.CreatedBy, Role: bine.DataOwner, AddedBy: p.CreatedBy})
}

// Project gives a project.
func (s *Store) Project(ctx context.Context, name bine.ProjectName) (bine.Project, error) {
	var row projectRow
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT name, description, state, reason, environment, sandboxed, created_by, created_at FROM projects WHERE name = ?", name).
		Scan(&row.Name, &row.Description, &row.State, &row.Reason, &row.Environment, &row.Sandboxed, &row.CreatedBy, &row.Created)
	return row.project(), forDomain(s.db.Explain(err), named("project", name))
}

// Projects gives the projects of a user, each with the user's role, or with an
// empty name all of them, by name.
func (s *Store) Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error) {
	query := s.read(ctx).Table("projects").Order("projects.name")
	if user == "" {
		query = query.Select("projects.*, '' AS role")
	} else {
		query = query.Select("projects.*, members.role AS role").Joins("JOIN members ON members.project = projects.name AND members.user_name = ?", user)
	}
	var found []projectRow
	if err := query.Find(&found).Error; err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Project, len(found))
	for i, row := range found {
		list[i] = row.project()
	}
	return list, nil
}

// MoveProject changes the state of a project that is in one of from.
func (s *Store) MoveProject(ctx context.Context, name bine.ProjectName, from []bine.ProjectState, to bine.ProjectState, reason string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE projects SET state = ?, reason = ? WHERE name = ? AND state IN "+in(len(from)), append([]any{to, reason, name}, values(from)...)...)
		if err != nil {
			return err
		}
		changed, err := moved(n, named("project", name), to, func() (is bine.ProjectState, err error) {
			return is, t.row("SELECT state FROM projects WHERE name = ?", name).Scan(&is)
		})
		if changed {
			t.event(name, objectProject, string(name), string(to))
		}
		return err
	})
}

// SetSandboxed says whether anything may be exported from a project.
func (s *Store) SetSandboxed(ctx context.Context, name bine.ProjectName, sandboxed bool) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.exec("UPDATE projects SET sandboxed = ? WHERE name = ?", sandboxed, name); err != nil {
			return err
		}
		var there int // MySQL counts only rows that are changed
		return forDomain(t.row("SELECT 1 FROM projects WHERE name = ?", name).Scan(&there), named("project", name))
	})
}

// DeleteProject removes a project with everything that is kept of it. The
// audit stays. One that is not there is no error.
func (s *Store) DeleteProject(ctx context.Context, name bine.ProjectName) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM projects WHERE name = ?", name)
		if err != nil || n == 0 {
			return err
		}
		if _, err := t.exec("DELETE FROM events WHERE project = ?", name); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM settings WHERE name IN (?, ?)", WebhookSecretSetting(name), IdleRuleSetting(name)); err != nil {
			return err
		}
		t.event(name, objectProject, string(name), "deleted")
		return nil
	})
}
