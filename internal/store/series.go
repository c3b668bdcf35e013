package store

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const (
	pointSize  = 24
	chunkLimit = 128 // points of a chunk: one page of SQLite holds them
)

// series is a metric of a tracked run, with the points that a transaction adds.
type series struct {
	id, no                 int64
	name                   string
	points, chunk, fill    int64
	epoch                  int64
	last, low, high        *float64
	lastStep, lastAt       int64
	fresh, changed, loaded bool
	tail                   []byte // the last chunk, where it was needed
	added                  []chunk
}

type chunk struct {
	number, epoch int64
	points        []byte
}

const seriesColumns = "id, tracked, name, points, chunk, fill, epoch, last, last_step, last_at, low, high"

func (b *batch) loadSeries([]*reported) error {
	if len(b.nos) == 0 {
		return nil
	}
	return b.pairs("SELECT "+seriesColumns+" FROM tracked_series WHERE tracked IN "+in(len(b.nos)), b.nos, func(scan func(...any) error) error {
		s := &series{}
		err := scan(&s.id, &s.no, &s.name, &s.points, &s.chunk, &s.fill, &s.epoch, &s.last, &s.lastStep, &s.lastAt, &s.low, &s.high)
		b.series[seriesKey{s.no, s.name}] = s
		return err
	})
}

// add puts a point at the end of a series. One that must be new is left out
// where the last chunks have the same.
func (b *batch) add(r *reportingRun, m bine.Metric, once bool) {
	k := seriesKey{r.no, m.Name}
	s := b.series[k]
	if s == nil {
		s = &series{no: r.no, name: m.Name, epoch: r.fence, fresh: true, loaded: true}
		b.series[k] = s
	}
	at := orNow(m.At, b.now)
	point := encodePoint(m.Step, at, float64(m.Value))
	if once && b.has(s, point) {
		return
	}
	if s.fill >= chunkLimit || s.epoch != r.fence {
		s.chunk, s.fill, s.epoch = s.chunk+1, 0, r.fence
	}
	if n := len(s.added); n == 0 || s.added[n-1].number != s.chunk {
		s.added = append(s.added, chunk{number: s.chunk, epoch: s.epoch})
	}
	last := &s.added[len(s.added)-1]
	last.points = append(last.points, point...)
	s.fill++
	s.note(m, at)
}

// note takes a point into what is known without the points.
func (s *series) note(m bine.Metric, at int64) {
	v := toColumn(m.Value)
	if s.points == 0 || m.Step > s.lastStep || m.Step == s.lastStep && at >= s.lastAt {
		s.last, s.lastStep, s.lastAt = v, m.Step, at
	}
	if v != nil && (s.low == nil || *v < *s.low) {
		s.low = v
	}
	if v != nil && (s.high == nil || *v > *s.high) {
		s.high = v
	}
	s.points++
	s.changed = true
}

func encodePoint(step, at int64, value float64) []byte {
	p := binary.BigEndian.AppendUint64(make([]byte, 0, pointSize), uint64(step))
	p = binary.BigEndian.AppendUint64(p, uint64(at))
	return binary.BigEndian.AppendUint64(p, math.Float64bits(value))
}

// has reports whether the last chunk has a point, or those that are added.
func (b *batch) has(s *series, point []byte) bool {
	if !s.loaded {
		s.loaded = true
		err := b.row("SELECT points FROM tracked_points WHERE series = ? AND chunk = ?", s.id, s.chunk).Scan(&s.tail)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			b.fault = errors.Join(b.fault, err)
		}
	}
	in := func(points []byte) bool {
		for ; len(points) >= pointSize; points = points[pointSize:] {
			if string(points[:pointSize]) == string(point) {
				return true
			}
		}
		return false
	}
	return in(s.tail) || slices.ContainsFunc(s.added, func(c chunk) bool { return in(c.points) })
}

// storeSeries writes what changed: series that are new, then their points, then
// what is known of each.
func (b *batch) storeSeries() error {
	if b.fault != nil {
		return b.fault
	}
	if err := b.storeFresh(); err != nil {
		return err
	}
	var points, known [][]any
	for _, s := range b.series {
		if !s.changed {
			continue
		}
		for _, c := range s.added {
			points = append(points, []any{s.id, c.number, c.epoch, c.points})
		}
		known = append(known, []any{s.id, s.no, s.name, s.points, s.chunk, s.fill, s.epoch, s.last, s.lastStep, s.lastAt, s.low, s.high})
	}
	longer := "points = CAST(tracked_points.points || excluded.points AS BLOB)"
	if b.db.Dialect() == database.MySQL {
		longer = "points = CONCAT(points, VALUES(points))"
	}
	if err := b.upsertBy("tracked_points", []string{"series", "chunk", "epoch", "points"}, 2, longer, points); err != nil {
		return err
	}
	return b.upsert("tracked_series", []string{"id", "tracked", "name", "points", "chunk", "fill", "epoch", "last", "last_step", "last_at", "low", "high"}, 1, known)
}

// storeFresh gives series that are new their ids.
func (b *batch) storeFresh() error {
	var list [][]any
	var nos []any
	for _, s := range b.series {
		if s.fresh {
			list = append(list, []any{s.no, s.name, 0, 0, 0, 0, 0, 0})
			nos = append(nos, s.no)
		}
	}
	if len(list) == 0 {
		return nil
	}
	if err := b.upsert("tracked_series", []string{"tracked", "name", "points", "chunk", "fill", "epoch", "last_step", "last_at"}, 2, list); err != nil {
		return err
	}
	return b.pairs("SELECT id, tracked, name FROM tracked_series WHERE tracked IN "+in(len(nos)), nos, func(scan func(...any) error) error {
		var id int64
		var k seriesKey
		err := scan(&id, &k.no, &k.source)
		if s := b.series[k]; s != nil {
			s.id = id
		}
		return err
	})
}
