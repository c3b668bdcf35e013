package store_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// started makes a run with a step and its first attempt.
func started(t testing.TB, s *store.Store, item string) (store.StepRef, bine.Owner, bine.Attempt) {
	t.Helper()
	run := accept(t, s, "flights")
	ref := putStep(t, s, run.ID, "train", item, bine.Waiting)
	owner := bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run.ID), Step: "train", Item: item}
	return ref, owner, got(s.StartAttempt(t.Context(), owner, 1, bine.Process{Owner: owner, Command: []string{"true"}, Resources: bine.Resources{CPU: 2, Memory: 1 << 20}}))(t)
}

func TestAnAttemptIsStartedOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, owner, a := started(t, s, "")
		same(t, "state and resources", []any{a.ID, a.State, a.Resources.CPU}, []any{bine.NewAttemptID(owner, 1), bine.Waiting, 2.0})
		ok(t, s.AttemptHost(ctx, a.ID, "h"))
		at := soon(0)
		ok(t, s.AttemptStarted(ctx, a.ID, "h", at))
		ok(t, s.AttemptStarted(ctx, a.ID, "h", at.Add(time.Second))) // attached again
		again := got(s.StartAttempt(ctx, owner, 1, bine.Process{}))(t)
		if again.ID != a.ID || again.State != bine.Running || again.Host != "h" || !again.StartedAt.Equal(at) {
			t.Errorf("started again = %+v; want the one that runs since %v", again, at)
		}
		same(t, "its process", got(s.AttemptProcess(ctx, a.ID))(t).Command, []string{"true"})
		st := got(s.Step(ctx, "p", ref))(t)
		same(t, "the step's state and attempts", []any{st.State, st.Attempts}, []any{bine.Running, 1})
		current := got(s.CurrentAttempts(ctx, "h"))(t)
		if len(current) != 1 || current[0].ID != a.ID {
			t.Errorf("current attempts of the host = %+v", current)
		}
		kind(t, "of no run", second(s.StartAttempt(ctx, bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: "none-1", Step: "x"}, 1, bine.Process{})), bine.NotFound)
		kind(t, "no attempt", s.AttemptHost(ctx, "none", "h"), bine.NotFound)
	})
}

func TestAnAttemptThatSucceedsEndsItsStep(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, _, a := started(t, s, "")
		ok(t, s.PutToken(ctx, "token", a.ID, "ann"))
		began, ended, code := soon(-time.Minute), soon(0), 0
		r := bine.AttemptResult{State: bine.Succeeded, ExitCode: &code, Values: map[string]json.RawMessage{"auc": json.RawMessage(`0.7`)},
			Artifacts: map[string]bine.ArtifactRef{"model": {Hash: "m", Kind: bine.ArtifactFile, Size: 3}},
			Metrics:   []bine.Metric{{Name: "loss", Value: 2, Step: 1, At: began}, {Name: "loss", Value: 1, Step: 2, At: ended}, {Name: "bad", Value: bine.Number(math.NaN()), At: ended}},
			Usage:     &bine.Usage{CPUSeconds: 1.5, PeakMemory: 9}, StartedAt: &began, EndedAt: &ended}
		for _, first := range []bool{true, false} {
			same(t, "first", got(s.EndAttempt(ctx, a.ID, r))(t), first)
		}
		st := got(s.Step(ctx, "p", ref))(t)
		same(t, "step", []any{st.State, st.Values, st.Artifacts, st.Metrics, *st.StartedAt, *st.EndedAt},
			[]any{bine.Succeeded, r.Values, r.Artifacts, map[string]float64{"loss": 1}, began, ended})
		is := got(s.Attempt(ctx, a.ID))(t)
		same(t, "attempt", []any{is.State, *is.ExitCode, *is.Usage, *is.EndedAt}, []any{bine.Succeeded, 0, *r.Usage, ended})
		metrics := got(s.Metrics(ctx, a.ID))(t)
		slices.SortFunc(metrics, func(a, b bine.Metric) int { return strings.Compare(b.Name, a.Name) })
		same(t, "metrics", fmt.Sprint(metrics), fmt.Sprint(r.Metrics))
		if _, _, alive, err := s.TokenAttempt(ctx, "token"); alive || err != nil {
			t.Errorf("the token of an attempt that ended: alive %v, %v", alive, err)
		}
		kind(t, "another result", second(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureError})), bine.Fenced)
		kind(t, "a start after the end", s.AttemptStarted(ctx, a.ID, "h", ended), bine.Fenced)
		kind(t, "no end", second(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Running})), bine.Invalid)
	})
}

