package store

import (
	"context"
	"sync"

	"github.com/bine-ml/bine"
)

// How much one transaction of reports may carry: more would make the first wait
// for the last.
const (
	mostReports = 256
	mostPoints  = 20_000
)

// reports lets reports of many tracked runs share statements as well as a
// commit. Whoever is first leads: it writes its own and all that wait in one
// transaction, and goes on for as long as others came meanwhile.
type reports struct {
	mu      sync.Mutex
	led     bool
	waiting []*reported
}

// reported is one report on its way.
type reported struct {
	project bine.ProjectName
	id      bine.TrackedID
	bine.Report
	answer bine.ReportAnswer
	err    error
	done   chan struct{}
}

// Report writes down what a tracked run reports, and returns when it is on
// disk. The metrics of a source are taken in their order: those that are there
// already are left out, and a gap is a Conflict that names the next one. A fence
// lower than the run's is Fenced. Nothing of a report that fails is kept.
func (s *Store) Report(ctx context.Context, project bine.ProjectName, id bine.TrackedID, r bine.Report) (bine.ReportAnswer, error) {
	if err := checkReport(r); err != nil {
		return bine.ReportAnswer{}, err
	}
	p := &reported{project: project, id: id, Report: r, done: make(chan struct{})}
	if s.reports.enter(p) {
		// What others wait for does not end with the request that leads.
		s.reports.lead(func(some []*reported) error {
			return s.write(context.WithoutCancel(ctx), func(t *tx) error { return t.report(some) })
		})
	}
	select {
	case <-p.done:
		return p.answer, forDomain(p.err, named("tracked run", id))
	case <-ctx.Done(): // it may be kept yet: sent again, it changes nothing
		return bine.ReportAnswer{}, ctx.Err()
	}
}

// enter reports whether p leads; else it waits.
func (q *reports) enter(p *reported) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	leads = !q.led
	q.led = true
	return leads
}

// take gives what goes into the next transaction; when there is nothing the lead ends.
func (q *reports) take() []*reported {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, points := 0, 0
	for n < len(q.waiting) && n < mostReports && (n == 0 || points+len(q.waiting[n].Metrics) <= mostPoints) {
		points += len(q.waiting[n].Metrics)
		n++
	}
	some := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.led = n > 0
	return some
}

func (q *reports) lead(write func([]*reported) error) {
	if some := q.take(); len(some) > 0 {
		q.writeAll(some, write)
		go q.lead(write) // the leader's own is done: it need not wait for others
	}
}

// writeAll writes some reports together. If that fails for the sake of one, the
// others are written without it.
func (q *reports) writeAll(some []*reported, write func([]*reported) error) {
	err := write(some)
	if err != nil && len(some) > 1 {
		for _, p := range some {
			q.writeAll([]*reported{p}, write)
		}
		return
	}
	for _, p := range some {
		if err != nil {
			p.err = err
		}
		close(p.done)
	}
}

// checkReport says what is wrong with a report by itself.
func checkReport(r bine.Report) error {
	if len(r.Source) > 64 {
		return bine.Errorf(bine.Invalid, "source %.80q has more than 64 bytes", r.Source)
	}
	if r.Seq < 0 {
		return bine.Errorf(bine.Invalid, "seq is %d: metrics are numbered from 1", r.Seq)
	}
	if len(r.Metrics) > mostPoints {
		return bine.Errorf(bine.TooLarge, "a report has at most %d metrics: send %d in several", mostPoints, len(r.Metrics))
	}
	for _, m := range r.Metrics {
		if err := checkText("metric", m.Name, maxName); err != nil {
			return err
		}
	}
	for name, value := range r.Params {
		if err := checkText("param", name, maxName); err != nil {
			return err
		}
		if len(value) > maxValue {
			return bine.Errorf(bine.TooLarge, "param %q has more than %d bytes", name, maxValue)
		}
	}
	for name, value := range r.Tags {
		if err := checkText("tag", name, maxName); err != nil {
			return err
		}
		if len(value) > maxValue {
			return bine.Errorf(bine.TooLarge, "tag %q has more than %d bytes", name, maxValue)
		}
	}
	return nil
}

// maxValue bounds the value of a param or tag.
const maxValue = 64 << 10
