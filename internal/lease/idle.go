package lease

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/internal/database"
)

// IdleWatch remembers what devices had done when they were looked at last. The
// zero value is one that has not looked.
type IdleWatch struct {
	at   time.Time
	done map[grantID]work
}

// grantID names a grant.
type grantID struct {
	device bine.DeviceID
	epoch  int64
}

// work is what was seen of a grant: how often, and the sum of how busy it was.
type work struct {
	samples int64
	busy    float64
}

// tenant is who holds devices, a gang as one.
type tenant struct {
	attempt     bine.AttemptID
	owner       bine.Owner
	preemptible bool
	asked       bool
	milli       int64
	busiest     float64 // of its devices since the last look
	unknown     bool    // of one of them nothing was heard
	since       *time.Time
}

// SweepIdle looks which leases have devices that do next to nothing, by the rule
// of their project, and notes since when. While others wait for devices, those
// that were idle for long enough are asked to make room: who is preemptible
// first, then who is idle the longest, and no more than who waits asks for. It
// gives who was asked.
func (l *Ledger) SweepIdle(ctx context.Context, w *IdleWatch, rule func(bine.ProjectName) bine.IdleRule, now time.Time) ([]bine.Owner, error) {
	v := view{l.db.Reader(ctx), ctx}
	tenants, gone, err := v.tenants(w)
	if err != nil {
		return nil, l.db.Explain(err)
	}
	began := w.at
	w.at = now
	var waits int64
	if err := v.row("SELECT COALESCE(SUM(gpu_milli), 0) FROM leases WHERE host = '' AND line = ''").Scan(&waits); err != nil {
		return nil, l.db.Explain(err)
	}
	var fresh, ask []*tenant
	for _, t := range tenants {
		r := rule(t.owner.Project)
		switch {
		case t.unknown:
		case r.Minutes <= 0 || !r.Below(t.busiest):
			if t.since != nil {
				gone = append(gone, t.attempt)
			}
		case t.since == nil:
			fresh = append(fresh, t)
		case !t.asked && r.Asks(*t.since, now, t.preemptible):
			ask = append(ask, t)
		}
	}
	ask = enough(ask, waits)
	if len(fresh)+len(ask)+len(gone) == 0 {
		return nil, nil
	}
	var asked []bine.Owner
	err = l.write(ctx, func(t *tx) error {
		asked = nil
		for _, id := range gone {
			if _, err := t.exec("DELETE FROM lease_idle WHERE attempt = ?", id); err != nil {
				return err
			}
		}
		for _, one := range fresh {
			if _, err := t.exec("INSERT INTO lease_idle (attempt, since) SELECT attempt, ? FROM leases WHERE attempt = ? AND NOT EXISTS (SELECT 1 FROM lease_idle i WHERE i.attempt = leases.attempt)", database.Micros(began), one.attempt); err != nil {
				return err
			}
		}
		for _, one := range ask {
			n, err := t.exec("UPDATE leases SET asked_back = ? WHERE attempt = ? AND asked_back IS NULL", t.now, one.attempt)
			if err != nil {
				return err
			}
			if n > 0 {
				asked = append(asked, one.owner)
			}
		}
		return nil
	})
	return asked, err
}

// enough picks those who have as much as is waited for.
func enough(ask []*tenant, waits int64) []*tenant {
	slices.SortFunc(ask, func(a, b *tenant) int {
		if a.preemptible != b.preemptible {
			if a.preemptible {
				return -1
			}
			return 1
		}
		return cmp.Or(a.since.Compare(*b.since), cmp.Compare(a.attempt, b.attempt))
	})
	for i, t := range ask {
		if waits <= 0 {
			return ask[:i]
		}
		waits -= t.milli
	}
	return ask
}

// tenants reads who holds devices and what these did since the last look; gone
// are those who were idle and hold none any more.
func (v view) tenants(w *IdleWatch) (list []*tenant, gone []bine.AttemptID, err error) {
	at, done := map[bine.AttemptID]*tenant{}, map[grantID]work{}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		var g grantID
		var is work
		var owner text[bine.Owner]
		var request string
		var milli int64
		var askedBack *int64
		if err := row.Scan(&id, &owner, &request, &askedBack, &milli, &g.device, &g.epoch, &is.samples, &is.busy); err != nil {
			return err
		}
		t := at[id]
		if t == nil {
			t = &tenant{attempt: id, owner: owner.V}
			at[id], list = t, append(list, t)
		}
		if r, err := gpu.ParseRequest(request); request != "" && err == nil {
			t.preemptible = r.Preemptible
		}
		t.asked, t.milli = t.asked || askedBack != nil, t.milli+milli
		was, known := w.done[g]
		if n := is.samples - was.samples; known && n > 0 {
			t.busiest = max(t.busiest, (is.busy-was.busy)/float64(n))
		} else {
			t.unknown = true
		}
		done[g] = is
		return nil
	}, "SELECT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END, l.owner, l.request, l.asked_back, g.milli, g.device, g.epoch, g.samples, g.busy FROM lease_grants g JOIN leases l ON l.attempt = g.attempt WHERE g.ended_at IS NULL ORDER BY l.place, l.attempt")
	if err != nil {
		return nil, nil, err
	}
	w.done = done
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		var since int64
		if err := row.Scan(&id, &since); err != nil {
			return err
		}
		if t := at[id]; t != nil {
			t.since = new(database.Time(since))
		} else {
			gone = append(gone, id)
		}
		return nil
	}, "SELECT attempt, since FROM lease_idle")
	return list, gone, err
}

// IdleSince gives since when leases are idle that are.
func (l *Ledger) IdleSince(ctx context.Context) (map[bine.AttemptID]time.Time, error) {
	idle := map[bine.AttemptID]time.Time{}
	err := view{l.db.Reader(ctx), ctx}.each(func(row scanner) error {
		var id bine.AttemptID
		var since int64
		err := row.Scan(&id, &since)
		idle[id] = database.Time(since)
		return err
	}, "SELECT attempt, since FROM lease_idle")
	return idle, l.db.Explain(err)
}
