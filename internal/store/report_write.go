package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// batch is what a transaction of reports knows and changes.
type batch struct {
	*tx
	runs   map[bine.TrackedID][]*reportingRun // ids are unique in a project only
	nos    []any
	acked  map[sourceKey]int64
	fresh  map[sourceKey]bool // acked that have to be written
	series map[seriesKey]*series
	params map[pairKey]string // as they stand
	added  [][]any            // rows of params
	tags   map[pairKey]string
	fault  error // of a read while reports were applied
}

type (
	sourceKey struct {
		no     int64
		source string
	}
	seriesKey = sourceKey
	pairKey   = sourceKey
)

// reportingRun is a tracked run that reports.
type reportingRun struct {
	project   bine.ProjectName
	no        int64
	fence     int64
	was       int64 // fence that is on disk
	state     bine.State
	order     bine.Order
	cancelled bool
	removed   bool
	inputs    []bine.TrackedInput
	inputted  bool
	heard     bool
}

// report writes some reports. What is wrong with one is its own error.
func (t *tx) report(some []*reported) error {
	b := &batch{tx: t, runs: map[bine.TrackedID][]*reportingRun{}, acked: map[sourceKey]int64{}, fresh: map[sourceKey]bool{},
		series: map[seriesKey]*series{}, params: map[pairKey]string{}, tags: map[pairKey]string{}}
	for _, p := range some {
		p.err, p.answer = nil, bine.ReportAnswer{Do: bine.Continue} // the transaction may be run again
	}
	for _, load := range []func([]*reported) error{b.loadRuns, b.loadSources, b.loadSeries, b.loadParams} {
		if err := load(some); err != nil {
			return err
		}
	}
	for _, p := range some {
		p.err = b.apply(p)
	}
	for _, store := range []func() error{b.storeRuns, b.storeSources, b.storePairs, b.storeSeries} {
		if err := store(); err != nil {
			return err
		}
	}
	return nil
}

// loadRuns reads, and on MySQL holds, the tracked runs in the order of their
// numbers, so that no two transactions wait for each other.
func (b *batch) loadRuns(some []*reported) error {
	ids := map[bine.TrackedID]bool{}
	var args []any
	for _, p := range some {
		if !ids[p.id] {
			ids[p.id], args = true, append(args, p.id)
		}
	}
	found, err := b.QueryContext(b.ctx, "SELECT no, project, id, fence, state, verdict, removed, inputs FROM tracked_runs WHERE id IN "+in(len(args))+" ORDER BY no"+b.db.Dialect().ForUpdate(), args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		r := &reportingRun{}
		var id bine.TrackedID
		var inputs doc[[]bine.TrackedInput]
		if err := found.Scan(&r.no, &r.project, &id, &r.fence, &r.state, &r.order, &r.removed, &inputs); err != nil {
			return err
		}
		r.was, r.inputs = r.fence, inputs.V
		b.runs[id] = append(b.runs[id], r)
		b.nos = append(b.nos, r.no)
	}
	if err := found.Err(); err != nil || len(b.nos) == 0 {
		return err
	}
	return b.loadCancelled()
}

// loadCancelled finds which are steps of runs that are cancelled.
func (b *batch) loadCancelled() error {
	found, err := b.QueryContext(b.ctx, "SELECT r.no FROM tracked_runs r JOIN runs u ON u.project = r.project AND u.name = r.run WHERE u.state IN (?, ?) AND r.no IN "+in(len(b.nos)),
		append([]any{bine.Cancelled, bine.Failed}, b.nos...)...)
	if err != nil {
		return err
	}
	defer found.Close()
	gone := map[int64]bool{}
	for found.Next() {
		var no int64
		if err := found.Scan(&no); err != nil {
			return err
		}
		gone[no] = true
	}
	for _, same := range b.runs {
		for _, r := range same {
			r.cancelled = gone[r.no]
		}
	}
	return found.Err()
}

func (b *batch) loadSources([]*reported) error {
	if len(b.nos) == 0 {
		return nil
	}
	return b.pairs("SELECT tracked, source, acked FROM tracked_sources WHERE tracked IN "+in(len(b.nos)), b.nos, func(scan func(...any) error) error {
		var k sourceKey
		var n int64
		err := scan(&k.no, &k.source, &n)
		b.acked[k] = n
		return err
	})
}

// loadParams reads the params of those runs that report some.
func (b *batch) loadParams(some []*reported) error {
	var args []any
	for _, p := range some {
		if r := b.runOf(p); r != nil && len(p.Params) > 0 && !slices.Contains(args, any(r.no)) {
			args = append(args, r.no)
		}
	}
	if len(args) == 0 {
		return nil
	}
	return b.pairs("SELECT tracked, name, value FROM tracked_params WHERE tracked IN "+in(len(args)), args, func(scan func(...any) error) error {
		var k pairKey
		var v string
		err := scan(&k.no, &k.source, &v)
		b.params[k] = v
		return err
	})
}

