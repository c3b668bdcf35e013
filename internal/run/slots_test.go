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

func (w *world) db(slots int) {
	w.t.Helper()
	_, err := w.ledger.SetPool(w.ctx(), "p", bine.Pool{Name: "db", Slots: slots})
	w.ok(err)
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

func TestAProcessHoldsTheSlotsOfItsPoolUntilItEnds(t *testing.T) {
	w := newWorld(t)
	w.db(1)
	first, other := w.begin(w.pipeline(pooled)), w.begin("pooled")
	w.resolve(at(first, "one"))
	w.resolve(at(other, "one"))
	held := w.ask(ownerOf(at(first, "one")), 1)
	w.is("first", held.Host, bine.HostName("h1"))
	waits := w.ask(ownerOf(at(other, "one")), 1)
	w.is("second", waits.Host, bine.HostName(""))
	w.is("its row", w.row(at(other, "one")).Reason, "waits for 1 slot of pool db (1 of 1 held)")
	w.end(held.Attempt, bine.Failed, bine.FailureError)
	w.is("second, then", w.ask(ownerOf(at(other, "one")), 1).Host, bine.HostName("h1"))
	w.end(waits.Attempt, bine.Succeeded, "")
	w.is("leases left", w.leases(), 0)
}

const pooled = `name: pooled
steps:
  one: {command: [a], pools: db, cache: off}
`

func TestAProcessOfAPoolThatIsNotThereIsRefused(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(pooled))
	w.resolve(at(ref, "one"))
	out := w.ask(ownerOf(at(ref, "one")), 1)
	w.is("refused", out.Refused, "it asks for slots of pool db, which project p does not have: make it with bine pool set db --slots N")
	w.is("leases left", w.leases(), 0)
}

func TestSlotsOfACancelledRunComeBackDagster32560(t *testing.T) {
	w := newWorld(t)
	w.db(2)
	ref, other := w.begin(w.pipeline(light)), w.begin("light")
	for _, item := range []string{"", "a", "b", "c"} {
		w.resolve(at(ref, "tell", item))
	}
	w.is("another, at first", w.resolve(at(other, "wide", "")).State, bine.Pending)
	w.resolve(at(ref, "tell", "c"))
	_, err := w.engine.Settle(w.ctx(), at(ref, "tell", "a"), activities.Outcome{State: bine.Cancelled})
	w.ok(err)
	w.is("told", w.signalled(), []string{"p/run/light-1/tell/c~turn"})
	w.finish(ref, bine.Cancelled) // nothing else of it came to its end
	w.is("leases of it left", w.leases(), 0)
	pool, err := w.ledger.Pool(w.ctx(), "p", "db")
	w.ok(err)
	w.is("held", pool.Used, 0)
	for _, item := range []string{"a", "b"} {
		w.resolve(at(other, "tell"))
		w.is("item "+item+" of another", w.resolve(at(other, "tell", item)).State, bine.Pending)
	}
	w.is("the third", w.resolve(at(other, "tell", "c")).State, bine.Waiting)
	_, err = w.engine.Perform(w.ctx(), at(other, "tell", "a"))
	w.ok(err)
	w.is("told", w.signalled(), []string{"p/run/light-2/tell/c~turn"})
	w.is("the third, then", w.resolve(at(other, "tell", "c")).State, bine.Pending)
}

const light = `name: light
steps:
  tell: {foreach: {items: [a, b, c]}, pools: db, notify: {webhook: "http://x", message: "${{ item }}"}}
  wide: {foreach: {items: [a]}, notify: {webhook: "http://x", message: hello}}
`
