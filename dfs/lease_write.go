package dfs

import (
	"context"
	"database/sql"
	"time"

	"github.com/bine-ml/bine"
)

// only fails unless the user may change the content of the file at the end of c,
// which is locked: nobody else has its lease, and the user has the one that they
// say. A lease that was not renewed for Options.LeaseSoft ends.
func (t *Tree) only(ctx context.Context, tx *sql.Tx, user User, c *chain) error {
	n := c.last()
	if n.flags&flagLeased == 0 {
		if user.Lease != 0 {
			return fenced(c.asked)
		}
		return nil
	}
	row, err := t.lockLease(ctx, tx, n.id)
	switch {
	case err != nil:
		return err
	case user.Lease != 0 && (user.Lease != row.epoch || user.owner() != row.who):
		return fenced(c.asked)
	case user.Lease != 0:
		if t.now()-row.renewed < t.o.LeaseSoft.Microseconds()/4 {
			return nil
		}
		return t.renew(ctx, tx, &row)
	case !t.silentFor(row, t.o.LeaseSoft):
		return leased(t.leaseOf(c.asked, row))
	}
	t.recovered.Add(1)
	return t.endLease(ctx, tx, n)
}

// overwrites is only for who gives the file another content as a whole: without a
// lease that ends the one that there is, as it does in HDFS, where the file is
// another one from then on.
func (t *Tree) overwrites(ctx context.Context, tx *sql.Tx, user User, c *chain) error {
	if c.last().flags&flagLeased == 0 || user.Lease != 0 {
		return t.only(ctx, tx, user, c)
	}
	return t.endLease(ctx, tx, c.last())
}

// seize takes the lease of a file that is overwritten while its content comes, and
// gives the user who goes on, and what to do in the end. Where no file is there is
// nothing to take.
func (t *Tree) seize(ctx context.Context, user User, path, holder string) (User, func(), error) {
	l, err := t.lease(ctx, user, path, holder, true)
	if bine.IsKind(err, bine.NotFound) {
		return user, func() {}, nil
	}
	if err != nil {
		return user, func() {}, err
	}
	release := KeepLease(ctx, t, user, l)
	user.Lease = l.Epoch
	return user, release, nil
}

// KeepLease renews a lease until the function that it gives is called, which
// releases it. Neither ends with ctx.
func KeepLease(ctx context.Context, fs Leasing, user User, l Lease) (release func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(l.Yields.Sub(l.Renewed) / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if _, err := fs.RenewLease(ctx, user, l); bine.IsKind(err, bine.Fenced) {
				return // the next write is told so
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer stop()
		// Where it cannot be released it ends by itself.
		_ = fs.ReleaseLease(ctx, user, l)
	}
}

// releaseTime bounds how long a lease that is no longer needed is being released.
const releaseTime = 10 * time.Second

// recoverLeases ends up to limit leases that were not renewed for Options.LeaseHard.
func (t *Tree) recoverLeases(ctx context.Context, limit int) (int, error) {
	before := t.now() - (t.o.LeaseHard + leaseSkew).Microseconds()
	inodes, err := columnOf[int64](t.db.Read().QueryContext(ctx, "SELECT inode_id FROM dfs_leases WHERE renewed < ? ORDER BY renewed LIMIT ?", before, limit))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, inode := range inodes {
		done, err := t.endIf(ctx, "a file", inode, func(row leaseRow) bool { return t.silentFor(row, t.o.LeaseHard) })
		if err != nil {
			return n, err
		}
		if done {
			t.recovered.Add(1)
			n++
		}
	}
	return n, nil
}

// LeaseState says how the leases stand.
type LeaseState struct {
	Held      int64 // in all projects
	Recovered int64 // that this process took from writers who were silent, or whom others sent away
}

// Leases says how the leases stand.
func (t *Tree) Leases(ctx context.Context) (s LeaseState, err error) {
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_leases").Scan(&s.Held)
	s.Recovered = t.recovered.Load()
	return s, t.db.Explain(err)
}
