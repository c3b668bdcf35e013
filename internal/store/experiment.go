package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// maxName bounds the names of experiments, tracked runs, params, tags and metrics.
const maxName = 250

func checkText(what, name string, limit int) error {
	if name == "" || len(name) > limit {
		return bine.Errorf(bine.Invalid, "%s %.80q: 1 to %d bytes are expected", what, name, limit)
	}
	return nil
}

const experimentColumns = "e.id, e.name, e.tags, e.removed, e.created_by, e.created_at, e.updated_at, (SELECT COUNT(*) FROM tracked_runs r WHERE r.project = e.project AND r.experiment = e.id AND r.removed = 0)"

func scanExperiment(row interface{ Scan(...any) error }) (bine.Experiment, error) {
	var e bine.Experiment
	var tags doc[map[string]string]
	var created, updated int64
	err := row.Scan(&e.ID, &e.Name, &tags, &e.Removed, &e.CreatedBy, &created, &updated, &e.Runs)
	e.Tags, e.CreatedAt, e.UpdatedAt = tags.V, database.Time(created), database.Time(updated)
	return e, err
}

// CreateExperiment makes an experiment. A name that is in use is a Conflict.
func (s *Store) CreateExperiment(ctx context.Context, project bine.ProjectName, name string, tags map[string]string, by bine.UserName) (bine.Experiment, error) {
	if err := checkText("experiment", name, maxName); err != nil {
		return bine.Experiment{}, err
	}
	var id int
	err := s.write(ctx, func(t *tx) (err error) {
		if err := t.ensureDefault(project, by); err != nil {
			return err
		}
		n, removed := 0, 0
		err = t.row("SELECT COUNT(*), COALESCE(MAX(removed), 0) FROM experiments WHERE project = ? AND name = ?", project, name).Scan(&n, &removed)
		if err != nil {
			return err
		}
		if n > 0 {
			hint := ""
			if removed > 0 {
				hint = "; it was removed: restore it, or take another name"
			}
			return bine.Errorf(bine.Conflict, "project %s has an experiment %q already%s", project, name, hint)
		}
		id, err = t.insertExperiment(project, name, tags, by)
		return err
	})
	if err != nil {
		return bine.Experiment{}, forDomain(err, named("project", project))
	}
	return s.Experiment(ctx, project, id)
}

// insertExperiment makes one under the next number.
func (t *tx) insertExperiment(project bine.ProjectName, name string, tags map[string]string, by bine.UserName) (id int, err error) {
	if err = t.row("SELECT COALESCE(MAX(id), 0) + 1 FROM experiments WHERE project = ?", project).Scan(&id); err != nil {
		return 0, err
	}
	_, err = t.exec("INSERT INTO experiments (project, id, name, tags, removed, created_by, created_at, updated_at) VALUES "+in(8), project, id, name, docOf(tags), 0, by, t.now, t.now)
	return id, err
}

// ensureDefault makes experiment 0, and holds the project so that nobody else
// gives numbers meanwhile.
func (t *tx) ensureDefault(project bine.ProjectName, by bine.UserName) error {
	if err := t.lockProject(project); err != nil {
		return err
	}
	_, err := t.exec(t.insertMissing()+" INTO experiments (project, id, name, removed, created_by, created_at, updated_at) VALUES "+in(7), project, 0, bine.DefaultExperiment, 0, by, t.now, t.now)
	return err
}

// insertMissing begins a statement that leaves rows alone which are there.
func (t *tx) insertMissing() string {
	if t.db.Dialect() == database.MySQL {
		return "INSERT IGNORE"
	}
	return "INSERT OR IGNORE"
}

// experimentNamed gives the number of an experiment, which it makes where there is none.
func (t *tx) experimentNamed(project bine.ProjectName, name string, by bine.UserName) (id int, err error) {
	const find = "SELECT id FROM experiments WHERE project = ? AND name = ?"
	if err = t.row(find, project, name).Scan(&id); !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if err := t.ensureDefault(project, by); err != nil {
		return 0, err
	}
	if err = t.row(find, project, name).Scan(&id); !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	return t.insertExperiment(project, name, nil, by)
}