func (b *batch) pairs(query string, args []any, take func(scan func(...any) error) error) error {
	found, err := b.QueryContext(b.ctx, query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := take(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

func (b *batch) runOf(p *reported) *reportingRun {
	for _, r := range b.runs[p.id] {
		if r.project == p.project {
			return r
		}
	}
	return nil
}

// apply takes one report into the batch; it changes nothing of it where it fails.
func (b *batch) apply(p *reported) error {
	r := b.runOf(p)
	if r == nil {
		return missing(named("tracked run", p.id))
	}
	if r.removed {
		return bine.Errorf(bine.Conflict, "tracked run %s was removed: restore it first", p.id)
	}
	if p.Fence != 0 && p.Fence < r.fence {
		return bine.Errorf(bine.Fenced, "tracked run %s was taken over: this reports as number %d, and number %d is the one that counts", p.id, p.Fence, r.fence)
	}
	key := sourceKey{r.no, p.Source}
	metrics, acked := p.Metrics, b.acked[key]
	if p.Seq > 0 {
		if p.Seq > acked+1 {
			return bine.Errorf(bine.Conflict, "metric %d of source %q is expected next, and this report begins with %d: send those between first", acked+1, p.Source, p.Seq)
		}
		metrics = metrics[min(acked+1-p.Seq, int64(len(metrics))):]
		acked += int64(len(metrics))
	}
	for name, value := range p.Params {
		if old, there := b.params[pairKey{r.no, name}]; there && old != value {
			return bine.Errorf(bine.Conflict, "param %q of tracked run %s is %q already and cannot become %q: params are set once", name, p.id, cut(old, 80), cut(value, 80))
		}
	}
	r.heard, r.fence = true, max(r.fence, p.Fence)
	if p.Seq > 0 {
		b.acked[key], b.fresh[key] = acked, true
	}
	for name, value := range p.Params {
		k := pairKey{r.no, name}
		if _, there := b.params[k]; !there {
			b.params[k] = value
			b.added = append(b.added, []any{r.no, name, value})
		}
	}
	for name, value := range p.Tags {
		b.tags[pairKey{r.no, name}] = value
	}
	r.take(p.Inputs)
	for _, m := range metrics {
		b.add(r, m, p.Seq == 0)
	}
	p.answer = b.answer(r, acked)
	return nil
}

// take adds inputs that are not there yet.
func (r *reportingRun) take(inputs []bine.TrackedInput) {
	for _, in := range inputs {
		if !slices.ContainsFunc(r.inputs, func(had bine.TrackedInput) bool { return had.Name == in.Name && had.Digest == in.Digest }) {
			r.inputs, r.inputted = append(r.inputs, in), true
		}
	}
}

// answer says whether the run is to go on.
func (b *batch) answer(r *reportingRun, acked int64) bine.ReportAnswer {
	a := bine.ReportAnswer{Do: bine.Continue, Acked: acked}
	switch {
	case r.cancelled:
		a.Do, a.Reason = bine.Stop, "its run has ended"
	case r.order != "" && r.order != bine.Continue:
		a.Do, a.Reason = r.order, "it was asked to"
	}
	return a
}

func (b *batch) storeRuns() error {
	var heard []any
	for _, same := range b.runs {
		for _, r := range same {
			if !r.heard {
				continue
			}
			heard = append(heard, r.no)
			if r.fence != r.was || r.inputted {
				if _, err := b.exec("UPDATE tracked_runs SET fence = ?, inputs = ? WHERE no = ?", r.fence, docOf(r.inputs), r.no); err != nil {
					return err
				}
			}
		}
	}
	if len(heard) == 0 {
		return nil
	}
	_, err := b.exec("UPDATE tracked_runs SET heard_at = ? WHERE no IN "+in(len(heard)), append([]any{b.now}, heard...)...)
	return err
}

func (b *batch) storeSources() error {
	var list [][]any
	for k := range b.fresh {
		list = append(list, []any{k.no, k.source, b.acked[k]})
	}
	return b.upsert("tracked_sources", []string{"tracked", "source", "acked"}, 2, list)
}

func (b *batch) storePairs() error {
	if err := b.upsert("tracked_params", []string{"tracked", "name", "value"}, 2, b.added); err != nil {
		return err
	}
	var list [][]any
	for k, v := range b.tags {
		list = append(list, []any{k.no, k.source, v})
	}
	return b.upsert("tracked_tags", []string{"tracked", "name", "value"}, 2, list)
}

// upsert writes rows whose first keys columns are their key; what is there is replaced.
func (t *tx) upsert(table string, columns []string, keys int, list [][]any) error {
	var set []string
	for _, c := range columns[keys:] {
		if t.db.Dialect() == database.MySQL {
			set = append(set, fmt.Sprintf("%s = VALUES(%s)", c, c))
		} else {
			set = append(set, fmt.Sprintf("%s = excluded.%s", c, c))
		}
	}
	return t.upsertBy(table, columns, keys, strings.Join(set, ", "), list)
}

// upsertBy is upsert where set says what becomes of a row that is there.
func (t *tx) upsertBy(table string, columns []string, keys int, set string, list [][]any) error {
	slices.SortFunc(list, compareKeys(keys))
	for some := range slices.Chunk(list, putAtOnce) {
		var args []any
		for _, row := range some {
			args = append(args, row...)
		}
		on := " ON CONFLICT (" + strings.Join(columns[:keys], ", ") + ") DO UPDATE SET "
		if t.db.Dialect() == database.MySQL {
			on = " ON DUPLICATE KEY UPDATE "
		}
		if _, err := t.exec("INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES "+rows(len(some), len(columns))+on+set, args...); err != nil {
			return err
		}
	}
	return nil
}

// compareKeys orders rows by their keys, so that transactions meet them in one order.
func compareKeys(keys int) func(a, b []any) int {
	return func(a, b []any) int {
		for i := range keys {
			var c int
			switch x := a[i].(type) {
			case int64:
				c = int(min(max(x-b[i].(int64), -1), 1))
			case string:
				c = strings.Compare(x, b[i].(string))
			}
			if c != 0 {
				return c
			}
		}
		return 0
	}
}
