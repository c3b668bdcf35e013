package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Leasing is the part of the file system that gives a file one writer, as HDFS has
// it: whoever holds the lease of a file is the only one who appends to it or cuts
// it. It costs nothing where nobody asks for it. A file is read, renamed and removed
// as before, and the lease goes with it; who overwrites the file without the lease
// ends that.
type Leasing interface {
	// Lease makes the user the writer of the file. What they write with its Epoch as
	// User.Lease is theirs alone until they release it, or have not renewed it for
	// Options.LeaseSoft: then somebody else may take it over, and what comes under
	// the old one is Fenced. Somebody else's lease is Leased, and HeldBy says whose.
	// Asked again by the same user and holder, a name that a writer gives itself and
	// nobody else has, it answers the lease that they have.
	Lease(ctx context.Context, user User, path, holder string) (Lease, error)
	// RenewLease says that the writer is still there; writing under the lease says
	// so, too. One that was taken over or has ended is Fenced.
	RenewLease(ctx context.Context, user User, l Lease) (Lease, error)
	// ReleaseLease ends the lease. One that has ended already is no error.
	ReleaseLease(ctx context.Context, user User, l Lease) error
	// RecoverLease ends the lease of a file, whoever has it, so that it can be
	// written to again: what was acknowledged is in the file. It gives what was
	// ended, whose Epoch is 0 where nobody had one.
	RecoverLease(ctx context.Context, user User, path string) (Lease, error)
	// LeaseOf gives who writes to a file; Epoch is 0 where nobody does.
	LeaseOf(ctx context.Context, user User, path string) (Lease, error)
}

// Lease is the right of one writer to a file.
type Lease struct {
	Path    string
	Inode   int64
	Size    int64 // of the file when the lease was taken or looked at, in bytes
	Epoch   int64 // its number, which no other lease has; 0 is none
	Holder  string
	By      string // project user
	Taken   time.Time
	Renewed time.Time
	Yields  time.Time // when somebody else may take it over, unless it is renewed
}

// flagLeased is the bit of node.flags of a file that has a row in dfs_leases.
const flagLeased = 32

const (
	longestHolder = 200
	// leaseSkew is by how much the clocks of two servers may differ: for so long a
	// lease lives on after Options.LeaseSoft and Options.LeaseHard.
	leaseSkew = 2 * time.Second
)

// leasedError is in the chain of errors about a file that somebody else writes. The
// words are those of the error around it.
type leasedError struct{ Lease }

func (e *leasedError) Error() string { return "" }

// HeldBy gives the lease because of which something was refused.
func HeldBy(err error) (Lease, bool) {
	e, ok := errors.AsType[*leasedError](err)
	if !ok {
		return Lease{}, false
	}
	return e.Lease, true
}

func leased(l Lease) error {
	return bine.Errorf(bine.Leased, "%s: %s (%s) is writing it, since %s: wait until they are done; if they are gone, it can be written from %s on, and at once after its lease was recovered%w",
		l.Path, l.Holder, l.By, l.Taken.UTC().Format(time.RFC3339), l.Yields.UTC().Format(time.RFC3339), &leasedError{l})
}

func fenced(path string) error {
	return bine.Errorf(bine.Fenced, "%s: this lease of it has ended: it was taken over, recovered or released, or the file was overwritten or removed: look at the file, and take a new lease to go on", path)
}

// leaseRow is a row of dfs_leases.
type leaseRow struct {
	inode, epoch   int64
	holder, who    string
	taken, renewed int64
}

const leaseColumns = "inode_id, epoch, holder, who, taken, renewed"

func scanLease(row interface{ Scan(...any) error }) (l leaseRow, err error) {
	err = row.Scan(&l.inode, &l.epoch, &l.holder, &l.who, &l.taken, &l.renewed)
	return l, err
}