// Experiment gives an experiment; 0 is there in every project.
func (s *Store) Experiment(ctx context.Context, project bine.ProjectName, id int) (bine.Experiment, error) {
	return s.experiment(ctx, project, "e.id = ?", id)
}

// ExperimentNamed gives an experiment by its name.
func (s *Store) ExperimentNamed(ctx context.Context, project bine.ProjectName, name string) (bine.Experiment, error) {
	return s.experiment(ctx, project, "e.name = ?", name)
}

func (s *Store) experiment(ctx context.Context, project bine.ProjectName, where string, arg any) (bine.Experiment, error) {
	look := func() (bine.Experiment, error) {
		return scanExperiment(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+experimentColumns+" FROM experiments e WHERE e.project = ? AND "+where, project, arg))
	}
	e, err := look()
	if errors.Is(err, sql.ErrNoRows) && (arg == any(0) || arg == any(bine.DefaultExperiment)) {
		if err := s.write(ctx, func(t *tx) error { return t.ensureDefault(project, "") }); err != nil {
			return e, forDomain(err, named("project", project))
		}
		e, err = look()
	}
	what := "experiment"
	if name, ok := arg.(string); ok {
		what = named("experiment", name)
	}
	return e, forDomain(s.db.Explain(err), what)
}

// Experiments gives the experiments of a project, newest first.
func (s *Store) Experiments(ctx context.Context, project bine.ProjectName) ([]bine.Experiment, error) {
	if _, err := s.Experiment(ctx, project, 0); err != nil {
		return nil, err
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+experimentColumns+" FROM experiments e WHERE e.project = ? ORDER BY e.id DESC", project)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.Experiment
	for found.Next() {
		e, err := scanExperiment(found)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, found.Err()
}

// ExperimentChange is what to change of an experiment; nil stays.
type ExperimentChange struct {
	Name    *string
	Removed *bool
	Tags    map[string]string // set
	Without []string          // tags that are removed
}

// ChangeExperiment changes an experiment. Default is neither renamed nor removed.
func (s *Store) ChangeExperiment(ctx context.Context, project bine.ProjectName, id int, c ExperimentChange) error {
	err := s.write(ctx, func(t *tx) error {
		if id == 0 {
			if c.Name != nil || c.Removed != nil {
				return bine.Errorf(bine.Invalid, "the experiment %s takes what names no other: it keeps its name and stays", bine.DefaultExperiment)
			}
			if err := t.ensureDefault(project, ""); err != nil {
				return err
			}
		}
		var tags doc[map[string]string]
		if err := t.row("SELECT tags FROM experiments WHERE project = ? AND id = ?"+t.db.Dialect().ForUpdate(), project, id).Scan(&tags); err != nil {
			return err
		}
		if tags.V == nil {
			tags.V = map[string]string{}
		}
		for name, value := range c.Tags {
			if err := checkText("tag", name, maxName); err != nil {
				return err
			}
			tags.V[name] = value
		}
		for _, name := range c.Without {
			delete(tags.V, name)
		}
		set, args := []string{"tags = ?", "updated_at = ?"}, []any{tags, t.now}
		if c.Name != nil {
			if err := checkText("experiment", *c.Name, maxName); err != nil {
				return err
			}
			set, args = append(set, "name = ?"), append(args, *c.Name)
		}
		if c.Removed != nil {
			set, args = append(set, "removed = ?"), append(args, *c.Removed)
		}
		_, err := t.exec("UPDATE experiments SET "+strings.Join(set, ", ")+" WHERE project = ? AND id = ?", append(args, project, id)...)
		if t.db.IsDuplicate(err) {
			return bine.Errorf(bine.Conflict, "project %s has an experiment %q already", project, *c.Name)
		}
		return err
	})
	return forDomain(err, "experiment")
}
