package store

import (
	"context"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type environmentRow struct {
	Project   bine.ProjectName `gorm:"primaryKey"`
	Version   int              `gorm:"primaryKey;autoIncrement:false"`
	State     bine.EnvironmentState
	Reason    string
	Base      int
	Python    string
	Additions doc[[]string]
	Removals  doc[[]string]
	Requires  doc[[]string]
	Packages  doc[[]bine.Package]
	LockFile  string
	CreatedBy bine.UserName
	Created   int64  `gorm:"column:created_at"`
	Ready     *int64 `gorm:"column:ready_at"`
}

// TableName names the table.
func (environmentRow) TableName() string { return "environments" }

func (r environmentRow) environment() bine.Environment {
	return bine.Environment{Version: r.Version, State: r.State, Reason: r.Reason, Base: r.Base, Python: r.Python, Add: r.Additions.V, Remove: r.Removals.V,
		Requires: r.Requires.V, Packages: r.Packages.V, Lock: r.LockFile, CreatedBy: r.CreatedBy, CreatedAt: database.Time(r.Created), ReadyAt: maybe(r.Ready)}
}

type environmentHostRow struct {
	Project bine.ProjectName
	Version int
	Host    bine.HostName
	State   string
}

// TableName names the table.
func (environmentHostRow) TableName() string { return "environment_hosts" }

// isEnvironment is the condition for one version.
const isEnvironment = " WHERE project = ? AND version = ?"

func environmentName(version int) string { return "environment version " + strconv.Itoa(version) }

// CreateEnvironment makes the row of a version that is to be built, and gives
// it the next number. What it requires was put together by the caller.
func (s *Store) CreateEnvironment(ctx context.Context, project bine.ProjectName, e bine.Environment) (bine.Environment, error) {
	var row environmentRow
	err := s.write(ctx, func(t *tx) (err error) {
		row, err = t.createEnvironment(project, e)
		return err
	})
	return row.environment(), forDomain(err, "environment")
}

func (t *tx) createEnvironment(project bine.ProjectName, e bine.Environment) (environmentRow, error) {
	row := environmentRow{Project: project, State: bine.EnvironmentBuilding, Base: e.Base, Python: e.Python, Additions: docOf(e.Add), Removals: docOf(e.Remove),
		Requires: docOf(e.Requires), Packages: docOf(e.Packages), LockFile: e.Lock, CreatedBy: e.CreatedBy, Created: orNow(e.CreatedAt, t.now)}
	if err := t.lockProject(project); err != nil {
		return row, err
	}
	if err := t.row("SELECT COALESCE(MAX(version), 0) + 1 FROM environments WHERE project = ?", project).Scan(&row.Version); err != nil {
		return row, err
	}
	t.event(project, objectEnvironment, strconv.Itoa(row.Version), string(row.State))
	return row, gorm.G[environmentRow](t.gorm()).Create(t.ctx, &row)
}

// Environment gives a version.
func (s *Store) Environment(ctx context.Context, project bine.ProjectName, version int) (bine.Environment, error) {
	list, err := s.environments(ctx, project, "project = ? AND version = ?", project, version)
	if err == nil && len(list) == 0 {
		err = missing(environmentName(version))
	}
	if err != nil {
		return bine.Environment{}, err
	}
	return list[0], nil
}

// Environments gives the versions of a project's environment, newest first.
func (s *Store) Environments(ctx context.Context, project bine.ProjectName) ([]bine.Environment, error) {
	return s.environments(ctx, project, "project = ?", project)
}

func (s *Store) environments(ctx context.Context, project bine.ProjectName, where string, args ...any) ([]bine.Environment, error) {
	found, err := gorm.G[environmentRow](s.read(ctx)).Where(where, args...).Order("version DESC").Find(ctx)
	if err != nil || len(found) == 0 {
		return nil, s.db.Explain(err)
	}
	hosts, err := gorm.G[environmentHostRow](s.read(ctx)).Where(where, args...).Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	current, err := s.CurrentEnvironment(ctx, project)
	if err != nil {
		return nil, err
	}
	on := map[int]map[bine.HostName]string{}
	for _, h := range hosts {
		if on[h.Version] == nil {
			on[h.Version] = map[bine.HostName]string{}
		}
		on[h.Version][h.Host] = h.State
	}
	list := make([]bine.Environment, len(found))
	for i, r := range found {
		list[i] = r.environment()
		list[i].Hosts, list[i].Current = on[r.Version], r.Version == current
	}
	return list, nil
}

// CurrentEnvironment gives the version that runs of a project use; 0 is none.
func (s *Store) CurrentEnvironment(ctx context.Context, project bine.ProjectName) (int, error) {
	var version int
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT environment FROM projects WHERE name = ?", project).Scan(&version)
	return version, forDomain(s.db.Explain(err), named("project", project))
}

// SetLock notes what exactly a version consists of.
func (s *Store) SetLock(ctx context.Context, project bine.ProjectName, version int, lock string, packages []bine.Package, python string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(environmentName(version), "UPDATE environments SET lock_file = ?, packages = ?, python = ?"+isEnvironment, lock, docOf(packages), python, project, version)
	})
}

