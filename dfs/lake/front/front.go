// Package front puts what connectors lead to beside the files of projects: a
// file system for the front doors that answers what lies below
// /Projects/<project>/.lake/<connector> from the lake of that connector, and
// everything else, untouched, from the tree.
//
// All members of a project read what its connectors lead to; who writes, the
// connector says. A project that is sandboxed writes to none. To everybody else
// the connectors of a project are not there.
package front

import (
	"context"
	"hash/fnv"
	"io"
	"net/http"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/directory"
	"github.com/bine-ml/bine/dfs/lake/s3"
	"github.com/bine-ml/bine/dfs/lake/webhdfs"
)

// Rows is what is kept of connectors.
type Rows interface {
	Connectors(ctx context.Context, project bine.ProjectName) ([]bine.Connector, error)
	// OpenConnector gives a connector with its secret as it is kept, and whether
	// the project is sandboxed.
	OpenConnector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (c bine.Connector, sealed string, sandboxed bool, err error)
}

// sealer opens what is kept sealed.
type sealer interface {
	Open(sealed, place string) (string, error)
}

// SecretPlace is what the secret of a connector is sealed for.
func SecretPlace(project bine.ProjectName, name bine.ConnectorName) string {
	return "connector/" + string(project) + "/" + string(name)
}

// Lakes opens what connectors lead to.
type Lakes struct {
	rows      Rows
	sealer    sealer
	dirs      []string
	transport *http.Transport
}

// Options say what connectors may lead to.
type Options struct {
	Dirs         []string // directories of the server's host at or below which lakes may be
	AllowPrivate bool     // whether services on private addresses are reached
}

// NewLakes opens the lakes of connectors.
func NewLakes(rows Rows, s sealer, o Options) *Lakes {
	return &Lakes{rows: rows, sealer: s, dirs: o.Dirs, transport: lake.NewTransport(o.AllowPrivate)}
}

// Open opens the lake of a connector.
func (l *Lakes) Open(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (at lake.Lake, c bine.Connector, sandboxed bool, err error) {
	c, sealed, sandboxed, err := l.rows.OpenConnector(ctx, project, name)
	if err != nil {
		return nil, c, false, err
	}
	secret := ""
	if sealed != "" {
		if secret, err = l.sealer.Open(sealed, SecretPlace(project, name)); err != nil {
			return nil, c, false, err
		}
	}
	at, err = l.Dial(c, secret)
	return at, c, sandboxed, err
}

// Dial opens a lake with a secret that is given.
func (l *Lakes) Dial(c bine.Connector, secret string) (lake.Lake, error) {
	switch c.Kind {
	case bine.ConnectorS3:
		return opened(s3.Open(c, secret, l.transport))
	case bine.ConnectorWebHDFS:
		return opened(webhdfs.Open(c, secret, l.transport))
	case bine.ConnectorDirectory:
		return opened(directory.Open(c.Root, l.dirs))
	}
	return nil, bine.Errorf(bine.Invalid, "connector %q is of the kind %q, which is not known here", string(c.Name), c.Kind)
}

// opened keeps a nil pointer from becoming a lake.
func opened[L lake.Lake](l L, err error) (lake.Lake, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Files is a tree with the lakes of its projects.
type Files struct {
	*dfs.Tree
	lakes *Lakes
}

// New puts the lakes of connectors into a tree.
func New(t *dfs.Tree, l *Lakes) *Files { return &Files{t, l} }

// place is a path below the connectors of a project; without a name it is the
// directory that holds them.
type place struct {
	project bine.ProjectName
	name    bine.ConnectorName
	path    string // below the connector's root
}

// placeOf reads a path; ok is false for those of the tree. A path that is in no
// right form is left to the tree, which refuses it.
func placeOf(path string) (p place, ok bool) {
	rest, found := strings.CutPrefix(path, "/Projects/")
	if !found {
		return p, false
	}
	project, rest, found := strings.Cut(rest, "/")
	if !found || rest != bine.LakeDir && !strings.HasPrefix(rest, bine.LakeDir+"/") {
		return p, false
	}
	if _, err := dfs.Clean(path); err != nil {
		return p, false
	}
	name, below, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, bine.LakeDir), "/"), "/")
	return place{bine.ProjectName(project), bine.ConnectorName(name), strings.TrimSuffix(below, "/")}, true
}