func TestAnAttemptThatFailsLeavesItsStepRunning(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, _, a := started(t, s, "")
		ok(t, s.AttemptStarted(ctx, a.ID, "h", soon(0)))
		same(t, "first", got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureMemory, Reason: "over its memory"}))(t), true)
		same(t, "step", got(s.Step(ctx, "p", ref))(t).State, bine.Running)
		same(t, "current attempts", len(got(s.CurrentAttempts(ctx, "h"))(t)), 0)
		is := got(s.Attempt(ctx, a.ID))(t)
		same(t, "attempt", []any{is.State, is.Failure, is.Reason}, []any{bine.Failed, bine.FailureMemory, "over its memory"})
	})
}

func TestAnAttemptThatWasReplacedChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, owner, old := started(t, s, "")
		next := got(s.StartAttempt(ctx, owner, 2, bine.Process{}))(t)
		kind(t, "its start", s.AttemptStarted(ctx, old.ID, "h", soon(0)), bine.Fenced)
		kind(t, "its end", second(s.EndAttempt(ctx, old.ID, bine.AttemptResult{State: bine.Succeeded})), bine.Fenced)
		st := got(s.Step(ctx, "p", ref))(t)
		same(t, "step", []any{st.State, st.Attempts}, []any{bine.Waiting, 2})
		same(t, "the newest one's end", got(s.EndAttempt(ctx, next.ID, bine.AttemptResult{State: bine.Succeeded}))(t), true)
		same(t, "attempts", len(got(s.Attempts(ctx, owner))(t)), 2)
		got(s.StartAttempt(ctx, owner, 7, bine.Process{}))(t)
		kind(t, "one left out", second(s.StartAttempt(ctx, owner, 5, bine.Process{})), bine.Fenced)
	})
}

func TestAStepThatWasCancelledIsNotRevived(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, _, a := started(t, s, "")
		ok(t, s.MoveStep(ctx, "p", ref, []bine.State{bine.Waiting}, bine.Cancelled, "by ann"))
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Succeeded}))(t)
		same(t, "step", got(s.Step(ctx, "p", ref))(t).State, bine.Cancelled)
	})
}

func TestWhatAFailedAttemptLeftStaysWithItsStep(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref, owner, a := started(t, s, "")
		left := map[string]bine.ArtifactRef{"notebook": {Kind: bine.ArtifactFile, Hash: bine.HashOf([]byte("x")), Size: 1}}
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureError, Artifacts: left}))(t)
		same(t, "between attempts", got(s.Step(ctx, "p", ref))(t).Artifacts, left)
		next := got(s.StartAttempt(ctx, owner, 2, bine.Process{}))(t)
		got(s.EndAttempt(ctx, next.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureError}))(t)
		ok(t, s.FailStep(ctx, "p", ref, "it failed"))
		same(t, "at the end", got(s.Step(ctx, "p", ref))(t).Artifacts, left)
	})
}

