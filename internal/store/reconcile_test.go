package store_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func ids(runs []bine.Run) []bine.RunID {
	list := []bine.RunID{}
	for _, r := range runs {
		list = append(list, r.ID)
	}
	return list
}

// startedBy makes a run that a step of another started.
func startedBy(t testing.TB, s *store.Store, parent store.StepRef) bine.RunID {
	t.Helper()
	run, _, err := s.AcceptRun(t.Context(), "p", store.NewRun{Pipeline: "sub", By: "ann", Parent: &bine.StepPointer{Run: parent.Run, Step: parent.Step, Item: parent.Item}})
	ok(t, err)
	return run.ID
}

func TestRunsAreStrayWhenTheStepThatStartedThemHasEnded(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		storeVersion(t, s, "sub", "a")
		waits, settled, over := accept(t, s, "all"), accept(t, s, "all"), accept(t, s, "all")
		goes := startedBy(t, s, putStep(t, s, waits.ID, "sub", "a", bine.Waiting))
		ofStep := startedBy(t, s, putStep(t, s, settled.ID, "sub", "", bine.Waiting))
		ofRun := startedBy(t, s, putStep(t, s, over.ID, "sub", "", bine.Waiting))
		ofNone := startedBy(t, s, store.StepRef{Run: "gone-1", Step: "sub"})
		done := startedBy(t, s, putStep(t, s, settled.ID, "before", "", bine.Succeeded))
		ok(t, s.MoveRun(ctx, "p", done, []bine.State{bine.Pending}, bine.Succeeded, ""))
		same(t, "while their steps go on", ids(got(s.StrayRuns(ctx, soon(time.Hour)))(t)), []bine.RunID{ofNone})

		ok(t, s.FailStep(ctx, "p", store.StepRef{Run: settled.ID, Step: "sub"}, "killed"))
		ok(t, s.MoveRun(ctx, "p", over.ID, []bine.State{bine.Pending}, bine.Failed, "killed"))
		same(t, "when they have ended", ids(got(s.StrayRuns(ctx, soon(time.Hour)))(t)), []bine.RunID{ofStep, ofRun, ofNone})
		same(t, "when they ended just now", ids(got(s.StrayRuns(ctx, soon(-time.Hour)))(t)), []bine.RunID{ofNone})
		same(t, "one whose step waits", got(s.RunOnly(ctx, "p", goes))(t).State, bine.Pending)
	})
}

func TestApprovalsOfStepsThatHaveEndedAreWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ask := func(run bine.RunID, step bine.StepName, item string) store.StepRef {
			ref := putStep(t, s, run, step, item, bine.Waiting)
			_, err := s.AskApproval(ctx, store.Approval{Approval: bine.Approval{Project: "p", Run: run, Step: step, Item: item, Message: "go?"}})
			ok(t, err)
			return ref
		}
		goes, over := accept(t, s, "flights"), accept(t, s, "flights")
		waits, settled, answered, ofRun := ask(goes.ID, "ask", "a"), ask(goes.ID, "ask", "b"), ask(over.ID, "ask", ""), ask(over.ID, "again", "")
		ok(t, s.AnswerApproval(ctx, "p", answered, store.ApprovalAnswer{State: bine.ApprovalApproved, By: "ann", Via: "user"}))
		ok(t, s.FailStep(ctx, "p", settled, "killed"))
		ok(t, s.MoveRun(ctx, "p", over.ID, []bine.State{bine.Pending}, bine.Failed, "killed"))

		same(t, "withdrawn of what ended just now", got(s.WithdrawStrayApprovals(ctx, soon(-time.Hour)))(t), int64(0))
		before := got(s.LastEvent(ctx, "p"))(t)
		same(t, "withdrawn", got(s.WithdrawStrayApprovals(ctx, soon(time.Hour)))(t), int64(2))
		same(t, "events", got(s.LastEvent(ctx, "p"))(t)-before, int64(2))
		same(t, "withdrawn again", got(s.WithdrawStrayApprovals(ctx, soon(time.Hour)))(t), int64(0))
		for ref, want := range map[store.StepRef]bine.ApprovalState{
			waits: bine.ApprovalWaiting, settled: bine.ApprovalWithdrawn, answered: bine.ApprovalApproved, ofRun: bine.ApprovalWithdrawn,
		} {
			same(t, ref.String(), got(s.Approval(ctx, "p", ref))(t).State, want)
		}
	})
}

func TestBackfillsAndMessagesThatAreLeftAreFound(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		running, paused, ended := backfill(t, s, 1, 1, ""), backfill(t, s, 1, 1, ""), backfill(t, s, 1, 1, "")
		from := []bine.BackfillState{bine.BackfillRunning}
		ok(t, s.MoveBackfill(ctx, "p", paused.ID, from, bine.BackfillPaused, ""))
		ok(t, s.MoveBackfill(ctx, "p", ended.ID, from, bine.BackfillSucceeded, ""))
		left := got(s.UnfinishedBackfills(ctx, soon(time.Hour)))(t)
		same(t, "backfills", []any{len(left), left[0].ID, left[1].ID}, []any{2, running.ID, paused.ID})
		same(t, "old backfills", len(got(s.UnfinishedBackfills(ctx, soon(-time.Hour)))(t)), 0)

		goes, over, told := accept(t, s, "flights"), accept(t, s, "flights"), accept(t, s, "flights")
		for _, run := range []bine.Run{goes, over, told} {
			ok(t, s.AddNotices(ctx, "p", []store.Notice{{Notice: bine.Notice{Run: run.ID, Event: bine.NoticeFailure}, Request: "end"}}))
		}
		for _, run := range []bine.Run{over, told} {
			ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Failed, "no"))
		}
		sent := got(s.UnsentNotices(ctx, "p", told.ID))(t)
		ok(t, s.NoticeTried(ctx, sent[0].ID, "", false))
		same(t, "untold", ids(got(s.UntoldRuns(ctx, soon(time.Hour)))(t)), []bine.RunID{over.ID})
		same(t, "of old runs", ids(got(s.UntoldRuns(ctx, soon(-time.Hour)))(t)), []bine.RunID{})
	})
}
