package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

// BenchmarkStep measures what every step of a run costs in the store: each
// call by itself, and all that come together in one transaction.
func BenchmarkStep(b *testing.B) {
	for name, db := range map[string]*database.DB{"SQLite": databasetest.SQLite(b), "MariaDB": databasetest.MariaDB(b)} {
		s, ledger := fill(b, db), lease.New(db)
		run := accept(b, s, "flights").ID
		_, err := ledger.SetHost(b.Context(), "h", bine.Resources{CPU: 1000, Memory: 1 << 40}, true)
		ok(b, err)
		var n atomic.Int64
		next := func() (store.StepRef, bine.Owner) {
			ref := store.StepRef{Run: run, Step: "train", Item: fmt.Sprintf("i%d", n.Add(1))}
			return ref, bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run), Step: ref.Step, Item: ref.Item}
		}
		put := func(ctx context.Context, ref store.StepRef, p bine.Process) error {
			st := bine.Step{Run: ref.Run, Name: ref.Step, Item: ref.Item, Kind: "python", State: bine.Pending, With: json.RawMessage(`{"depth":3}`), CacheKey: bine.HashOf([]byte(ref.Item))}
			if err := s.PutStep(ctx, "p", st, 0); err != nil {
				return err
			}
			return s.SetProcess(ctx, "p", ref, p)
		}
		begin := func(ctx context.Context, owner bine.Owner, p bine.Process) error {
			a, err := s.StartAttempt(ctx, owner, 1, p)
			if err != nil {
				return err
			}
			g, _, err := ledger.Ask(ctx, lease.Request{Attempt: a.ID, Owner: owner, Resources: p.Resources})
			if err != nil {
				return err
			}
			return s.AttemptHost(ctx, a.ID, g.Host)
		}
		end := func(ctx context.Context, id bine.AttemptID) error {
			_, err := s.EndAttempt(ctx, id, bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"auc": json.RawMessage("0.7")},
				Metrics: []bine.Metric{{Name: "loss", Value: 1}}})
			if err == nil {
				_, err = ledger.Release(ctx, id)
			}
			return err
		}
		// one takes a step through everything; join makes one transaction of
		// what is called in one place.
		one := func(ctx context.Context, join func(context.Context, func(context.Context) error) error) error {
			ref, owner := next()
			p := bine.Process{Owner: owner, Command: []string{"true"}, Resources: bine.Resources{CPU: 1, Memory: 1 << 20}}
			id := bine.NewAttemptID(owner, 1)
			if err := join(ctx, func(ctx context.Context) error { return put(ctx, ref, p) }); err != nil {
				return err
			}
			if err := join(ctx, func(ctx context.Context) error { return begin(ctx, owner, p) }); err != nil {
				return err
			}
			if err := s.AttemptStarted(ctx, id, "h", soon(0)); err != nil {
				return err
			}
			return join(ctx, func(ctx context.Context) error { return end(ctx, id) })
		}
		apart := func(ctx context.Context, f func(context.Context) error) error { return f(ctx) }
		b.Run(name+"/7 calls", func(b *testing.B) {
			for b.Loop() {
				ok(b, one(b.Context(), apart))
			}
		})
		b.Run(name+"/4 transactions", func(b *testing.B) {
			for b.Loop() {
				ok(b, one(b.Context(), db.Together))
			}
		})
		b.Run(name+"/4 transactions, 32 at once", func(b *testing.B) {
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := one(b.Context(), db.Together); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkStepsOfAFanOut measures what a look at a run costs whose fan-out has
// ten thousand items with what they run.
func BenchmarkStepsOfAFanOut(b *testing.B) {
	for name, db := range map[string]*database.DB{"SQLite": databasetest.SQLite(b), "MariaDB": databasetest.MariaDB(b)} {
		s := fill(b, db)
		run := accept(b, s, "flights").ID
		putStep(b, s, run, "train", "", bine.Running)
		ok(b, s.PutItems(b.Context(), "p", run, "train", items(10_000)))
		ok(b, db.Together(b.Context(), func(ctx context.Context) error {
			for i := range 10_000 {
				p := bine.Process{Command: []string{"python", "train.py"}, Env: map[string]string{"A": "b"}, With: json.RawMessage(`{"depth":3}`)}
				if err := s.SetProcess(ctx, "p", store.StepRef{Run: run, Step: "train", Item: fmt.Sprintf("k%d", i+1)}, p); err != nil {
					return err
				}
			}
			return nil
		}))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Steps(b.Context(), "p", run); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
