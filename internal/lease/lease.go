// Package lease is the one ledger and queue of named resources: the cores,
// memory and devices of hosts, the slots of pools and concurrency keys, and
// the quotas of projects. Whoever asks is granted all of it at once or waits in
// line; no more is ever granted than there is, because every change is one
// transaction that holds the ledger. What is granted stays granted.
//
// Who waits, waits in one line at a time. First for its slots, one after
// another, keys before pools and else by name, so that nobody waits in a
// circle: what it has of them it keeps. Each slot has a line of its own, by
// priority and then by asking order, and nobody passes another in it. One of
// higher priority takes a slot over from one that has not been granted yet.
//
// Who has its slots and needs no resources is granted. Else it waits for a
// host, in the line of its project, by priority and then by asking order. Of
// the projects, the one goes first that holds the least for its weight: its
// dominant share of all cores, memory or devices; of those that hold the same,
// the one whose turn is longest ago. The first of each project
// keeps every host that could take it, and what its project's quota leaves, so
// that it gets its turn however much others ask for; who stands behind it
// passes it only where that delays the first of no project.
package lease

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Request asks for resources and slots for one attempt.
type Request struct {
	Attempt   bine.AttemptID
	Owner     bine.Owner
	Resources bine.Resources // none for what is no process: it needs slots only, and gets NoHost
	Slots     []bine.Slot    // each name once
	Priority  bine.Priority
	Workflow  string          // id of the workflow that hears of the grant
	Avoid     []bine.HostName // taken only where no other host has the capacity
	Within    time.Duration   // it gives back at the latest when it has had its resources for so long; 0 is not known
	Yields    bool            // it gives back before others, where it is preemptible: a trial of a sweep
}

// NoHost is the host of a grant that has slots only.
const NoHost bine.HostName = "-"

// Grant gives an attempt its slots, and its resources on a host.
type Grant struct {
	Attempt  bine.AttemptID
	Workflow string
	Host     bine.HostName   // empty while it waits
	Others   []bine.HostName // of a gang: the hosts of its other processes, in the order of their ranks
}

// Ledger grants slots and the resources of hosts.
type Ledger struct {
	db    *database.DB
	turns together
	gate  chan struct{}    // held by who is in a transaction of this ledger on a server
	mu    sync.Mutex       // of seen, held by who holds the ledger
	seen  *picture         // nil: it is to be read
	kinds map[kind]float64 // that were granted and are not written down yet

	halfLife time.Duration // after which what a project had counts half
	now      func() time.Time
	futile   futile
}

// New makes the ledger that is kept in db.
func New(db *database.DB) *Ledger {
	return &Ledger{db: db, gate: make(chan struct{}, 1), halfLife: DefaultHalfLife, now: time.Now}
}

// Fading makes what projects had count half after a time, and gives l.
func (l *Ledger) Fading(halfLife time.Duration) *Ledger {
	if halfLife > 0 {
		l.halfLife = halfLife
	}
	return l
}

// Ask gives an attempt its slots and a host, at once where they are free and
// nobody goes before; else the request waits in line and reason says for what.
// Asking again answers how things stand now. Where no known host, pool or quota
// will ever have so much, the error is of kind NoQuota and nothing waits.
func (l *Ledger) Ask(ctx context.Context, r Request) (g Grant, reason string, err error) {
	var refused error // kept out of the transaction, which may have to drop a request
	err = l.share(ctx, &job{id: r.Attempt, f: func(t *tx) error {
		g, reason, refused = Grant{Attempt: r.Attempt, Workflow: r.Workflow}, "", nil
		e, err := t.find(r.Attempt)
		if err != nil || (e != nil && e.Host != "") {
			if e != nil {
				g.Host = e.Host
				g.Others, err = t.others(e)
			}
			return err
		}
		if refused, err = t.refuse(r); err != nil || refused != nil {
			if e != nil && err == nil {
				err = t.remove(e)
			}
			return err
		}
		if e == nil {
			e = t.newEntry(r)
		}
		if reason, err = t.advance(e); err != nil {
			return err
		}
		g.Host, g.Others = e.Host, e.Others
		return t.save(e, r)
	}})
	if err == nil {
		err = refused
	}
	return g, reason, err
}

// Standing says whether what an attempt asked for is granted now, and else what
// it waits for. One that asked for nothing, or gave it back, waits for nothing:
// for it, granted is set too.
func (l *Ledger) Standing(ctx context.Context, attempt bine.AttemptID) (granted bool, reason string, err error) {
	err = l.write(ctx, func(t *tx) error {
		granted, reason = true, ""
		e, err := t.find(attempt)
		if err != nil || e == nil || e.Host != "" {
			return err
		}
		if reason, err = t.advance(e); err != nil {
			return err
		}
		granted = e.Host != ""
		return t.save(e, Request{})
	})
	return granted, reason, err
}

