package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/bine-ml/bine"
)

// Document gives what a client of MLflow keeps under a name.
func (s *Store) Document(ctx context.Context, project bine.ProjectName, kind, name string) (json.RawMessage, error) {
	var r raw
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT document FROM mlflow_objects WHERE project = ? AND kind = ? AND name = ?", project, kind, name).Scan(&r)
	return r.V, forDomain(s.db.Explain(err), named(kind, name))
}

// Documents gives all of a kind, newest first.
func (s *Store) Documents(ctx context.Context, project bine.ProjectName, kind string) (list []json.RawMessage, err error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT document FROM mlflow_objects WHERE project = ? AND kind = ? ORDER BY created_at DESC, name", project, kind)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var r raw
		if err := found.Scan(&r); err != nil {
			return nil, err
		}
		list = append(list, r.V)
	}
	return list, found.Err()
}

// ChangeDocument replaces a document by what change makes of it, in one step;
// change gets nil where there is none, and nil from it removes it.
func (s *Store) ChangeDocument(ctx context.Context, project bine.ProjectName, kind, name string, experiment int, change func(old json.RawMessage) (json.RawMessage, error)) error {
	if err := checkText(kind, name, maxName); err != nil {
		return err
	}
	err := s.write(ctx, func(t *tx) error {
		if err := t.lockProject(project); err != nil {
			return err
		}
		var old raw
		err := t.row("SELECT document FROM mlflow_objects WHERE project = ? AND kind = ? AND name = ?", project, kind, name).Scan(&old)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		there := err == nil
		text, err := change(old.V)
		switch {
		case err != nil:
			return err
		case text == nil:
			_, err = t.exec("DELETE FROM mlflow_objects WHERE project = ? AND kind = ? AND name = ?", project, kind, name)
		case there:
			_, err = t.exec("UPDATE mlflow_objects SET document = ?, updated_at = ? WHERE project = ? AND kind = ? AND name = ?", string(text), t.now, project, kind, name)
		default:
			_, err = t.exec("INSERT INTO mlflow_objects (project, kind, name, experiment, document, created_at, updated_at) VALUES "+in(7), project, kind, name, experiment, string(text), t.now, t.now)
		}
		return err
	})
	return forDomain(err, named("project", project))
}
