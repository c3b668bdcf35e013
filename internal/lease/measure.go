package lease

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Demand is how much a project has of accelerators, and wants.
type Demand struct {
	Project bine.ProjectName
	Granted float64 // accelerators that it holds
	Wanted  float64 // that it waits for
	Waiting int     // requests for them
	Oldest  time.Time
}

// Demands gives it of projects that hold accelerators or wait for them,
// those that hold and wait for the most first, at most so many.
func (l *Ledger) Demands(ctx context.Context, most int) (list []Demand, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var s Demand
		var granted, wanted int64
		var oldest *int64
		err := row.Scan(&s.Project, &granted, &wanted, &s.Waiting, &oldest)
		s.Granted, s.Wanted = float64(granted)/whole, float64(wanted)/whole
		if oldest != nil {
			s.Oldest = database.Time(*oldest)
		}
		list = append(list, s)
		return err
	}, "SELECT project, SUM(CASE WHEN host <> '' THEN gpu_milli ELSE 0 END), SUM(CASE WHEN host = '' THEN gpu_milli ELSE 0 END), SUM(CASE WHEN host = '' THEN 1 ELSE 0 END), MIN(CASE WHEN host = '' THEN asked_at END) FROM leases WHERE gpu_milli > 0 GROUP BY project ORDER BY SUM(gpu_milli) DESC, project LIMIT ?", most)
	return list, l.db.Explain(err)
}

// Oldest says since when the first waits, by what for, as Counts does.
func (l *Ledger) Oldest(ctx context.Context) (map[string]time.Time, error) {
	v := view{l.db.Reader(ctx), ctx}
	oldest := map[string]time.Time{}
	err := v.each(func(row scanner) error {
		var line string
		var asked int64
		err := row.Scan(&line, &asked)
		kind, at := countOf("", line).For, database.Time(asked)
		if first, known := oldest[kind]; !known || at.Before(first) {
			oldest[kind] = at
		}
		return err
	}, "SELECT line, MIN(asked_at) FROM leases WHERE host = '' GROUP BY line")
	return oldest, l.db.Explain(err)
}

// Held gives how long projects held accelerators between two times, in seconds
// of whole ones.
func (l *Ledger) Held(ctx context.Context, from, to time.Time) (map[bine.ProjectName]float64, error) {
	v := view{l.db.Reader(ctx), ctx}
	held := map[bine.ProjectName]float64{}
	begin, end := database.Micros(from), database.Micros(to)
	err := v.each(func(row scanner) error {
		var project bine.ProjectName
		var sum float64
		err := row.Scan(&project, &sum)
		held[project] = max(0, sum/whole/1e6)
		return err
	}, `SELECT project, SUM(1.0 * milli * (CASE WHEN ended_at IS NULL OR ended_at > ? THEN ? ELSE ended_at END - CASE WHEN granted_at < ? THEN ? ELSE granted_at END))
FROM lease_grants WHERE (ended_at IS NULL OR ended_at > ?) AND granted_at < ? GROUP BY project`, end, end, begin, begin, begin, end)
	return held, l.db.Explain(err)
}

// Tenancy is what a lease does with its accelerators.
type Tenancy struct {
	Attempt bine.AttemptID // of a gang, the first
	Project bine.ProjectName
	Granted float64 // accelerators
	Busy    float64 // share of the time since they were granted, 0 to 1, of all of them
	Memory  int64   // bytes, the most of each together
	Since   time.Time
	Idle    bool // by the rule of its project, for any time
}

// Tenancies gives the leases of accelerators, the largest first, at most so many.
func (l *Ledger) Tenancies(ctx context.Context, most int) (list []Tenancy, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var t Tenancy
		var milli, since int64
		err := row.Scan(&t.Attempt, &t.Project, &milli, &t.Busy, &t.Memory, &since, &t.Idle)
		t.Granted, t.Since = float64(milli)/whole, database.Time(since)
		list = append(list, t)
		return err
	}, `SELECT u.first, u.project, u.milli, u.busy, u.memory, u.since, EXISTS (SELECT 1 FROM lease_idle i WHERE i.attempt = u.first) FROM (
  SELECT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END AS first, l.project AS project, SUM(g.milli) AS milli,
    AVG(CASE WHEN g.samples > 0 THEN g.busy / g.samples ELSE 0 END) AS busy, SUM(g.memory_peak) AS memory, MIN(g.granted_at) AS since
  FROM lease_grants g JOIN leases l ON l.attempt = g.attempt WHERE g.ended_at IS NULL
  GROUP BY CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END, l.project
) u ORDER BY u.milli DESC, u.since, u.first LIMIT ?`, most)
	return list, l.db.Explain(err)
}