func (t *Tree) leaseOf(path string, l leaseRow) Lease {
	at := database.Time(l.renewed)
	return Lease{Path: path, Inode: l.inode, Epoch: l.epoch, Holder: l.holder, By: l.who, Taken: database.Time(l.taken), Renewed: at, Yields: at.Add(t.o.LeaseSoft + leaseSkew)}
}

// silentFor reports whether a lease has not been renewed for so long.
func (t *Tree) silentFor(l leaseRow, limit time.Duration) bool {
	return t.now()-l.renewed > (limit + leaseSkew).Microseconds()
}

// lockLease reads the lease of a file that is locked and has one.
func (t *Tree) lockLease(ctx context.Context, tx *sql.Tx, inode int64) (leaseRow, error) {
	l, err := scanLease(tx.QueryRowContext(ctx, "SELECT "+leaseColumns+" FROM dfs_leases WHERE inode_id = ?"+t.sql.exclusive, inode))
	if err == sql.ErrNoRows {
		err = fmt.Errorf("inode %d is said to have a lease and has none: bine admin check tells more", inode)
	}
	return l, err
}

// Lease makes the user the writer of a file.
func (t *Tree) Lease(ctx context.Context, user User, path, holder string) (Lease, error) {
	if holder == "" || len(holder) > longestHolder || !utf8.ValidString(holder) || strings.ContainsFunc(holder, unicode.IsControl) {
		return Lease{}, bine.Errorf(bine.Invalid, "a writer names itself by 1 to %d bytes of text, not %.40q", longestHolder, holder)
	}
	return t.lease(ctx, user, path, holder, false)
}

// lease is Lease; seizing takes it from whoever has it.
func (t *Tree) lease(ctx context.Context, user User, path, holder string, seizing bool) (Lease, error) {
	var got Lease
	var taken bool // from somebody else
	var size int64
	err := t.changeLease(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		n := c.last()
		taken, size = false, n.size
		row := leaseRow{n.id, t.ids.next(), holder, user.owner(), t.now(), t.now()}
		if n.flags&flagLeased == 0 {
			if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_leases ("+leaseColumns+") VALUES (?, ?, ?, ?, ?, ?)", row.inode, row.epoch, row.holder, row.who, row.taken, row.renewed); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = flags + ? WHERE parent_id = ? AND name = ?", flagLeased, n.parent, n.name)
			got = t.leaseOf(c.asked, row)
			return err
		}
		had, err := t.lockLease(ctx, tx, n.id)
		if err != nil {
			return err
		}
		switch mine := had.holder == holder && had.who == row.who; {
		case mine:
			row.epoch, row.taken, row.renewed = had.epoch, had.taken, max(row.renewed, had.renewed)
		case !seizing && !t.silentFor(had, t.o.LeaseSoft):
			return leased(t.leaseOf(c.asked, had))
		}
		_, err = tx.ExecContext(ctx, "UPDATE dfs_leases SET epoch = ?, holder = ?, who = ?, taken = ?, renewed = ? WHERE inode_id = ?", row.epoch, row.holder, row.who, row.taken, row.renewed, row.inode)
		got = t.leaseOf(c.asked, row)
		taken = row.epoch != had.epoch
		return err
	})
	if err == nil && taken {
		t.recovered.Add(1)
	}
	got.Size = size
	return got, err
}

// changeLease runs f on a file that the user may write to, and that is locked.
func (t *Tree) changeLease(ctx context.Context, user User, path string, f func(tx *sql.Tx, c *chain) error) error {
	parts, err := split(path)
	if err != nil {
		return err
	}
	return t.db.Explain(t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		switch {
		case !c.complete():
			return notFound(c.asked)
		case c.last().dir():
			return bine.Errorf(bine.Conflict, "%s is a directory: only files have one writer", c.asked)
		}
		if err := replaceable(c, user, true); err != nil {
			return err
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		return f(tx, c)
	}))
}

