package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

// each runs check on a fresh store of every engine, which has the users ann
// and bob and ann's project p.
func each(t *testing.T, check func(t *testing.T, s *store.Store)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) { check(t, fill(t, db)) })
}

func fill(t testing.TB, db *database.DB) *store.Store {
	t.Helper()
	s := store.New(db)
	for _, name := range []bine.UserName{"ann", "bob"} {
		ok(t, s.CreateUser(t.Context(), bine.User{Name: name}, "hash of "+string(name)))
	}
	ok(t, s.CreateProject(t.Context(), bine.Project{Name: "p", CreatedBy: "ann"}))
	return s
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got gives a value that comes without an error.
func got[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func kind(t testing.TB, what string, err error, want bine.Kind) {
	t.Helper()
	if !bine.IsKind(err, want) {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, want)
	}
}

// storeVersion stores a version of a pipeline whose hash follows from text.
func storeVersion(t testing.TB, s *store.Store, name bine.PipelineName, text string) bine.PipelineVersion {
	t.Helper()
	return got(s.StorePipeline(t.Context(), "p", store.NewVersion{Name: name, Kind: bine.KindPipeline, Hash: bine.HashOf([]byte(text)),
		Source: text, DAG: json.RawMessage(`{"steps":[]}`), By: "ann"}))(t)
}

// accept makes a run of a pipeline that is made where it is missing.
func accept(t testing.TB, s *store.Store, name bine.PipelineName) bine.Run {
	t.Helper()
	if _, err := s.Pipeline(t.Context(), "p", name); err != nil {
		storeVersion(t, s, name, string(name))
	}
	run, _, err := s.AcceptRun(t.Context(), "p", store.NewRun{Pipeline: name, Params: json.RawMessage(`{"n":1}`), By: "ann"})
	ok(t, err)
	return run
}

func putStep(t testing.TB, s *store.Store, run bine.RunID, name bine.StepName, item string, state bine.State) store.StepRef {
	t.Helper()
	ok(t, s.PutStep(t.Context(), "p", bine.Step{Run: run, Name: name, Item: item, Kind: "python", State: state}, 0))
	return store.StepRef{Run: run, Step: name, Item: item}
}

func TestTogetherUndoesAllOfSeveralCalls(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := fill(t, db)
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "train", "", bine.Pending)
		fault := errors.New("second thoughts")
		owner := bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run.ID), Step: "train"}
		before := got(s.LastEvent(t.Context(), "p"))(t)
		err := db.Together(t.Context(), func(ctx context.Context) error {
			if _, err := s.StartAttempt(ctx, owner, 1, bine.Process{Owner: owner}); err != nil {
				return err
			}
			if err := s.MoveStep(ctx, "p", store.StepRef{Run: run.ID, Step: "train"}, []bine.State{bine.Pending}, bine.Waiting, ""); err != nil {
				return err
			}
			if a, err := s.Attempts(ctx, owner); err != nil || len(a) != 1 {
				t.Errorf("within, attempts = %v, %v; want the new one", a, err)
			}
			return fault
		})
		if !errors.Is(err, fault) {
			t.Errorf("together = %v; want the fault", err)
		}
		same(t, "attempts", len(got(s.Attempts(t.Context(), owner))(t)), 0)
		same(t, "newest event", got(s.LastEvent(t.Context(), "p"))(t), before)
	})
}

// soon is a time with the exactness that the store keeps.
func soon(d time.Duration) time.Time { return time.Now().Add(d).UTC().Truncate(time.Microsecond) }
