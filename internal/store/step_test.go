package store_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestAStepKeepsEverythingThatIsPut(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		began, ended := soon(-time.Minute), soon(0)
		st := bine.Step{Run: run.ID, Name: "train", Kind: "python", State: bine.Cached, Reason: "why", Items: 2, ItemStates: map[bine.State]int{bine.Succeeded: 2},
			With: json.RawMessage(`{"depth": 3}`), Inputs: map[string]bine.ArtifactRef{"data": {Hash: "h", Kind: bine.ArtifactDir, Size: 7, Name: "d"}},
			Values: map[string]json.RawMessage{"auc": json.RawMessage(`0.7`)}, Artifacts: map[string]bine.ArtifactRef{"model": {Hash: "m", Kind: bine.ArtifactFile}},
			Metrics: map[string]float64{"loss": 0.1}, CacheKey: bine.HashOf([]byte("key")), CachedFrom: "flights-0", Environment: 3,
			CreatedAt: began, StartedAt: &began, EndedAt: &ended}
		ok(t, s.PutStep(ctx, "p", st, 4))
		same(t, "step", got(s.Step(ctx, "p", store.StepRef{Run: run.ID, Step: "train"}))(t), st)
		ok(t, s.PutStep(ctx, "p", st, 4)) // again
		same(t, "step put twice", got(s.Step(ctx, "p", store.StepRef{Run: run.ID, Step: "train"}))(t), st)
		kind(t, "a step of no run", s.PutStep(ctx, "p", bine.Step{Run: "none-1", Name: "train"}, 0), bine.NotFound)
	})
}

func TestAStepThatEndedStaysEnded(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		ref := putStep(t, s, run.ID, "train", "", bine.Pending)
		ok(t, s.MoveStep(ctx, "p", ref, []bine.State{bine.Pending}, bine.Waiting, "for a host"))
		ok(t, s.FailStep(ctx, "p", ref, "exit code 1"))
		ok(t, s.FailStep(ctx, "p", ref, "again"))
		putStep(t, s, run.ID, "train", "", bine.Pending)
		is := got(s.Step(ctx, "p", ref))(t)
		if is.State != bine.Failed || is.Reason != "exit code 1" || is.EndedAt == nil {
			t.Errorf("step = %+v; want it failed as it was", is)
		}
		kind(t, "moving it back", s.MoveStep(ctx, "p", ref, []bine.State{bine.Waiting}, bine.Running, ""), bine.Conflict)
		kind(t, "moving none", s.MoveStep(ctx, "p", store.StepRef{Run: run.ID, Step: "none"}, []bine.State{bine.Waiting}, bine.Running, ""), bine.NotFound)
	})
}

func TestTheStepsOfARunEndTogether(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "ingest", "", bine.Succeeded)
		putStep(t, s, run.ID, "train", "", bine.Running)
		putStep(t, s, run.ID, "train", "a", bine.Waiting)
		putStep(t, s, run.ID, "train", "b", bine.Failed)
		before := got(s.LastEvent(ctx, "p"))(t)
		same(t, "ended", got(s.EndSteps(ctx, "p", run.ID, bine.Cancelled, "by ann"))(t), int64(2))
		same(t, "ended then", got(s.EndSteps(ctx, "p", run.ID, bine.Skipped, "again"))(t), int64(0))
		same(t, "items", got(s.ItemStates(ctx, "p", run.ID, "train"))(t), map[bine.State]int{bine.Cancelled: 1, bine.Failed: 1})
		same(t, "steps", got(s.Run(ctx, "p", run.ID))(t).Steps, map[bine.State]int{bine.Succeeded: 1, bine.Cancelled: 1})
		same(t, "events", len(got(s.Events(ctx, "p", before, 10))(t)), 1)
	})
}

func TestStepsComeInTheOrderOfTheGraph(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		for position, name := range []bine.StepName{"ingest", "train", "evaluate"} {
			ok(t, s.PutStep(ctx, "p", bine.Step{Run: run.ID, Name: name, State: bine.Pending}, position))
		}
		ok(t, s.PutStep(ctx, "p", bine.Step{Run: run.ID, Name: "train", Item: "a", State: bine.Pending}, 0))
		var names []bine.StepName
		for _, st := range got(s.Steps(ctx, "p", run.ID))(t) {
			names = append(names, st.Name)
		}
		same(t, "steps", names, []bine.StepName{"ingest", "train", "evaluate"})
	})
}

func TestAFanOutSaysHowItsItemsStand(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "ingest", "", bine.Succeeded)
		train := putStep(t, s, run.ID, "train", "", bine.Running)
		check := func(what string, want map[bine.State]int) {
			t.Helper()
			steps := got(s.Steps(ctx, "p", run.ID))(t)
			same(t, what, []any{len(steps), steps[0].ItemStates, steps[1].Items, steps[1].ItemStates}, []any{2, map[bine.State]int(nil), 4, want})
		}
		ok(t, s.PutItems(ctx, "p", run.ID, "train", items(4)))
		putStep(t, s, run.ID, "train", "batch@0", bine.Running) // a batch is no item
		check("when it begins", map[bine.State]int{bine.Pending: 4})
		putStep(t, s, run.ID, "train", "k1", bine.Running)
		putStep(t, s, run.ID, "train", "k2", bine.Failed)
		check("while it runs", map[bine.State]int{bine.Pending: 2, bine.Running: 1, bine.Failed: 1})
		for _, key := range []string{"k1", "k3", "k4"} {
			putStep(t, s, run.ID, "train", key, bine.Succeeded)
		}
		ok(t, s.MoveStep(ctx, "p", train, []bine.State{bine.Running}, bine.Failed, "1 of 4"))
		check("when it has ended", map[bine.State]int{bine.Succeeded: 3, bine.Failed: 1})
	})
}

