package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

func TestEveryChangeOfStateLeavesAnEvent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, _, a := started(t, s, "")
		ok(t, s.MoveRun(ctx, "p", ref.Run, []bine.State{bine.Pending}, bine.Running, ""))
		ok(t, s.MoveRun(ctx, "p", ref.Run, []bine.State{bine.Pending}, bine.Running, "")) // again: none
		ok(t, s.AttemptStarted(ctx, a.ID, "h", soon(0)))
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Succeeded}))(t)
		putStep(t, s, ref.Run, "train", "item", bine.Pending) // items: none
		deploy(t, s, 1)
		var words []string
		for i, e := range got(s.Events(ctx, "p", 0, 100))(t) {
			if e.ID != int64(i+1) || e.Project != "p" || e.At.IsZero() {
				t.Errorf("event %d is %+v", i+1, e)
			}
			words = append(words, fmt.Sprintf("%s %s %s", e.Object, e.Name, e.State))
		}
		same(t, "events", words, []string{"project p provisioning", "run flights-1 pending", "step flights-1/train waiting", "run flights-1 running",
			"step flights-1/train running", "step flights-1/train succeeded", "deployment delay starting"})
		same(t, "from the fifth", len(got(s.Events(ctx, "p", 5, 100))(t)), 2)
		same(t, "newest", got(s.LastEvent(ctx, "p"))(t), int64(7))
		same(t, "pruned", got(s.PruneEvents(ctx, soon(time.Minute)))(t), int64(7))
		same(t, "newest after", got(s.LastEvent(ctx, "p"))(t), int64(7))
		same(t, "of no project", got(s.LastEvent(ctx, "q"))(t), int64(0))
	})
}

// wait fails the test when nothing comes in time.
func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nobody was woken", what)
	}
}

func TestAWatcherIsWokenByThisAndByOtherProcesses(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		here, elsewhere := fill(t, db), store.New(db)
		woken, stop := here.Watch("p")
		defer stop()
		wait(t, "at first", woken) // to look at what is there
		run := accept(t, here, "flights")
		wait(t, "by this process", woken)
		seen := got(here.LastEvent(t.Context(), "p"))(t)
		ok(t, elsewhere.MoveRun(t.Context(), "p", run.ID, []bine.State{bine.Pending}, bine.Running, ""))
		for {
			wait(t, "by another process", woken)
			if len(got(here.Events(t.Context(), "p", seen, 10))(t)) == 1 {
				return
			}
		}
	})
}

func TestAFollowerMissesNoEvent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const writers, runs = 6, 8
		storeVersion(t, s, "flights", "a")
		after := got(s.LastEvent(ctx, "p"))(t)
		woken, stop := s.Watch("p")
		defer stop()
		var writing sync.WaitGroup
		for range writers {
			writing.Go(func() {
				for range runs {
					if _, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", By: "ann"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for seen := 0; seen < writers*runs; {
			wait(t, "following", woken)
			for _, e := range got(s.Events(ctx, "p", after, 1000))(t) {
				if e.ID != after+1 {
					t.Fatalf("event %d follows %d", e.ID, after)
				}
				after = e.ID
				seen++
			}
		}
		writing.Wait()
	})
}
