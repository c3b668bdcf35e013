package dfs

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// flagSnapshots is the bit of node.flags of a directory of which snapshots may be
// made, of the entry that holds them, and of the project that has such a directory.
const flagSnapshots = 16

// snapshotsName is the entry of a directory that holds its snapshots. It is not
// listed, and what is below it is changed by nobody: mayChange says so.
const snapshotsName = ".snapshot"

// Snapshot is a directory as it was at one moment.
type Snapshot struct {
	Name string
	Path string // <directory>/.snapshot/<name>
	ID   int64  // inode
	By   string // the project user
	At   time.Time
}

// SnapshotDir is a directory of which snapshots may be made.
type SnapshotDir struct {
	Info
	Snapshots int // how many there are
}

// Snapshotting makes and shows snapshots of directories. They are made of those
// for which a Data Owner has allowed it, by them and by the directory's owner.
type Snapshotting interface {
	// AllowSnapshots says that snapshots of a directory may be made, which is at
	// least one level below a project's. It may be said again.
	AllowSnapshots(ctx context.Context, user User, dir string) error
	// DisallowSnapshots takes that back; while there are some it is a Conflict.
	DisallowSnapshots(ctx context.Context, user User, dir string) error
	// CreateSnapshot keeps a directory as it is at one moment: everything in it can
	// be read below .snapshot/<name>, with its modes, owners and attributes, and
	// changed by nobody. No block is copied, but everything counts in full towards
	// the quota. An empty name is made of the time: sYYYYMMDD-HHMMSS.mmm, in UTC.
	CreateSnapshot(ctx context.Context, user User, dir, name string) (Snapshot, error)
	// RenameSnapshot gives a snapshot another name.
	RenameSnapshot(ctx context.Context, user User, dir, from, to string) error
	// DeleteSnapshot removes a snapshot.
	DeleteSnapshot(ctx context.Context, user User, dir, name string) error
	// Snapshots gives those of a directory, the oldest first. Where none may be made
	// that is a Conflict.
	Snapshots(ctx context.Context, user User, dir string) ([]Snapshot, error)
	// SnapshotDirs gives the directories of the user's project of which snapshots
	// may be made, and that the user may see, by path.
	SnapshotDirs(ctx context.Context, user User) ([]SnapshotDir, error)
	// DiffSnapshots says what is different between two snapshots of a directory, by
	// path; the empty name is the directory as it is now.
	DiffSnapshots(ctx context.Context, user User, dir, from, to string) ([]Difference, error)
}

// inSnapshots reports whether a path leads into the snapshots of a directory, or to where they are.
func inSnapshots(parts []string) bool {
	return len(parts) > 2 && slices.Contains(parts[2:], snapshotsName)
}

// snapshotted gives the chain to the entry that holds the snapshots of a directory
// that the user may see, and to what is below it, and says which of its inodes is
// the directory.
func (t *Tree) snapshotted(ctx context.Context, q database.Reader, user User, dir string, below ...string) (c *chain, at int, err error) {
	parts, err := split(dir)
	if err != nil {
		return nil, 0, err
	}
	c, err = t.walk(ctx, q, user, append(append(slices.Clip(parts), snapshotsName), below...), false)
	if err != nil {
		return nil, 0, t.db.Explain(err)
	}
	at = len(c.parts) - 1 - len(below)
	if err := t.reaches(ctx, q, user, c, at); err != nil {
		return nil, 0, err
	}
	path := join(c.parts, at)
	if inSnapshots(c.parts[:at]) {
		return nil, 0, bine.Errorf(bine.Invalid, "%s lies in a snapshot: of that there are none", path)
	}
	if len(c.nodes) <= at {
		return nil, 0, notFound(path)
	}
	if n := &c.nodes[at]; !n.dir() {
		return nil, 0, notDirectory(path)
	} else if !n.snapshottable() || len(c.nodes) == at+1 {
		return nil, 0, bine.Errorf(bine.Conflict, "%s: no snapshots are made of it: a Data Owner has to allow them first", path)
	}
	return c, at, nil
}

// snapshottable reports whether snapshots of the directory may be made.
func (n *node) snapshottable() bool {
	return n.flags&flagSnapshots != 0 && n.parent != projectsID && n.name != snapshotsName
}

// maySnapshot fails if the user may not make snapshots of what is at the i-th inode.
func (u User) maySnapshot(c *chain, i int) error {
	if u.foreign(c) || !u.owns(c, &c.nodes[i]) {
		return bine.Errorf(bine.Forbidden, "%s: only its owner and Data Owners of its project make and delete snapshots", join(c.parts, i))
	}
	return u.mayChange(c.parts[:i])
}

