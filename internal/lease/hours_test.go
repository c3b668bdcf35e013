package lease_test

import (
	"database/sql"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// The hours that projects had accelerators are the same whether they were summed
// up or not, and after the grants are forgotten.
func TestHoursAreTheSameSummedUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l, ctx := lease.New(db), t.Context()
		start := time.Date(2026, 3, 14, 8, 0, 0, 0, time.UTC)
		at := func(hours float64) *int64 {
			micros := database.Micros(start.Add(time.Duration(hours * float64(time.Hour))))
			return &micros
		}
		for i, g := range []struct {
			project string
			milli   int
			from    float64
			to      *int64
		}{
			{"a", 1000, 0.5, at(2.25)}, {"a", 500, 1, at(1.5)}, {"b", 1000, -3, at(0.5)}, {"b", 250, 3.75, nil}, {"c", 1000, 9, nil},
		} {
			err := db.Write(ctx, func(q *sql.Tx) error {
				_, err := q.ExecContext(ctx, "INSERT INTO lease_grants (device, epoch, attempt, host, project, owner, milli, granted_at, ended_at) VALUES (?, 1, 'x', 'h', ?, '{}', ?, ?, ?)", fmt.Sprint("d", i), g.project, g.milli, *at(g.from), g.to)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		now := start.Add(5*time.Hour + 30*time.Minute)
		check := func(when string) {
			t.Helper()
			for step, want := range map[int]map[bine.ProjectName][]float64{
				1: {"a": {0.5, 1.25, 0.25, 0, 0, 0}, "b": {0.5, 0, 0, 0.0625, 0.25, 0.125}},
				4: {"a": {2, 0}, "b": {0.5625, 0.375}},
			} {
				got, err := l.Hours(ctx, start, now, step)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != len(want) {
					t.Errorf("%s: projects %v, want a and b", when, got)
				}
				for p, hours := range want {
					for i := range hours {
						if len(got[p]) != len(hours) || math.Abs(got[p][i]-hours[i]) > 1e-9 {
							t.Fatalf("%s: %s had %v in steps of %d hours, want %v", when, p, got[p], step, hours)
						}
					}
				}
			}
		}
		check("from grants alone")
		for range 2 { // again is harmless
			if err := l.SumHours(ctx, start.Add(2*time.Hour+time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		check("with two hours summed up")
		if err := l.SumHours(ctx, now); err != nil {
			t.Fatal(err)
		}
		check("with all whole hours summed up")
		if err := l.PruneGrants(ctx, now); err != nil {
			t.Fatal(err)
		}
		check("without the grants that ended")
	})
}
