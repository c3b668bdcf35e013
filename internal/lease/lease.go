// Package lease is the one ledger and queue of named resources: the cores,
// memory and devices of hosts. Whoever asks is granted a place at once or
// waits in line; no more is ever granted than a host has, because every change
// is one transaction that holds the ledger.
//
// The line is first come, first served for each host: one that waits keeps
// every host that could take it for itself, so a small request passes a big
// one only where that delays nothing.
package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Request asks for resources and slots for one attempt.
type Request struct {
	Attempt   bine.AttemptID
	Owner     bine.Owner
	Resources bine.Resources // none for what is no process: it needs slots only, and gets NoHost
	Slots     []bine.Slot
	Priority  bine.Priority
	Workflow  string          // id of the workflow that hears of the grant
	Avoid     []bine.HostName // taken only where no other host has the capacity
}

// NoHost is the host of a grant that has slots only.
const NoHost bine.HostName = "-"

// Grant gives an attempt its slots, and its resources on a host.
type Grant struct {
	Attempt  bine.AttemptID
	Workflow string
	Host     bine.HostName // empty while it waits
}

// Ledger grants the resources of hosts.
type Ledger struct{ db *database.DB }

// New makes the ledger that is kept in db.
func New(db *database.DB) *Ledger { return &Ledger{db} }

// SetHost says what a host has to give, and whether it takes new work. It
// gives the grants that follow. What is granted on the host stays granted.
func (l *Ledger) SetHost(ctx context.Context, host bine.HostName, capacity bine.Resources, up bool) ([]Grant, error) {
	c := capacityOf(capacity)
	if same, err := l.knows(ctx, host, c, up); same || err != nil {
		return nil, err
	}
	return l.change(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE lease_hosts SET up = ?, cpu_milli = ?, memory = ?, gpus = ? WHERE host = ?", up, c.milli, c.memory, c.gpus, host)
		if err == nil && n == 0 {
			_, err = t.exec("INSERT INTO lease_hosts (host, up, cpu_milli, memory, gpus) VALUES (?, ?, ?, ?, ?)", host, up, c.milli, c.memory, c.gpus)
		}
		return err
	})
}

// knows reports whether a host is written down so already.
func (l *Ledger) knows(ctx context.Context, host bine.HostName, c amount, up bool) (bool, error) {
	var is amount
	var isUp bool
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT up, cpu_milli, memory, gpus FROM lease_hosts WHERE host = ?", host).Scan(&isUp, &is.milli, &is.memory, &is.gpus)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && is == c && isUp == up, l.db.Explain(err)
}

// Ask gives an attempt a host, at once where its resources are free and nobody
// who asked before waits for them; else the request waits in line and reason
// says for what. Asking again answers how things stand now. Where no known
// host will ever have so much, the error is of kind NoQuota and nothing waits.
func (l *Ledger) Ask(ctx context.Context, r Request) (g Grant, reason string, err error) {
	g = Grant{Attempt: r.Attempt, Workflow: r.Workflow}
	var refused error // kept out of the transaction, which may have to drop a request
	err = l.write(ctx, func(t *tx) error {
		g.Host, reason, refused = "", "", nil
		waits, err := t.lease(r.Attempt, &g)
		if err != nil || g.Host != "" {
			return err
		}
		b, err := t.board()
		if err != nil {
			return err
		}
		if refused = b.refuse(r); refused != nil {
			if waits {
				_, err = t.exec("DELETE FROM leases WHERE attempt = ?", r.Attempt)
			}
			return err
		}
		if !waits {
			return t.enqueue(b, r, &g, &reason)
		}
		grants, err := t.grant(b)
		for _, other := range grants {
			if other.Attempt == r.Attempt {
				g.Host = other.Host
			}
		}
		if g.Host == "" {
			reason = b.reason(wantOf(r))
		}
		return err
	})
	if err == nil {
		err = refused
	}
	return g, reason, err
}

// enqueue writes down a request that is new: granted where it can be, after
// those that wait already, else at the end of the line.
func (t *tx) enqueue(b *board, r Request, g *Grant, reason *string) error {
	if _, err := t.walk(b, false); err != nil {
		return err
	}
	w := wantOf(r)
	host, ok := b.place(w)
	if ok {
		g.Host = host
	} else {
		*reason = b.reason(w)
	}
	return t.insert(r, w, host)
}

// Release gives back what an attempt has or asks for, and gives the grants
// that follow, oldest first. An attempt that has nothing is no error.
func (l *Ledger) Release(ctx context.Context, attempt bine.AttemptID) ([]Grant, error) {
	return l.change(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM leases WHERE attempt = ?", attempt)
		if err == nil && n == 0 {
			return errNothing
		}
		return err
	})
}

// Reap releases what attempts hold or wait for that are not alive any more, and
// gives the grants that follow.
func (l *Ledger) Reap(ctx context.Context, alive func(bine.AttemptID) bool) ([]Grant, error) {
	leases, err := l.Leases(ctx)
	if err != nil {
		return nil, err
	}
	var gone []bine.AttemptID
	for _, lease := range leases {
		if !alive(lease.Attempt) {
			gone = append(gone, lease.Attempt)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return l.change(ctx, func(t *tx) error {
		for _, attempt := range gone {
			if _, err := t.exec("DELETE FROM leases WHERE attempt = ?", attempt); err != nil {
				return err
			}
		}
		return nil
	})
}

// Leases gives everything that is granted or waits, in the order of asking.
func (l *Ledger) Leases(ctx context.Context) ([]bine.Lease, error) {
	found, err := l.db.Reader(ctx).QueryContext(ctx, "SELECT attempt, owner, host, cpu_milli, memory, gpus, asked_at, granted_at FROM leases ORDER BY place")
	if err != nil {
		return nil, l.db.Explain(err)
	}
	defer found.Close()
	var leases []bine.Lease
	for found.Next() {
		v, a, asked, granted := bine.Lease{}, amount{}, int64(0), (*int64)(nil)
		var owner text[bine.Owner]
		if err := found.Scan(&v.Attempt, &owner, &v.Host, &a.milli, &a.memory, &a.gpus, &asked, &granted); err != nil {
			return nil, err
		}
		v.Owner, v.Resources, v.AskedAt = owner.V, a.resources(), database.Time(asked)
		if granted != nil {
			v.GrantedAt = new(database.Time(*granted))
		} else {
			v.Reason = fmt.Sprintf("waits for %s since %s", a, v.AskedAt.Format(time.TimeOnly))
		}
		leases = append(leases, v)
	}
	return leases, found.Err()
}

// errNothing ends a change that has nothing to do.
var errNothing = errors.New("nothing to do")

// change runs f on the ledger, and then grants what fits.
func (l *Ledger) change(ctx context.Context, f func(t *tx) error) (grants []Grant, err error) {
	err = l.write(ctx, func(t *tx) error {
		grants = nil
		if err := f(t); err != nil {
			if errors.Is(err, errNothing) {
				return nil
			}
			return err
		}
		b, err := t.board()
		if err != nil {
			return err
		}
		grants, err = t.grant(b)
		return err
	})
	return grants, err
}