func TestABatchEndsItsItems(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		putStep(t, s, run.ID, "train", "", bine.Running)
		ok(t, s.PutItems(ctx, "p", run.ID, "train", items(3)))
		batch := putStep(t, s, run.ID, "train", "batch@k3", bine.Pending)
		owner := bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run.ID), Step: "train", Item: batch.Item}
		a := got(s.StartAttempt(ctx, owner, 1, bine.Process{Batch: []bine.BatchItem{{Key: "k3"}, {Key: "k2"}}}))(t)
		ok(t, s.AttemptStarted(ctx, a.ID, "h", soon(0)))
		same(t, "while it runs", got(s.ItemStates(ctx, "p", run.ID, "train"))(t), map[bine.State]int{bine.Running: 2, bine.Pending: 1})
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Succeeded, Items: map[string]bine.ItemResult{
			"k3": {Values: map[string]json.RawMessage{"x": json.RawMessage(`1`)}}, "k2": {Reason: "no data"}}}))(t)
		same(t, "at its end", got(s.ItemStates(ctx, "p", run.ID, "train"))(t), map[bine.State]int{bine.Succeeded: 1, bine.Failed: 1, bine.Pending: 1})
		same(t, "a value", string(got(s.Item(ctx, "p", run.ID, "train", "k3"))(t).Values["x"]), "1")
		same(t, "a reason", got(s.Item(ctx, "p", run.ID, "train", "k2"))(t).Reason, "no data")
		same(t, "the batch", got(s.Step(ctx, "p", batch))(t).State, bine.Succeeded)
		same(t, "the fan-out's step", got(s.Step(ctx, "p", store.StepRef{Run: run.ID, Step: "train"}))(t).State, bine.Running)
	})
}

func TestAJobTokenIsGoodWhileItsAttemptLasts(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		_, _, a := started(t, s, "")
		ok(t, s.PutToken(ctx, "one", a.ID, "ann"))
		ok(t, s.PutToken(ctx, "two", a.ID, "ann"))
		if _, _, alive, err := s.TokenAttempt(ctx, "one"); alive || err != nil {
			t.Errorf("a token that was replaced: alive %v, %v", alive, err)
		}
		is, user, alive, err := s.TokenAttempt(ctx, "two")
		same(t, "token", []any{is.ID, user, alive, err}, []any{a.ID, bine.UserName("ann"), true, error(nil)})
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost}))(t)
		kind(t, "a token for one that ended", s.PutToken(ctx, "three", a.ID, "ann"), bine.Fenced)
		is, _, alive, err = s.TokenAttempt(ctx, "two")
		same(t, "the token then", []any{is.ID, alive, err}, []any{a.ID, false, error(nil)})
	})
}

func TestWhatAProcessWritesIsRefusedOnceItsAttemptHasEnded(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		_, _, a := started(t, s, "")
		ctx := store.ByAttempt(t.Context(), a.ID)
		ok(t, s.SetLogSize(ctx, a.ID, 1))
		got(s.EndAttempt(t.Context(), a.ID, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost, Reason: "its host is gone"}))(t)
		err := s.SetLogSize(ctx, a.ID, 2)
		kind(t, "a write after the end", err, bine.Fenced)
		if err == nil || !strings.Contains(err.Error(), "attempt 1 of step") || !strings.Contains(err.Error(), "its host is gone") {
			t.Errorf("the error does not say what ended and why: %v", err)
		}
		same(t, "the size", got(s.Attempt(t.Context(), a.ID))(t).LogSize, int64(1))
		kind(t, "of one that never was", s.SetLogSize(store.ByAttempt(t.Context(), "none"), a.ID, 2), bine.Fenced)
		ok(t, s.SetLogSize(store.ByAttempt(ctx, ""), a.ID, 2))
	})
}

func TestTheServersOfADeploymentAreAttemptsToo(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		owner := bine.ServerOwner("p", "delay", 1, "g1")
		a := got(s.StartAttempt(ctx, owner, 1, bine.Process{}))(t)
		ok(t, s.AttemptStarted(ctx, a.ID, "h", soon(0)))
		ok(t, s.SetLogSize(ctx, a.ID, 100))
		ok(t, s.SetLogSize(ctx, a.ID, 50))
		same(t, "log", got(s.Attempt(ctx, a.ID))(t).LogSize, int64(100))
		same(t, "first", got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Succeeded}))(t), true)
	})
}
