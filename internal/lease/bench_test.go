package lease_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// BenchmarkLine measures one request and its end, which grants another, while
// so many wait for hosts (hosts), for one pool (pool), or for a key each (keys).
func BenchmarkLine(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *database.DB{"SQLite": databasetest.SQLite, "MariaDB": databasetest.MariaDB} {
		for _, waiting := range []int{0, 100, 1000, 10000} {
			for kind, ask := range map[string]func(i int) lease.Request{
				"hosts": func(int) lease.Request { return with(slots(), cores(1)) },
				"pool":  func(int) lease.Request { return slots("pool:d:1") },
				"keys": func(i int) lease.Request {
					return lease.Request{Slots: []bine.Slot{{Name: bine.StepKeySlot("p", "flights", "train", fmt.Sprint(i/2)), Count: 1, Most: 1}}}
				},
			} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, kind, waiting), func(b *testing.B) { benchmarkLine(b, open(b), waiting, ask) })
			}
		}
	}
}

func benchmarkLine(b *testing.B, db *database.DB, waiting int, ask func(i int) lease.Request) {
	w := newWorld(b, db)
	check := func(_ any, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(w.SetHost(b.Context(), "h", cores(4), true))
	check(w.SetPool(b.Context(), "p", bine.Pool{Name: "d", Slots: 4}))
	var running []bine.AttemptID
	check(nil, db.Together(b.Context(), func(ctx context.Context) error {
		for i := range waiting + 4 {
			g, _, err := w.Ask(ctx, request(fmt.Sprintf("p/%d", i), ask(i)))
			if err != nil {
				return err
			}
			if g.Host != "" {
				running = append(running, g.Attempt)
			}
		}
		return nil
	}))
	for i := 0; b.Loop(); i++ {
		r := request(fmt.Sprintf("p/new%d", i), ask(waiting+4+i))
		g, _, err := w.Ask(b.Context(), r)
		check(g, err)
		if g.Host != "" {
			running = append(running, g.Attempt)
		}
		grants, err := w.Release(b.Context(), running[0])
		check(grants, err)
		running = running[1:]
		for _, g := range grants {
			running = append(running, g.Attempt)
		}
	}
}
