package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestWhatHasEndedHoldsNothing(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		storeVersion(t, s, "flights", "a")
		run := accept(t, s, "flights").ID
		ok(t, s.MoveRun(ctx, "p", run, []bine.State{bine.Pending}, bine.Running, ""))
		same(t, "runs that go on", got(s.GoingRuns(ctx, "p"))(t), []bine.RunID{run})
		putStep(t, s, run, "waits", "", bine.Waiting)
		putStep(t, s, run, "done", "", bine.Succeeded)
		owner := func(step bine.StepName, item string) bine.Owner {
			return bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run), Step: step, Item: item}
		}
		for o, want := range map[bine.Owner]bool{
			owner("", ""): true, owner("waits", ""): true, owner("done", ""): false, owner("none", ""): false, owner("done", "batch@a"): true,
		} {
			same(t, "whether it goes on: "+string(o.Step)+o.Item, got(s.Going(ctx, o))(t), want)
		}
		ok(t, s.MoveRun(ctx, "p", run, []bine.State{bine.Running}, bine.Failed, ""))
		for _, o := range []bine.Owner{owner("", ""), owner("waits", ""), owner("done", "batch@a"), {Project: "p", Kind: bine.OwnerRun, Name: "none-1"}} {
			same(t, "whether it goes on after its run: "+o.Name+string(o.Step), got(s.Going(ctx, o))(t), false)
		}
		same(t, "number of runs that go on", len(got(s.GoingRuns(ctx, "p"))(t)), 0)
	})
}
