package lease

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/bine-ml/bine"
)

// Leave gives back what attempts have or ask for, as Release does, where their
// processes may still be there. Their devices stay taken until it is certain
// that no process is left: until Gone says so, or their host is down. It gives
// the grants that follow.
func (l *Ledger) Leave(ctx context.Context, ids ...bine.AttemptID) (grants []Grant, err error) {
	if len(ids) == 1 {
		n := 0
		if err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM leases WHERE attempt = ?", ids[0]).Scan(&n); err != nil || n == 0 {
			return nil, l.db.Explain(err)
		}
	}
	for some := range slices.Chunk(ids, releaseAtOnce) {
		more, err := l.change(ctx, func(t *tx) error {
			t.lingers = true
			return t.removeAll(some)
		})
		if grants = append(grants, more...); err != nil {
			return grants, err
		}
	}
	return grants, nil
}

// linger keeps the devices of an attempt that gives back taken, where a process
// may still use them: then they are not among what is given back.
func (t *tx) linger(h *had) error {
	if !t.lingers || len(h.devices) == 0 {
		return nil
	}
	gone, up := 0, false
	err := t.row("SELECT COUNT(*) FROM lease_leaving WHERE attempt = ? AND gone = 1", h.attempt).Scan(&gone)
	if err == nil {
		err = t.row("SELECT up FROM lease_hosts WHERE host = ?", h.host).Scan(&up)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if gone > 0 {
		_, err := t.exec("DELETE FROM lease_leaving WHERE attempt = ? AND gone = 1", h.attempt)
		return err
	}
	if !up {
		return nil
	}
	h.devices = nil
	return t.leaving(h.attempt, false)
}

// leaving notes that the devices of an attempt are to be left, or that no process
// of it is on them any more.
func (t *tx) leaving(attempt bine.AttemptID, gone bool) error {
	_, err := t.exec("INSERT INTO lease_leaving (device, epoch, attempt, host, gone) SELECT g.device, g.epoch, g.attempt, g.host, ? FROM lease_grants g WHERE g.attempt = ? AND g.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM lease_leaving v WHERE v.device = g.device AND v.epoch = g.epoch)", gone, attempt)
	return err
}

// Gone notes that no process of attempts is left, as the agent of their host
// says, and gives the grants that follow. Of one that left nothing behind it is
// no error, and costs a look only.
func (l *Ledger) Gone(ctx context.Context, ids ...bine.AttemptID) (grants []Grant, err error) {
	for _, id := range ids {
		n := 0
		if err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM lease_leaving WHERE attempt = ? AND gone = 0", id).Scan(&n); err != nil {
			return grants, l.db.Explain(err)
		}
		if n == 0 {
			continue
		}
		more, err := l.change(ctx, func(t *tx) error { return t.vacate("v.attempt = ?", id) })
		if grants = append(grants, more...); err != nil {
			return grants, err
		}
	}
	return grants, nil
}

// vacate ends the grants of those that have left.
func (t *tx) vacate(where string, args ...any) error {
	type left struct {
		device       bine.DeviceID
		epoch, milli int64
		host         bine.HostName // that has the device now
	}
	var all []left
	err := t.each(func(row scanner) error {
		var one left
		err := row.Scan(&one.device, &one.epoch, &one.milli, &one.host)
		all = append(all, one)
		return err
	}, "SELECT g.device, g.epoch, g.milli, d.host FROM lease_leaving v JOIN lease_grants g ON g.device = v.device AND g.epoch = v.epoch JOIN lease_devices d ON d.id = g.device WHERE v.gone = 0 AND g.ended_at IS NULL AND "+where, args...)
	for _, one := range all {
		t.reread(one.host)
		if err == nil {
			_, err = t.exec("UPDATE lease_devices SET used = used - ? WHERE id = ?", one.milli, one.device)
		}
		if err == nil {
			_, err = t.exec("UPDATE lease_grants SET ended_at = ? WHERE device = ? AND epoch = ?", t.now, one.device, one.epoch)
		}
		if err == nil {
			_, err = t.exec("DELETE FROM lease_leaving WHERE device = ? AND epoch = ?", one.device, one.epoch)
		}
	}
	return err
}

// gangMember notes that a process of a gang has ended: the gang gives back
// together, and then nobody needs to be asked about this one.
func (l *Ledger) gangMember(ctx context.Context, attempt bine.AttemptID) error {
	return l.write(ctx, func(t *tx) error { return t.leaving(attempt, true) })
}

// Leaving gives the attempts on a host that have given back devices on which
// their processes may still be.
func (l *Ledger) Leaving(ctx context.Context, host bine.HostName) (ids []bine.AttemptID, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.attempts(&ids, "SELECT DISTINCT attempt FROM lease_leaving WHERE host = ? AND gone = 0 ORDER BY attempt", host)
	return ids, l.db.Explain(err)
}

func (v view) attempts(into *[]bine.AttemptID, query string, args ...any) error {
	return v.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		*into = append(*into, id)
		return err
	}, query, args...)
}

// Expired gives the attempts whose leases end because their host is down: those
// that have devices on it, with all of their gangs. firsts are what is to be
// given back by Leave, processes are all attempts that are to end before that.
// A host that is up has none.
func (l *Ledger) Expired(ctx context.Context, host bine.HostName) (firsts, processes []bine.AttemptID, err error) {
	v := view{l.db.Reader(ctx), ctx}
	if err := v.attempts(&firsts, "SELECT DISTINCT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END FROM leases l JOIN lease_hosts h ON h.host = l.host WHERE l.host = ? AND l.gpu_milli > 0 AND h.up = 0", host); err != nil {
		return nil, nil, l.db.Explain(err)
	}
	for _, id := range firsts {
		if err := v.attempts(&processes, "SELECT attempt FROM leases WHERE attempt = ? OR gang = ? ORDER BY attempt", id, id); err != nil {
			return nil, nil, l.db.Explain(err)
		}
	}
	return firsts, processes, nil
}

// Vacate ends the grants of those that have left a host, if it is down: nobody
// can say more, and what its processes did there they did until their lease
// ended. It gives the grants that follow.
func (l *Ledger) Vacate(ctx context.Context, host bine.HostName) ([]Grant, error) {
	left, err := l.Leaving(ctx, host)
	if err != nil || len(left) == 0 {
		return nil, err
	}
	return l.change(ctx, func(t *tx) error {
		up := true
		if err := t.row("SELECT up FROM lease_hosts WHERE host = ?", host).Scan(&up); err != nil || up {
			return err
		}
		return t.vacate("v.host = ?", host)
	})
}

// Holds says whether an attempt that was granted devices may use them now: an
// error of kind Fenced says that it lost them, one of kind Unavailable that its
// host is not up yet.
func (l *Ledger) Holds(ctx context.Context, attempt bine.AttemptID) error {
	var up *bool
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT h.up FROM leases l LEFT JOIN lease_hosts h ON h.host = l.host WHERE l.attempt = ?", attempt).Scan(&up)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return bine.Errorf(bine.Fenced, "attempt %s has given its devices back: its lease has ended", attempt)
	case err == nil && (up == nil || !*up):
		return bine.Errorf(bine.Unavailable, "the host of attempt %s is not up yet: ask again soon", attempt)
	}
	return l.db.Explain(err)
}
