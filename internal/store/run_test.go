package store_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestTheSameKeyGivesTheSameRun(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		storeVersion(t, s, "flights", "a")
		storeVersion(t, s, "other", "b")
		var wait sync.WaitGroup
		runs, fresh := make([]bine.Run, 8), make([]bool, 8)
		for i := range runs {
			wait.Go(func() {
				var err error
				if runs[i], fresh[i], err = s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", Key: "k", Params: json.RawMessage(`{}`), By: "ann"}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		made := 0
		for i := range runs {
			same(t, "run", runs[i], runs[0])
			if fresh[i] {
				made++
			}
		}
		same(t, "made", made, 1)
		_, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "other", Key: "k", By: "ann"})
		kind(t, "the key for another pipeline", err, bine.Conflict)
	})
}

func TestNumbersOfRunsAreGivenOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		storeVersion(t, s, "flights", "a")
		var wait sync.WaitGroup
		var mu sync.Mutex
		ids := map[bine.RunID]bool{}
		for range 20 {
			wait.Go(func() {
				run, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", By: "ann"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[run.ID] = true
			})
		}
		wait.Wait()
		for n := range 20 {
			if id := bine.NewRunID("flights", n+1); !ids[id] {
				t.Errorf("no run has the id %s", id)
			}
		}
		ok(t, s.MoveRun(ctx, "p", "flights-20", []bine.State{bine.Pending}, bine.Cancelled, ""))
		ok(t, s.DeleteRun(ctx, "p", "flights-20"))
		same(t, "after the newest was deleted", accept(t, s, "flights").Number, 21)
	})
}

func TestARunKeepsWhatItWasStartedWith(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		one := storeVersion(t, s, "flights", "a")
		storeVersion(t, s, "flights", "b")
		tick := soon(time.Hour)
		run, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", Version: 1, Params: json.RawMessage(`{"n":1}`), NoCache: true,
			Continues: "flights-7", Schedule: "nightly", Tick: &tick, By: "bob"})
		ok(t, err)
		want := bine.Run{ID: "flights-1", Project: "p", Pipeline: "flights", Kind: bine.KindPipeline, Version: 1, Hash: one.Hash, Number: 1, State: bine.Pending,
			Params: json.RawMessage(`{"n":1}`), NoCache: true, Continues: "flights-7", Schedule: "nightly", Tick: &tick, StartedBy: "bob", CreatedAt: run.CreatedAt}
		same(t, "accepted", run, want)
		same(t, "read", got(s.Run(ctx, "p", "flights-1"))(t), want)
		for name, v := range map[string]store.NewRun{"version": {Pipeline: "flights", Version: 9}, "pipeline": {Pipeline: "none"}} {
			_, _, err := s.AcceptRun(ctx, "p", v)
			kind(t, "no such "+name, err, bine.NotFound)
		}
	})
}

func TestARunMovesByCompareAndSet(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Running, ""))
		ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Running, "")) // again
		began := got(s.Run(ctx, "p", run.ID))(t).StartedAt
		kind(t, "back", s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Waiting, ""), bine.Conflict)
		ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending, bine.Running}, bine.Failed, "train failed"))
		is := got(s.Run(ctx, "p", run.ID))(t)
		if began == nil || is.EndedAt == nil || !is.StartedAt.Equal(*began) || is.Reason != "train failed" || is.State != bine.Failed {
			t.Errorf("run = %+v; want it failed, with both times", is)
		}
		kind(t, "none", s.MoveRun(ctx, "p", "none-1", []bine.State{bine.Pending}, bine.Running, ""), bine.NotFound)
	})
}

func TestRunsAreListedInPages(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for range 3 {
			accept(t, s, "flights")
			accept(t, s, "other")
		}
		putStep(t, s, "flights-3", "train", "", bine.Succeeded)
		putStep(t, s, "flights-3", "test", "", bine.Pending)
		putStep(t, s, "flights-3", "test", "item", bine.Pending)
		ok(t, s.MoveRun(ctx, "p", "other-1", []bine.State{bine.Pending}, bine.Running, ""))
		list := func(f store.RunFilter, limit int) (pages [][]bine.RunID) {
			for after := ""; ; {
				runs, next, err := s.Runs(ctx, "p", f, after, limit)
				ok(t, err)
				var ids []bine.RunID
				for _, r := range runs {
					ids = append(ids, r.ID)
				}
				if pages = append(pages, ids); next == "" {
					return pages
				}
				after = next
			}
		}
		same(t, "all", list(store.RunFilter{}, 4), [][]bine.RunID{{"other-3", "flights-3", "other-2", "flights-2"}, {"other-1", "flights-1"}})
		same(t, "of one pipeline", list(store.RunFilter{Pipeline: "flights"}, 3), [][]bine.RunID{{"flights-3", "flights-2", "flights-1"}})
		same(t, "in one state", list(store.RunFilter{State: bine.Running}, 3), [][]bine.RunID{{"other-1"}})
		same(t, "jobs", list(store.RunFilter{Kind: bine.KindJob}, 3), [][]bine.RunID{nil})
		_, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "other", Schedule: "nightly", By: "ann"})
		ok(t, err)
		same(t, "of one schedule", list(store.RunFilter{Schedule: "nightly"}, 1), [][]bine.RunID{{"other-4"}})
		runs, _, err := s.Runs(ctx, "p", store.RunFilter{Pipeline: "flights"}, "", 1)
		ok(t, err)
		same(t, "steps by state", runs[0].Steps, map[bine.State]int{bine.Succeeded: 1, bine.Pending: 1})
		_, _, err = s.Runs(ctx, "p", store.RunFilter{}, "x", 1)
		kind(t, "a wrong place", err, bine.Invalid)
	})
}

func TestOldRunsArePruned(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for n := range 5 {
			run := accept(t, s, "flights")
			if n != 1 {
				ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Succeeded, ""))
			}
		}
		kind(t, "deleting one that has not ended", s.DeleteRun(ctx, "p", "flights-2"), bine.Conflict)
		same(t, "removed", fmt.Sprint(got(s.PruneRuns(ctx, "p", "flights", 2))(t)), "[flights-3 flights-1]")
		same(t, "removed then", len(got(s.PruneRuns(ctx, "p", "flights", 2))(t)), 0)
		unfinished := got(s.UnfinishedRuns(ctx, soon(time.Minute)))(t)
		if len(unfinished) != 1 || unfinished[0].ID != "flights-2" {
			t.Errorf("unfinished = %+v; want flights-2", unfinished)
		}
		same(t, "unfinished and older", len(got(s.UnfinishedRuns(ctx, soon(-time.Minute)))(t)), 0)
	})
}
