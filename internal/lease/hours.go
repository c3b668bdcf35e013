package lease

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const (
	hourMicros = int64(time.Hour / time.Microsecond)
	// hoursKept is how long is known how much projects had.
	hoursKept = 400 * 24
	// notesKept is how long, in hours, is known what became of requests.
	notesKept = 90 * 24
)

// tally sums up device microseconds by hour and project.
type tally map[int64]map[string]int64

// add counts a grant of milli thousandths between two times, as far as it lies
// between the hours from and to.
func (s tally) add(project string, milli, begin, end, from, to int64) {
	begin, end = max(begin, from*hourMicros), min(end, to*hourMicros)
	for begin < end {
		hour := begin / hourMicros
		until := min(end, (hour+1)*hourMicros)
		if s[hour] == nil {
			s[hour] = map[string]int64{}
		}
		s[hour][project] += (until - begin) * milli / whole
		begin = until
	}
}

// tally reads what grants say of the hours from one to another; what still
// lasts counts up to now.
func (v view) tally(from, to, now int64) (tally, error) {
	sums := tally{}
	for _, which := range []string{"ended_at IS NULL", "ended_at > ?"} {
		args := []any{to * hourMicros, from * hourMicros}
		if which == "ended_at IS NULL" {
			args = args[:1]
		}
		err := v.each(func(row scanner) error {
			var project string
			var milli, begin int64
			var end *int64
			err := row.Scan(&project, &milli, &begin, &end)
			if end == nil {
				end = &now
			}
			sums.add(project, milli, begin, *end, from, to)
			return err
		}, "SELECT project, milli, granted_at, ended_at FROM lease_grants WHERE granted_at < ? AND "+which, args...)
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// SumHours sums up how much projects had of accelerators in the hours that are
// over, so that later nobody has to look at each grant again, and forgets what
// is older than a year, and what became of requests a quarter ago. What was summed up stays, also when several do it at once.
func (l *Ledger) SumHours(ctx context.Context, now time.Time) error {
	v := view{l.db.Reader(ctx), ctx}
	var from int64
	if err := v.row("SELECT hour FROM gpu_hours_upto WHERE id = 1").Scan(&from); err != nil {
		return l.db.Explain(err)
	}
	to := database.Micros(now) / hourMicros
	if from >= to {
		return nil
	}
	sums, err := v.tally(from, to, database.Micros(now))
	if err != nil {
		return l.db.Explain(err)
	}
	return l.db.Write(ctx, func(q *sql.Tx) error {
		inside := l.db.Inside(ctx)
		done, err := q.ExecContext(inside, "UPDATE gpu_hours_upto SET hour = ? WHERE id = 1 AND hour = ?", to, from)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err // somebody else has done it
		}
		for _, hour := range slices.Sorted(maps.Keys(sums)) {
			for project, micros := range sums[hour] {
				if _, err := q.ExecContext(inside, "INSERT INTO gpu_hours (hour, project, micros) VALUES (?, ?, ?)", hour, project, micros); err != nil {
					return err
				}
			}
		}
		if _, err := q.ExecContext(inside, "DELETE FROM lease_notes WHERE at < ?", (to-notesKept)*hourMicros); err != nil {
			return err
		}
		_, err = q.ExecContext(inside, "DELETE FROM gpu_hours WHERE hour < ?", to-hoursKept)
		return err
	})
}

// Hours gives how long projects had accelerators between two times, in steps of
// whole hours from the first on, which is taken as a whole hour. It reads sums
// of the hours that were summed up, and the grants of the others.
func (l *Ledger) Hours(ctx context.Context, from, to time.Time, step int) (map[bine.ProjectName][]float64, error) {
	v := view{l.db.Reader(ctx), ctx}
	first, last, size := database.Micros(from)/hourMicros, (database.Micros(to)+hourMicros-1)/hourMicros, int64(max(1, step))
	var upto int64
	if err := v.row("SELECT hour FROM gpu_hours_upto WHERE id = 1").Scan(&upto); err != nil {
		return nil, l.db.Explain(err)
	}
	all := map[bine.ProjectName][]float64{}
	note := func(project string, at, micros int64) {
		name := bine.ProjectName(project)
		if all[name] == nil {
			all[name] = make([]float64, (last-first+size-1)/size)
		}
		all[name][at] += float64(micros) / float64(hourMicros)
	}
	err := v.each(func(row scanner) error {
		var project string
		var at, micros int64
		err := row.Scan(&project, &at, &micros)
		note(project, at/size, micros)
		return err
	}, "SELECT project, hour - ? - (hour - ?) % ? AS part, SUM(micros) FROM gpu_hours WHERE hour >= ? AND hour < ? GROUP BY project, part", first, first, size, first, last)
	if err != nil || upto >= last {
		return all, l.db.Explain(err)
	}
	recent, err := v.tally(max(upto, first), last, database.Micros(to))
	for hour, sums := range recent {
		for project, micros := range sums {
			note(project, (hour-first)/size, micros)
		}
	}
	return all, l.db.Explain(err)
}