func TestAStepRemembersItsProcess(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		ref := putStep(t, s, run.ID, "train", "", bine.Pending)
		kind(t, "before it has one", second(s.Process(ctx, "p", ref)), bine.NotFound)
		p := bine.Process{Command: []string{"sh", "-c", "true"}, Env: map[string]string{"A": "b"}, Resources: bine.Resources{CPU: 1.5, Memory: 1 << 30}}
		ok(t, s.SetProcess(ctx, "p", ref, p))
		same(t, "process", got(s.Process(ctx, "p", ref))(t), p)
		kind(t, "of no step", s.SetProcess(ctx, "p", store.StepRef{Run: run.ID, Step: "none"}, p), bine.NotFound)
	})
}

func TestTheCacheGivesTheNewestThatSucceeded(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		key := bine.HashOf([]byte("key"))
		if _, hit, err := s.CacheLookup(ctx, "p", key); hit || err != nil {
			t.Errorf("an empty cache: %v, %v", hit, err)
		}
		for i, state := range []bine.State{bine.Succeeded, bine.Succeeded, bine.Failed, bine.Cached} {
			run := accept(t, s, "flights")
			ended := soon(time.Duration(i) * time.Minute)
			ok(t, s.PutStep(ctx, "p", bine.Step{Run: run.ID, Name: "train", State: state, CacheKey: key, EndedAt: &ended}, 0))
		}
		st, hit, err := s.CacheLookup(ctx, "p", key)
		same(t, "hit", []any{st.Run, hit, err}, []any{bine.RunID("flights-2"), true, error(nil)})
		ok(t, s.MoveRun(ctx, "p", "flights-2", []bine.State{bine.Pending}, bine.Succeeded, ""))
		ok(t, s.DeleteRun(ctx, "p", "flights-2"))
		st, _, err = s.CacheLookup(ctx, "p", key)
		same(t, "when that run is gone", []any{st.Run, err}, []any{bine.RunID("flights-1"), error(nil)})
	})
}

// items makes keys of n items whose order is not that of the keys.
func items(n int) (list []store.Item) {
	for i := range n {
		list = append(list, store.Item{Key: "k" + strconv.Itoa(n-i), With: json.RawMessage(strconv.Itoa(i))})
	}
	return list
}

func TestItemsKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "train", "", bine.Pending)
		list := items(450)
		ok(t, s.PutItems(ctx, "p", run.ID, "train", list))
		ok(t, s.MoveStep(ctx, "p", store.StepRef{Run: run.ID, Step: "train", Item: "k450"}, []bine.State{bine.Pending}, bine.Running, ""))
		ok(t, s.PutStep(ctx, "p", bine.Step{Run: run.ID, Name: "train", Item: "k448", State: bine.Waiting}, 0))
		putStep(t, s, run.ID, "train", "batch@k450", bine.Pending)
		ok(t, s.PutItems(ctx, "p", run.ID, "train", list)) // again
		same(t, "keys", got(s.ItemKeys(ctx, "p", run.ID, "train", 1, 3))(t), []string{"k449", "k448", "k447"})
		same(t, "last keys", got(s.ItemKeys(ctx, "p", run.ID, "train", 448, 3))(t), []string{"k2", "k1"})
		same(t, "with", string(got(s.Item(ctx, "p", run.ID, "train", "k449"))(t).With), "1")
		same(t, "states", got(s.ItemStates(ctx, "p", run.ID, "train"))(t), map[bine.State]int{bine.Pending: 448, bine.Running: 1, bine.Waiting: 1})
		same(t, "items on the step's row", got(s.Step(ctx, "p", store.StepRef{Run: run.ID, Step: "train"}))(t).Items, 450)
		kind(t, "a key twice", s.PutItems(ctx, "p", run.ID, "train", append(items(2), store.Item{Key: "k1"})), bine.Invalid)
		kind(t, "of no step", s.PutItems(ctx, "p", run.ID, "none", items(2)), bine.NotFound)
	})
}

func TestItemsThatFailedComeFirst(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "train", "", bine.Pending)
		ok(t, s.PutItems(ctx, "p", run.ID, "train", items(5)))
		ok(t, s.FailStep(ctx, "p", store.StepRef{Run: run.ID, Step: "train", Item: "k4"}, "exit code 1"))
		var keys []string
		for after := ""; ; {
			page, next, err := s.Items(ctx, "p", run.ID, "train", after, 2)
			ok(t, err)
			for _, item := range page {
				keys = append(keys, item.Item)
			}
			if after = next; next == "" {
				break
			}
		}
		same(t, "items", keys, []string{"k4", "k1", "k2", "k3", "k5"})
	})
}

func TestOutputsOfItemsComeInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "train", "", bine.Pending)
		ok(t, s.PutItems(ctx, "p", run.ID, "train", items(3)))
		for key, state := range map[string]bine.State{"k1": bine.Cached, "k2": bine.Failed, "k3": bine.Succeeded} {
			ok(t, s.PutStep(ctx, "p", bine.Step{Run: run.ID, Name: "train", Item: key, State: state, Values: map[string]json.RawMessage{"key": json.RawMessage(`"` + key + `"`)}}, 0))
		}
		var values []string
		for item, err := range s.ItemOutputs(ctx, "p", run.ID, "train") {
			ok(t, err)
			values = append(values, string(item.Values["key"]))
		}
		same(t, "values", values, []string{`"k3"`, `"k1"`})
	})
}