// SetEnvironmentHost notes how far a version is on a host.
func (s *Store) SetEnvironmentHost(ctx context.Context, project bine.ProjectName, version int, host bine.HostName, state string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE environment_hosts SET state = ?"+isEnvironment+" AND host = ?", state, project, version, host)
		if err == nil && n == 0 {
			_, err = t.exec("INSERT INTO environment_hosts (project, version, host, state) VALUES (?, ?, ?, ?)", project, version, host, state)
		}
		if t.db.IsForeign(err) {
			return missing(environmentName(version))
		}
		return err
	})
}

// MoveEnvironment changes the state of a version that is in one of from. One
// that becomes ready is the current one from now on, unless a newer one is already.
func (s *Store) MoveEnvironment(ctx context.Context, project bine.ProjectName, version int, from []bine.EnvironmentState, to bine.EnvironmentState, reason string) error {
	return s.write(ctx, func(t *tx) error {
		var ready *int64
		if to == bine.EnvironmentReady {
			ready = &t.now
		}
		n, err := t.exec("UPDATE environments SET state = ?, reason = ?, ready_at = COALESCE(?, ready_at)"+isEnvironment+" AND state IN "+in(len(from)),
			append([]any{to, reason, ready, project, version}, values(from)...)...)
		if err != nil {
			return err
		}
		changed, err := moved(n, environmentName(version), to, func() (is bine.EnvironmentState, err error) {
			return is, t.row("SELECT state FROM environments"+isEnvironment, project, version).Scan(&is)
		})
		if err != nil || !changed {
			return err
		}
		t.event(project, objectEnvironment, strconv.Itoa(version), string(to))
		if ready != nil {
			_, err = t.exec("UPDATE projects SET environment = ? WHERE name = ? AND environment < ?", version, project, version)
		}
		return err
	})
}

// UseEnvironment makes a version that is ready the one that runs use.
func (s *Store) UseEnvironment(ctx context.Context, project bine.ProjectName, version int) error {
	return s.write(ctx, func(t *tx) error {
		var state bine.EnvironmentState
		if err := t.row("SELECT state FROM environments"+isEnvironment, project, version).Scan(&state); err != nil {
			return forDomain(err, environmentName(version))
		}
		if state != bine.EnvironmentReady {
			return bine.Errorf(bine.Conflict, "%s is %s: only one that is ready can be used", environmentName(version), state)
		}
		t.event(project, objectEnvironment, strconv.Itoa(version), "current")
		_, err := t.exec("UPDATE projects SET environment = ? WHERE name = ?", version, project)
		return err
	})
}

// AppendEnvironmentLog adds whole lines to the log of a build.
func (s *Store) AppendEnvironmentLog(ctx context.Context, project bine.ProjectName, version int, host bine.HostName, lines string) error {
	return s.write(ctx, func(t *tx) error {
		var state string
		if err := t.row("SELECT state FROM environments"+isEnvironment+t.db.Dialect().ForUpdate(), project, version).Scan(&state); err != nil {
			return forDomain(err, environmentName(version))
		}
		_, err := t.exec(`INSERT INTO environment_log (project, version, begin, host, text)
			SELECT ?, ?, COALESCE((SELECT MAX(begin + `+t.bytes("text")+`) FROM environment_log WHERE project = ? AND version = ?), 0), ?, ?`,
			project, version, project, version, host, lines)
		return err
	})
}

// bytes is the length of a text column in bytes.
func (t *tx) bytes(column string) string {
	if t.db.Dialect() == database.SQLite {
		return "LENGTH(CAST(" + column + " AS BLOB))"
	}
	return "LENGTH(" + column + ")"
}

// EnvironmentLog gives the log of a build from a byte on.
func (s *Store) EnvironmentLog(ctx context.Context, project bine.ProjectName, version int, offset int64) (string, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, `SELECT begin, text FROM environment_log WHERE project = ? AND version = ? AND begin >=
		COALESCE((SELECT MAX(begin) FROM environment_log WHERE project = ? AND version = ? AND begin <= ?), 0) ORDER BY begin`, project, version, project, version, offset)
	if err != nil {
		return "", s.db.Explain(err)
	}
	defer found.Close()
	var log strings.Builder
	for found.Next() {
		var begin int64
		var piece string
		if err := found.Scan(&begin, &piece); err != nil {
			return "", err
		}
		log.WriteString(piece[min(max(offset-begin, 0), int64(len(piece))):])
	}
	return log.String(), found.Err()
}
