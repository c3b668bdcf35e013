package run_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

const oneAtATime = `name: shy
params: {shop: {type: string, default: graz}}
concurrency: {key: "${{ params.shop }}", limit: 1}
steps:
  one: {command: [a], pools: db}
`

// again begins a run once more, as its workflow does when it was woken.
func (w *world) again(ref activities.StepRef) activities.Begun {
	w.t.Helper()
	first, err := w.engine.Begin(w.ctx(), ref.RunRef)
	w.ok(err)
	second, err := w.engine.Begin(w.ctx(), ref.RunRef)
	w.ok(err)
	w.is("begun again", second, first)
	return first
}

func (w *world) finish(ref activities.StepRef, state bine.State) {
	w.t.Helper()
	for range 2 {
		_, err := w.engine.Finish(w.ctx(), ref.RunRef, activities.Outcome{State: state})
		w.ok(err)
	}
}

// signalled gives the workflows that heard of a grant since it was asked last.
func (w *world) signalled() (all []string) {
	for _, g := range w.launcher.granted {
		all = append(all, g.Workflow)
	}
	w.launcher.granted = nil
	return all
}

func TestARunWaitsUntilOneOfTheSameKeyHasEnded(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(oneAtATime)
	first, second, third := w.begin(name), w.begin(name), w.begin(name)
	w.is("first", w.again(first).State, bine.Running)
	begun := w.again(second)
	w.is("second", []any{begun.State, begun.Reason}, []any{bine.Waiting, "waits for its turn: at most 1 at a time for graz"})
	run, err := w.store.Run(w.ctx(), "p", second.Run)
	w.ok(err)
	w.is("its row", []any{run.State, run.Reason, run.StartedAt == nil}, []any{bine.Waiting, begun.Reason, true})
	w.finish(second, bine.Cancelled) // while it waits: the place is the third's
	w.finish(first, bine.Succeeded)
	w.is("told", w.signalled(), []string{"p/run/shy-3"})
	w.is("third", w.again(third).State, bine.Running)
	w.finish(third, bine.Failed)
	w.is("leases left", w.leases(), 0)
}

func TestRunsBeyondTheQuotaWaitButNotThoseOfAStep(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(two)
	before := w.begin(name)
	going, err := w.store.GoingRuns(w.ctx(), "p")
	w.ok(err)
	w.is("going", going, []bine.RunID{before.Run})
	_, err = w.ledger.SetQuota(w.ctx(), "p", bine.Quota{Runs: 1}, going)
	w.ok(err)
	waits := w.begin(name)
	w.is("second", w.again(waits).Reason, "the quota of project p of 1 runs at once is used up")
	part := w.begin(name, func(n *store.NewRun) { n.Parent = &bine.StepPointer{Run: before.Run, Step: "one"} })
	w.is("of a step of the first", w.again(part).State, bine.Running)
	w.finish(before, bine.Succeeded)
	w.is("told", w.signalled(), []string{"p/run/two-2"})
	w.is("second", w.again(waits).State, bine.Running)
}
