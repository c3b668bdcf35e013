package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// storedChunk is a piece of a series as it is kept.
type storedChunk struct {
	run    bine.TrackedID
	name   string
	series int64
	epoch  int64
	points []byte
}

func (c storedChunk) decode() []bine.Point {
	list := make([]bine.Point, 0, len(c.points)/pointSize)
	for p := c.points; len(p) >= pointSize; p = p[pointSize:] {
		list = append(list, bine.Point{Step: int64(binary.BigEndian.Uint64(p)), At: database.Time(int64(binary.BigEndian.Uint64(p[8:]))),
			Value: bine.Number(math.Float64frombits(binary.BigEndian.Uint64(p[16:])))})
	}
	return list
}

// eachChunk calls take with the chunks of series, one series after the other.
func (s *Store) eachChunk(ctx context.Context, where string, args []any, take func(storedChunk) error) error {
	found, err := s.db.Reader(ctx).QueryContext(ctx, `SELECT r.id, m.name, p.series, p.epoch, p.points FROM tracked_runs r JOIN tracked_series m ON m.tracked = r.no
		JOIN tracked_points p ON p.series = m.id WHERE `+where+` ORDER BY p.series, p.chunk`, args...)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var c storedChunk
		if err := found.Scan(&c.run, &c.name, &c.series, &c.epoch, &c.points); err != nil {
			return err
		}
		if err := take(c); err != nil {
			return err
		}
	}
	return found.Err()
}

// MaxCurves bounds how many curves one call gives.
const MaxCurves = 2000

// Curves gives metrics of tracked runs by step. A curve with more points than
// most is thinned out (thin), so that memory is bounded by the longest curve and
// what is answered; 0 gives all. What a run that was taken over reported from
// the step on that its successor began with is left out.
func (s *Store) Curves(ctx context.Context, project bine.ProjectName, runs []bine.TrackedID, metrics []string, most int) ([]bine.Curve, error) {
	if len(runs) == 0 || len(metrics) == 0 {
		return nil, nil
	}
	if len(runs)*len(metrics) > MaxCurves {
		return nil, bine.Errorf(bine.TooLarge, "%d metrics of %d tracked runs are %d curves, and at most %d are given at once: ask for fewer", len(metrics), len(runs), len(runs)*len(metrics), MaxCurves)
	}
	var list []bine.Curve
	var points []bine.Point
	var open storedChunk
	end := func() {
		if open.series != 0 {
			points = sorted(points)
			list = append(list, bine.Curve{Run: open.run, Metric: open.name, Of: len(points), Points: thin(points, most)})
		}
		points = nil
	}
	for some := range slices.Chunk(runs, putAtOnce) {
		args := append(append([]any{project}, values(some)...), values(metrics)...)
		err := s.eachChunk(ctx, "r.project = ? AND r.id IN "+in(len(some))+" AND m.name IN "+in(len(metrics)), args, func(c storedChunk) error {
			if c.series != open.series {
				end()
			} else if c.epoch != open.epoch {
				points = replaced(points, c)
			}
			open, points = c, append(points, c.decode()...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		end()
		open = storedChunk{}
	}
	return list, nil
}

// replaced leaves out the points from the step on that a successor begins with.
func replaced(points []bine.Point, by storedChunk) []bine.Point {
	first := int64(math.MaxInt64)
	for _, p := range by.decode() {
		first = min(first, p.Step)
	}
	return slices.DeleteFunc(points, func(p bine.Point) bool { return p.Step >= first })
}

func sorted(points []bine.Point) []bine.Point {
	order := func(a, b bine.Point) int { return cmp.Or(cmp.Compare(a.Step, b.Step), a.At.Compare(b.At)) }
	if !slices.IsSortedFunc(points, order) {
		slices.SortStableFunc(points, order)
	}
	return points
}

// thin gives at most n points, in whose picture of n/4 columns every column has
// the same first, last, lowest and highest point as in that of all, so that no
// peak is lost. Source: Jugel et al., "M4: A Visualization-Oriented Time Series
// Data Aggregation", VLDB 2014. A point that is no number is kept where a column
// has nothing else; below 8 points nothing is thinned out. Columns are equally wide in points.
func thin(points []bine.Point, n int) []bine.Point {
	if n <= 0 || len(points) <= max(n, 8) {
		return points
	}
	columns := max(n/4, 1)
	out := make([]bine.Point, 0, 4*columns)
	for c := range columns {
		from, to := c*len(points)/columns, (c+1)*len(points)/columns
		low, high := from, from
		for i := from; i < to; i++ {
			if beats(points[i].Value, points[low].Value) {
				low = i
			}
			if beats(-points[i].Value, -points[high].Value) {
				high = i
			}
		}
		picked := []int{from, low, high, to - 1}
		slices.Sort(picked)
		for _, i := range slices.Compact(picked) {
			out = append(out, points[i])
		}
	}
	return out
}

// beats reports whether a is a number and b none, or smaller.
func beats(a, b bine.Number) bool { return a < b || a == a && b != b }
