package run_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

func TestOfManyRunsAtOnceThatNeedTheSameOneMakesIt(t *testing.T) {
	onEach(t, func(w *world) {
		name := w.pipeline("name: s\nsteps:\n  work: {command: [work], outputs: {rows: int}}\n")
		refs := make([]activities.StepRef, 8)
		for i := range refs {
			refs[i] = at(w.begin(name), "work")
		}
		// what all of them say now, each resolved by a worker of its own
		all := func() map[bine.State]int {
			var mu sync.Mutex
			var wait sync.WaitGroup
			states := map[bine.State]int{}
			for _, ref := range refs {
				wait.Go(func() {
					out, err := w.engine.Resolve(w.ctx(), ref)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						w.t.Error(err)
					}
					states[out.State]++
				})
			}
			wait.Wait()
			return states
		}
		w.is("at first", all(), map[bine.State]int{bine.Pending: 1, bine.Waiting: 7})
		w.is("asked again", all(), map[bine.State]int{bine.Pending: 1, bine.Waiting: 7})
		for i, ref := range refs {
			if w.row(ref).State != bine.Pending {
				continue
			}
			w.ok(w.store.FailStep(w.ctx(), "p", storeRef(ref), "no"))
			refs = append(refs[:i], refs[i+1:]...)
			break
		}
		w.is("after it failed", all(), map[bine.State]int{bine.Pending: 1, bine.Waiting: 6})
		for _, ref := range refs {
			if w.row(ref).State == bine.Pending {
				w.report(ref, bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"rows": json.RawMessage("7")}})
			}
		}
		w.is("after it is there", all(), map[bine.State]int{bine.Succeeded: 1, bine.Cached: 6})
	})
}

func TestTheLanguageIsResolvedOnEveryDatabase(t *testing.T) {
	onEach(t, func(w *world) {
		ref := w.begin(w.pipeline(chained))
		w.is("load", w.resolve(at(ref, "load")), activities.Resolved{State: bine.Pending, Items: 2})
		for _, key := range []string{"x", "y"} {
			w.succeed(at(ref, "load", key), map[string]string{"rows": "7"}, "table")
		}
		w.fail(at(ref, "fit", "x"))
		w.succeed(at(ref, "fit", "y"), map[string]string{"error": "0.25"})
		for _, step := range []bine.StepName{"load", "fit"} {
			_, err := w.engine.Gather(w.ctx(), at(ref, step))
			w.ok(err)
		}
		w.finishes(ref, bine.Failed)
		next := w.goOn(ref, "chain")
		w.is("load, kept", w.resolve(at(next, "load")), activities.Resolved{State: bine.Cached, Items: 2})
		w.is("fit", w.resolve(at(next, "fit")), activities.Resolved{State: bine.Pending, Items: 2})
		w.is("its items", w.itemStates(at(next, "fit")), []string{"x pending", "y cached"})
		w.is("fit of x", w.resolve(at(next, "fit", "x")).State, bine.Pending)
	})
}