// RenewLease says that a writer is still there, wherever its file is now.
func (t *Tree) RenewLease(ctx context.Context, user User, l Lease) (Lease, error) {
	var row leaseRow
	err := t.db.Write(ctx, func(tx *sql.Tx) (err error) {
		row, err = scanLease(tx.QueryRowContext(ctx, "SELECT "+leaseColumns+" FROM dfs_leases WHERE inode_id = ?"+t.sql.exclusive, l.Inode))
		if err == sql.ErrNoRows || err == nil && (row.epoch != l.Epoch || row.who != user.owner()) {
			return fenced(l.Path)
		}
		if err != nil {
			return err
		}
		return t.renew(ctx, tx, &row)
	})
	return t.leaseOf(l.Path, row), t.db.Explain(err)
}

// renew moves the time of a lease that is locked; back it does not go.
func (t *Tree) renew(ctx context.Context, tx *sql.Tx, row *leaseRow) error {
	if row.renewed >= t.now() {
		return nil
	}
	row.renewed = t.now()
	_, err := tx.ExecContext(ctx, "UPDATE dfs_leases SET renewed = ? WHERE inode_id = ?", row.renewed, row.inode)
	return err
}

// ReleaseLease ends a lease, wherever its file is now.
func (t *Tree) ReleaseLease(ctx context.Context, user User, l Lease) error {
	_, err := t.endIf(ctx, l.Path, l.Inode, func(row leaseRow) bool { return row.epoch == l.Epoch && row.who == user.owner() })
	return t.db.Explain(err)
}

// RecoverLease ends the lease of a file, whoever has it.
func (t *Tree) RecoverLease(ctx context.Context, user User, path string) (Lease, error) {
	var ended Lease
	err := t.changeLease(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		ended = Lease{Path: c.asked, Inode: c.last().id}
		if c.last().flags&flagLeased == 0 {
			return nil
		}
		row, err := t.lockLease(ctx, tx, c.last().id)
		if err != nil {
			return err
		}
		ended = t.leaseOf(c.asked, row)
		return t.endLease(ctx, tx, c.last())
	})
	if err == nil && ended.Epoch != 0 {
		t.recovered.Add(1)
	}
	return ended, err
}

// LeaseOf gives who writes to a file.
func (t *Tree) LeaseOf(ctx context.Context, user User, path string) (Lease, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return Lease{}, err
	}
	none := Lease{Path: c.asked, Inode: c.last().id}
	if c.last().flags&flagLeased == 0 {
		return none, nil
	}
	row, err := scanLease(t.reader(ctx).QueryRowContext(ctx, "SELECT "+leaseColumns+" FROM dfs_leases WHERE inode_id = ?", c.last().id))
	if err == sql.ErrNoRows { // it has ended since
		return none, nil
	}
	l := t.leaseOf(c.asked, row)
	l.Size = c.last().size
	return l, t.db.Explain(err)
}

// endLease removes the lease of a file that is locked and has one.
func (t *Tree) endLease(ctx context.Context, tx *sql.Tx, n *node) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_leases WHERE inode_id = ?", n.id); err != nil {
		return err
	}
	n.flags &^= flagLeased
	_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = flags - ? WHERE parent_id = ? AND name = ? AND flags & ? <> 0", flagLeased, n.parent, n.name, flagLeased)
	return err
}

// endIf ends the lease of an inode if it is the one that is meant, and says whether it did.
func (t *Tree) endIf(ctx context.Context, path string, inode int64, meant func(leaseRow) bool) (done bool, err error) {
	err = t.write(ctx, path, func(tx *sql.Tx) error {
		done = false
		n := node{id: inode}
		err := tx.QueryRowContext(ctx, "SELECT parent_id, name FROM dfs_inodes WHERE id = ?", inode).Scan(&n.parent, &n.name)
		if err == sql.ErrNoRows {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.lockNode(ctx, tx, &n); err != nil || n.flags&flagLeased == 0 {
			return err
		}
		row, err := t.lockLease(ctx, tx, inode)
		if err != nil || !meant(row) {
			return err
		}
		done = true
		return t.endLease(ctx, tx, &n)
	})
	return done, err
}
