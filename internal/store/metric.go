package store

import (
	"context"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// putMetrics adds the finite ones of metrics.
func (t *tx) putMetrics(id bine.AttemptID, metrics []bine.Metric) error {
	metrics = slices.DeleteFunc(slices.Clone(metrics), func(m bine.Metric) bool { return !finite(m.Value) })
	for some := range slices.Chunk(metrics, putAtOnce) {
		var args []any
		for _, m := range some {
			args = append(args, id, m.Name, m.Value, m.Step, orNow(m.At, t.now))
		}
		if _, err := t.exec("INSERT INTO metrics (attempt, name, value, at_step, at) VALUES "+rows(len(some), 5), args...); err != nil {
			return err
		}
	}
	return nil
}

// Metrics gives what an attempt reported, in its order.
func (s *Store) Metrics(ctx context.Context, id bine.AttemptID) ([]bine.Metric, error) {
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