// ofSnapshot finds a snapshot that the user may change.
func (t *Tree) ofSnapshot(ctx context.Context, tx *sql.Tx, user User, dir, name string) (*chain, error) {
	if err := checkName(dir, name); err != nil {
		return nil, err
	}
	c, at, err := t.snapshotted(ctx, tx, user, dir, name)
	if err != nil {
		return nil, err
	}
	if err := user.maySnapshot(c, at); err != nil {
		return nil, err
	}
	if !c.complete() {
		return nil, bine.Errorf(bine.NotFound, "%s has no snapshot %q", join(c.parts, len(c.parts)-2), name)
	}
	return c, nil
}

// CreateSnapshot keeps a directory as it is at one moment.
func (t *Tree) CreateSnapshot(ctx context.Context, user User, dir, name string) (Snapshot, error) {
	if name == "" {
		name = t.o.Now().UTC().Format("s20060102-150405.000")
	}
	if err := checkSnapshotName(dir, name); err != nil {
		return Snapshot{}, err
	}
	to, at, err := t.snapshotted(ctx, t.reader(ctx), user, dir, name)
	if err != nil {
		return Snapshot{}, err
	}
	if err := user.maySnapshot(to, at); err != nil {
		return Snapshot{}, err
	}
	if to.complete() {
		return Snapshot{}, thereIs(to)
	}
	from := &chain{path: join(to.parts, at), parts: to.parts[:at], nodes: to.nodes[:at+1]}
	c := &cloning{t: t, ctx: ctx, user: user, from: from, to: to, keep: true}
	made := Snapshot{Name: name, Path: to.path, By: user.owner(), At: database.Time(t.now())}
	err = c.run(func(tx *sql.Tx) error {
		b, _, err := t.snapshotted(ctx, tx, user, dir, name)
		if err != nil {
			return err
		}
		if b.complete() {
			return thereIs(b)
		}
		if len(b.parts) != len(to.parts) || b.nodes[at].id != to.nodes[at].id { // it was moved away, and there is another
			return notFound(from.path)
		}
		n, err := c.moveTo(tx, b, name)
		if err != nil {
			return err
		}
		made.ID = n.id
		_, err = tx.ExecContext(ctx, "INSERT INTO dfs_snapshots (inode_id, dir_id, at, who) VALUES (?, ?, ?, ?)", n.id, b.nodes[at].id, database.Micros(made.At), made.By)
		return err
	})
	return made, err
}

func thereIs(c *chain) error {
	return bine.Errorf(bine.Conflict, "%s has a snapshot %q already", join(c.parts, len(c.parts)-2), c.parts[len(c.parts)-1])
}

func checkSnapshotName(dir, name string) error {
	if strings.ContainsRune(name, '/') || name == snapshotsName {
		return bine.Errorf(bine.Invalid, "%s: %q is not the name of a snapshot: it is one component of a path", dir, prefix(name, 60))
	}
	return checkName(dir, name)
}

// RenameSnapshot gives a snapshot another name.
func (t *Tree) RenameSnapshot(ctx context.Context, user User, dir, from, to string) error {
	if err := checkSnapshotName(dir, to); err != nil {
		return err
	}
	return t.write(ctx, dir, func(tx *sql.Tx) error {
		c, err := t.ofSnapshot(ctx, tx, user, dir, from)
		if err != nil || from == to {
			return err
		}
		target, err := resolve(ctx, tx, append(slices.Clip(c.parts[:len(c.parts)-1]), to))
		if err != nil {
			return err
		}
		if target.complete() {
			return thereIs(target)
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		return t.put(ctx, tx, c.last(), c.last().parent, to)
	})
}

// DeleteSnapshot removes a snapshot.
func (t *Tree) DeleteSnapshot(ctx context.Context, user User, dir, name string) error {
	return t.write(ctx, dir, func(tx *sql.Tx) error {
		c, err := t.ofSnapshot(ctx, tx, user, dir, name)
		if err != nil {
			return err
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_snapshots WHERE inode_id = ?", c.last().id); err != nil {
			return err
		}
		limits, err := t.limitsAbove(ctx, tx, c)
		if err != nil {
			return err
		}
		return t.detach(ctx, tx, c.last(), c.project().id, listOf(limits))
	})
}

// Snapshots gives the snapshots of a directory.
func (t *Tree) Snapshots(ctx context.Context, user User, dir string) ([]Snapshot, error) {
	c, _, err := t.snapshotted(ctx, t.reader(ctx), user, dir)
	if err != nil {
		return nil, err
	}
	if err := user.may(c, len(c.parts)-1, read); err != nil {
		return nil, err
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT i.name, i.id, s.who, s.at FROM dfs_inodes i JOIN dfs_snapshots s ON s.inode_id = i.id WHERE i.parent_id = ? ORDER BY s.at, i.name", c.last().id)
	if err != nil {
		return nil, t.db.Explain(err)
	}
	defer rows.Close()
	list := []Snapshot{}
	for rows.Next() {
		var s Snapshot
		var at int64
		if err := rows.Scan(&s.Name, &s.ID, &s.By, &at); err != nil {
			return nil, err
		}
		s.At, s.Path = database.Time(at), c.path+"/"+s.Name
		list = append(list, s)
	}
	return list, t.db.Explain(rows.Err())
}