// full is the path in the file system.
func (p place) full() string { return dfs.ProjectPath(p.project, p.name.Path(p.path)) }

// visible fails for whoever does not belong to the project.
func (p place) visible(user dfs.User) error {
	if user.Super || user.Project == p.project && user.Role != "" {
		return nil
	}
	return bine.Errorf(bine.NotFound, "%s: there is no such file or directory", p.full())
}

// open opens the lake of a place for reading.
func (f *Files) open(ctx context.Context, user dfs.User, p place) (lake.Lake, bine.Connector, error) {
	at, c, _, err := f.reach(ctx, user, p)
	return at, c, err
}

func (f *Files) reach(ctx context.Context, user dfs.User, p place) (lake.Lake, bine.Connector, bool, error) {
	if err := p.visible(user); err != nil {
		return nil, bine.Connector{}, false, err
	}
	return f.lakes.Open(ctx, p.project, p.name)
}

// change opens the lake of a place for writing.
func (f *Files) change(ctx context.Context, user dfs.User, p place) (lake.Lake, bine.Connector, error) {
	if p.name == "" || p.path == "" {
		if err := p.visible(user); err != nil {
			return nil, bine.Connector{}, err
		}
		return nil, bine.Connector{}, bine.Errorf(bine.Invalid, "%s: connectors are made, changed and removed by their own commands, not as files", p.full())
	}
	at, c, sandboxed, err := f.reach(ctx, user, p)
	if err != nil {
		return nil, c, err
	}
	switch {
	case sandboxed:
		err = bine.Errorf(bine.Forbidden, "the project %s is sandboxed: nothing is written to where its connectors lead", p.project)
	case c.Access == bine.ConnectorRead:
		err = bine.Errorf(bine.Forbidden, "the connector %s is read-only", p.name)
	case !user.Super && !c.Access.Allows(user.Role):
		err = bine.Errorf(bine.Forbidden, "only Data Owners write through the connector %s: that takes the role Data Owner in %s", p.name, p.project)
	}
	if err != nil {
		at.Close()
		return nil, c, err
	}
	return at, c, nil
}

// unsupported says that a lake has no such operation.
func unsupported(user dfs.User, p place, what string) error {
	if err := p.visible(user); err != nil {
		return err
	}
	return bine.Errorf(bine.Invalid, "%s: what a connector leads to %s", p.full(), what)
}

// info describes an entry as the file system does.
func (p place) info(c bine.Connector, path string, e lake.Entry) dfs.Info {
	at := place{p.project, p.name, path}
	i := dfs.Info{Path: at.full(), Name: e.Name, ID: number(at.full()), Dir: e.Dir, Size: e.Size, Version: number(e.Tag), Mode: 0o440,
		Owner: bine.ProjectUser(p.project, c.CreatedBy), Group: string(p.project) + "__" + string(bine.DataScientist),
		Modified: e.Modified, Accessed: e.Modified, Created: e.Modified}
	if e.Modified.IsZero() {
		i.Modified, i.Accessed, i.Created = c.UpdatedAt, c.UpdatedAt, c.CreatedAt
	}
	if path == "" {
		i.Name = string(p.name)
	}
	if e.Dir {
		i.Mode = 0o550
	}
	switch c.Access {
	case bine.ConnectorOwners:
		i.Mode |= 0o200
	case bine.ConnectorMembers:
		i.Mode |= 0o220
	}
	return i
}

// number makes a number of what is named by text elsewhere.
func number(text string) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text) // a hash takes everything
	return int64(h.Sum64() >> 1)
}

// top describes the directory of the connectors.
func (p place) top() dfs.Info {
	return dfs.Info{Path: dfs.ProjectPath(p.project, bine.LakeDir), Name: bine.LakeDir, ID: number(p.full()), Dir: true, Mode: 0o550, Owner: "bine",
		Group: string(p.project) + "__" + string(bine.DataScientist)}
}
