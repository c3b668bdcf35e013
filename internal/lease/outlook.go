package lease

import (
	"context"
	"math"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// outlook is what those can expect that wait for accelerators.
type outlook struct {
	places   map[bine.AttemptID]int       // in the line; 1 is the first
	starts   map[bine.AttemptID]time.Time // when they are likely to start; not of those for whom that is not known
	waits    map[string]string            // why, as package queue says it
	reserved *reservation
}

// outlook reads how the line for accelerators stands, with only where it is not
// written down, and what follows if everybody takes as long as was said.
func (v view) outlook(p *picture, now int64, only *entry) (outlook, error) {
	o := outlook{places: map[bine.AttemptID]int{}, starts: map[bine.AttemptID]time.Time{}}
	m, err := v.meterNow()
	if err != nil {
		return o, err
	}
	var reserved text[*reservation]
	if err := v.row("SELECT reserved FROM lease_ledger WHERE id = 1").Scan(&reserved); err != nil {
		return o, err
	}
	heads, err := v.firsts()
	if err != nil {
		return o, err
	}
	o.reserved = reserved.V
	s, err := v.stage(p, m, now, o.reserved, heads, only)
	if err != nil || len(s.Waiting) == 0 {
		return o, err
	}
	o.waits = s.make(p).Waits
	for i, j := range s.Waiting {
		o.places[bine.AttemptID(j.ID)] = i + 1
	}
	s.Bounds = nil
	for project, q := range p.quotas {
		share := s.Shares[string(project)]
		share.Limit = int(q.gpus)
		s.Shares[string(project)] = share
	}
	starts, err := queue.Forecast(s.State)
	for id, at := range starts {
		o.starts[bine.AttemptID(id)] = at
	}
	if bine.IsKind(err, bine.Conflict) { // what is written down does not fit together: there is no estimate
		err = nil
	}
	return o, err
}

// estimate says when one would start that asks now; nil is not known.
func (l *Ledger) estimate(ctx context.Context, r Request) (*time.Time, error) {
	v := view{l.db.Reader(ctx), ctx}
	p, err := v.look()
	if err != nil {
		return nil, l.db.Explain(err)
	}
	e := &entry{Grant: Grant{Attempt: r.Attempt}, want: wantOf(r), project: r.Owner.Project, owner: r.Owner, priority: -r.Priority.Rank(), place: math.MaxInt64 / 2, lasts: lasts(r)}
	o, err := v.outlook(p, database.Micros(l.now()), e)
	if err != nil {
		return nil, l.db.Explain(err)
	}
	at, known := o.starts[r.Attempt]
	if !known {
		return nil, nil
	}
	return moment(at), nil
}
