package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// sourceOf is the source under which the metrics of an attempt are numbered,
// whether its process sends them itself or its agent does at the end.
func sourceOf(number int) string { return fmt.Sprintf("attempt-%d", number) }

// putMetrics adds what an attempt left, without what it has reported already.
func (t *tx) putMetrics(a bine.Attempt, metrics []bine.Metric) error {
	if len(metrics) == 0 || a.Owner.Kind != bine.OwnerRun {
		return nil
	}
	id, err := t.trackStep(a.Owner)
	if err != nil {
		return err
	}
	metrics = slices.Clone(metrics)
	for i, m := range metrics {
		metrics[i].Name = cut(m.Name, maxName)
	}
	for i := 0; i < len(metrics); i += mostPoints {
		p := &reported{project: a.Owner.Project, id: id, Report: bine.Report{Fence: int64(a.Number), Source: sourceOf(a.Number), Seq: int64(i + 1), Metrics: metrics[i:min(i+mostPoints, len(metrics))]}}
		if err := t.report([]*reported{p}); err != nil {
			return err
		}
		if bine.IsKind(p.err, bine.Conflict) || bine.IsKind(p.err, bine.Fenced) {
			return nil // somebody removed the tracked run, or took it over: the attempt ends all the same
		}
		if p.err != nil {
			return p.err
		}
	}
	return nil
}

// Metrics gives what an attempt reported, in its order.
func (s *Store) Metrics(ctx context.Context, id bine.AttemptID) ([]bine.Metric, error) {
	a, err := s.Attempt(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []bine.Metric
	err = s.eachChunk(ctx, "r.project = ? AND r.id = ? AND p.epoch = ?", []any{a.Owner.Project, bine.TrackedIDOf(a.Owner), a.Number}, func(c storedChunk) error {
		for _, p := range c.decode() {
			list = append(list, bine.Metric{Name: c.name, Value: p.Value, Step: p.Step, At: p.At})
		}
		return nil
	})
	if err != nil || len(list) > 0 {
		slices.SortStableFunc(list, func(a, b bine.Metric) int { return a.At.Compare(b.At) })
		return list, err
	}
	return s.earlierMetrics(ctx, id)
}

// earlierMetrics gives those of attempts that ended before there were tracked runs.
func (s *Store) earlierMetrics(ctx context.Context, id bine.AttemptID) ([]bine.Metric, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT name, value, at_step, at FROM metrics WHERE attempt = ? ORDER BY seq", id)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.Metric
	for found.Next() {
		var m bine.Metric
		var at int64
		if err := found.Scan(&m.Name, &m.Value, &m.Step, &at); err != nil {
			return nil, err
		}
		m.At = database.Time(at)
		list = append(list, m)
	}
	return list, found.Err()
}