// advance moves one that waits on as far as it can go: to its slots, then to a host.
func (t *tx) advance(e *entry) (reason string, err error) {
	blocked, err := t.acquire(e)
	if err != nil {
		return "", err
	}
	if blocked != nil {
		return t.slotReason(*blocked)
	}
	if e.amount == (amount{}) {
		e.Host = NoHost
		return "", nil
	}
	_, reason, err = t.walk(e)
	return reason, err
}

// Release gives back what an attempt has or asks for, and all that its gang
// has, and gives the grants that follow. An attempt that has nothing is no
// error, and costs a look only.
func (l *Ledger) Release(ctx context.Context, attempt bine.AttemptID) ([]Grant, error) {
	return l.release(ctx, attempt)
}

// ReleaseProcess is Release for a process that has ended. One of a gang keeps
// what it has until the whole gang is released: others of it may go on.
func (l *Ledger) ReleaseProcess(ctx context.Context, attempt bine.AttemptID) ([]Grant, error) {
	var gang bine.AttemptID
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT gang FROM leases WHERE attempt = ?", attempt).Scan(&gang)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return l.Gone(ctx, attempt)
	case err == nil && gang != "":
		return nil, l.gangMember(ctx, attempt)
	}
	if err != nil {
		return nil, l.db.Explain(err)
	}
	return l.release(ctx, attempt)
}

// ReleaseRun gives back all that a run and its steps have or ask for, but not
// what was granted to processes: those end by themselves, and give it back then.
func (l *Ledger) ReleaseRun(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]Grant, error) {
	var held []bine.AttemptID
	q := view{l.db.Reader(ctx), ctx}
	err := q.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		held = append(held, id)
		return err
	}, "SELECT attempt FROM leases WHERE project = ? AND name = ? AND host <= ? ORDER BY place", project, run, NoHost)
	if err != nil {
		return nil, l.db.Explain(err)
	}
	return l.release(ctx, held...)
}

// Reap releases what is held or waited for by who is not alive any more, and
// gives the grants that follow. Of one that waits the reason is not told.
// Devices are given back as Leave does.
func (l *Ledger) Reap(ctx context.Context, alive func(bine.Lease) bool) ([]Grant, error) {
	leases, _, err := l.leases(ctx)
	if err != nil {
		return nil, err
	}
	var gone []bine.AttemptID
	for _, lease := range leases {
		if !alive(lease) {
			gone = append(gone, lease.Attempt)
		}
	}
	return l.Leave(ctx, gone...)
}

// releaseAtOnce bounds how long the ledger is held.
const releaseAtOnce = 200

// release removes leases. One that is not there costs a look only.
func (l *Ledger) release(ctx context.Context, ids ...bine.AttemptID) (grants []Grant, err error) {
	if len(ids) == 1 {
		n := 0
		if err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM leases WHERE attempt = ?", ids[0]).Scan(&n); err != nil || n == 0 {
			return nil, l.db.Explain(err)
		}
	}
	if len(ids) == 1 {
		err = l.share(ctx, &job{id: ids[0], back: true, f: func(t *tx) error {
			grants, err = t.settled(func() error { return t.removeAll(ids) })
			return err
		}})
		return grants, err
	}
	for some := range slices.Chunk(ids, releaseAtOnce) {
		more, err := l.change(ctx, func(t *tx) error { return t.removeAll(some) })
		if grants = append(grants, more...); err != nil {
			return grants, err
		}
	}
	return grants, nil
}

func (t *tx) removeAll(ids []bine.AttemptID) error {
	for _, id := range ids {
		e, err := t.find(id)
		if err != nil {
			return err
		}
		if e == nil || e.gang != "" && e.gang != e.Attempt {
			continue
		}
		if err := t.remove(e); err != nil {
			return err
		}
	}
	return nil
}

// change runs f on the ledger, and then grants what can be.
func (l *Ledger) change(ctx context.Context, f func(t *tx) error) (grants []Grant, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		grants, err = t.settled(func() error { return f(t) })
		return err
	})
	return grants, err
}

// settled does something and gives the grants that follow.
func (t *tx) settled(f func() error) ([]Grant, error) {
	if err := f(); err != nil {
		return nil, err
	}
	grants, err := t.settle()
	if err != nil {
		return nil, err
	}
	more, _, err := t.walk(nil)
	return append(grants, more...), err
}
