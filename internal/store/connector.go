package store

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const connectorColumns = "c.name, c.kind, c.description, c.access, c.endpoint, c.region, c.bucket, c.access_key, c.root, c.user_name, c.secret, c.created_by, c.created_at, c.updated_at"

// scanConnector reads a row; the secret is as it is kept, sealed.
func scanConnector(row interface{ Scan(...any) error }, more ...any) (c bine.Connector, secret string, err error) {
	var created, updated int64
	err = row.Scan(append([]any{&c.Name, &c.Kind, &c.Description, &c.Access, &c.Endpoint, &c.Region, &c.Bucket, &c.AccessKey, &c.Root, &c.User, &secret,
		&c.CreatedBy, &created, &updated}, more...)...)
	c.CreatedAt, c.UpdatedAt, c.HasSecret = database.Time(created), database.Time(updated), secret != ""
	return c, secret, err
}

// PutConnector makes a connector or changes it. secret is sealed; nil leaves it
// as it is. Who made it, and when, stays.
func (s *Store) PutConnector(ctx context.Context, project bine.ProjectName, c bine.Connector, secret *string) (bine.Connector, error) {
	var err error
	for range 2 { // once more when another made it meanwhile
		err = s.write(ctx, func(t *tx) error { return t.putConnector(project, c, secret) })
		if !s.db.IsDuplicate(err) {
			break
		}
	}
	switch {
	case s.db.IsDuplicate(err):
		return c, bine.Errorf(bine.Conflict, "connector %q was changed meanwhile, and its secret is for something else: give the secret anew", string(c.Name))
	case s.db.IsForeign(err):
		return c, missing(named("project", project))
	case err != nil:
		return c, forDomain(err, named("connector", c.Name))
	}
	return s.Connector(ctx, project, c.Name)
}

func (t *tx) putConnector(project bine.ProjectName, c bine.Connector, secret *string) error {
	set := "kind = ?, description = ?, access = ?, endpoint = ?, region = ?, bucket = ?, access_key = ?, root = ?, user_name = ?"
	args := []any{c.Kind, c.Description, c.Access, c.Endpoint, c.Region, c.Bucket, c.AccessKey, c.Root, c.User}
	kept := ""
	if secret != nil {
		kept = *secret
	}
	also, put := "", append([]any{}, args...)
	if secret != nil {
		also, put = ", secret = ?", append(put, kept)
	}
	// A secret that stays is good only for what it was given for (bine.Connector.SameService).
	same, where := "", []any{}
	if secret == nil {
		same, where = " AND (secret = '' OR kind = ? AND endpoint = ? AND bucket = ? AND access_key = ?)", []any{c.Kind, c.Endpoint, c.Bucket, c.AccessKey}
	}
	// The time moves on in any case, so that MySQL counts the row as changed.
	n, err := t.exec("UPDATE connectors SET "+set+also+", updated_at = CASE WHEN updated_at >= ? THEN updated_at + 1 ELSE ? END WHERE project = ? AND name = ?"+same,
		append(append(put, t.now, t.now, project, c.Name), where...)...)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.exec("INSERT INTO connectors (project, name, kind, description, access, endpoint, region, bucket, access_key, root, user_name, secret, created_by, created_at, updated_at) VALUES "+in(15),
		append(append([]any{project, c.Name}, args...), kept, c.CreatedBy, t.now, t.now)...)
	return err
}

// Connector gives a connector, without its secret.
func (s *Store) Connector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (bine.Connector, error) {
	c, _, _, err := s.OpenConnector(ctx, project, name)
	return c, err
}

// OpenConnector gives a connector with its secret, which is sealed, and whether
// the project is sandboxed.
func (s *Store) OpenConnector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (c bine.Connector, secret string, sandboxed bool, err error) {
	c, secret, err = scanConnector(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+connectorColumns+", p.sandboxed FROM connectors c JOIN projects p ON p.name = c.project WHERE c.project = ? AND c.name = ?",
		project, name), &sandboxed)
	return c, secret, sandboxed, forDomain(s.db.Explain(err), named("connector", name))
}

// Connectors gives the connectors of a project by name, without their secrets.
func (s *Store) Connectors(ctx context.Context, project bine.ProjectName) ([]bine.Connector, error) {
	rows, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+connectorColumns+" FROM connectors c WHERE c.project = ? ORDER BY c.name", project)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer rows.Close()
	var list []bine.Connector
	for rows.Next() {
		c, _, err := scanConnector(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, s.db.Explain(rows.Err())
}

// DeleteConnector removes a connector; what it leads to stays as it is.
func (s *Store) DeleteConnector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(named("connector", name), "DELETE FROM connectors WHERE project = ? AND name = ?", project, name)
	})
}
