package earnest_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/workflows"
)

// The pipelines that are taken apart: one whose step asks people, which holds a
// slot meanwhile, and one that starts the first and asks too.
const (
	inner = `
name: inner
params: {day: {type: string, default: ""}}
steps:
  ask: {approval: {message: "go?"}, pools: db}
`
	outer = `
name: outer
concurrency: 1
notify: [{on: failure, webhook: "http://there/failed"}]
steps:
  sub: {pipeline: {name: inner}}
  ask: {approval: {message: "go?"}}
`
)

// begun is a stage on which outer-1 and inner-1, which it started, wait for people.
func begun(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.prepare()
	s.accept("outer")
	s.asks("outer-1", "ask")
	s.asks("inner-1", "ask")
	return s
}

func (s *stage) prepare() {
	s.t.Helper()
	s.pipeline(inner)
	s.pipeline(outer)
	_, err := s.ledger.SetPool(s.t.Context(), "p", bine.Pool{Name: "db", Slots: 1})
	ok(s.t, err)
}

func TestARunThatIsTerminatedByHandEndsWithAllThatHangsOnIt(t *testing.T) {
	s := begun(t)
	if n := len(s.holders()); n != 2 {
		t.Fatalf("%d hold slots, want the run and the step", n)
	}
	s.rest() // so that nobody tidies up
	s.terminate("p/run/outer-1", "p/run/outer-1/sub", "p/run/outer-1/ask")
	s.work()
	s.reconcile()
	same(t, "the run", s.is("outer-1"), bine.Failed)
	same(t, "its question", s.asked("outer-1", "ask"), bine.ApprovalWithdrawn)
	s.reconcile() // its end is seen now
	s.becomes("inner-1", bine.Cancelled)
	same(t, "the other's question", s.asked("inner-1", "ask"), bine.ApprovalWithdrawn)
	for range 2 {
		s.reconcile()
	}
	same(t, "who holds slots", s.holders(), []bine.AttemptID{})
	same(t, "told", s.poster.all(), []string{"http://there/failed"})
}

func TestStepsThatAreTerminatedByHandLeaveNothing(t *testing.T) {
	s := begun(t)
	s.rest()
	s.terminate("p/run/outer-1/sub", "p/run/outer-1/ask", "p/run/inner-1/ask")
	s.work()
	s.becomes("outer-1", bine.Failed)
	s.becomes("inner-1", bine.Failed) // as its only step did
	for range 2 {
		s.reconcile()
	}
	same(t, "its question", s.asked("outer-1", "ask"), bine.ApprovalWithdrawn)
	same(t, "the other's question", s.asked("inner-1", "ask"), bine.ApprovalWithdrawn)
	same(t, "who holds slots", s.holders(), []bine.AttemptID{})
}

func TestARunIsCancelledWhenOnlyTheStepThatStartedItWasTerminated(t *testing.T) {
	s := begun(t)
	s.rest()
	s.terminate("p/run/outer-1/sub")
	s.work()
	until(t, "the step has failed", func() bool {
		row, err := s.store.Step(t.Context(), "p", store.StepRef{Run: "outer-1", Step: "sub"})
		return err == nil && row.State == bine.Failed
	})
	s.reconcile()
	s.becomes("inner-1", bine.Cancelled)
	same(t, "the run that started it", s.is("outer-1"), bine.Running)
	same(t, "its question", s.asked("outer-1", "ask"), bine.ApprovalWaiting)
}

func TestARunWhoseWorkflowAndWorkersWereKilledTogetherIsAskedToEndOnce(t *testing.T) {
	s := begun(t)
	s.rest()
	s.terminate("p/run/outer-1", "p/run/outer-1/sub", "p/run/outer-1/ask", "p/run/inner-1", "p/run/inner-1/ask")
	for range 3 { // nobody works: the ledger alone has to come right
		s.reconcile()
	}
	for _, id := range []bine.RunID{"outer-1", "inner-1"} {
		same(t, string(id), s.is(id), bine.Failed)
		same(t, string(id)+" asks", s.asked(id, "ask"), bine.ApprovalWithdrawn)
	}
	same(t, "who holds slots", s.holders(), []bine.AttemptID{})
	same(t, "told", s.poster.all(), []string{"http://there/failed"})
}

func TestAQuestionOfAStepThatWasTerminatedIsWithdrawnWhileItsRunGoesOn(t *testing.T) {
	s := begun(t)
	s.rest()
	s.terminate("p/run/outer-1/ask")
	s.work()
	until(t, "the step has failed", func() bool {
		row, err := s.store.Step(t.Context(), "p", store.StepRef{Run: "outer-1", Step: "ask"})
		return err == nil && row.State == bine.Failed
	})
	s.reconcile()
	same(t, "its question", s.asked("outer-1", "ask"), bine.ApprovalWithdrawn)
	same(t, "the run", s.is("outer-1"), bine.Running)
	same(t, "the other's question", s.asked("inner-1", "ask"), bine.ApprovalWaiting)
}

func TestAPowerCutBetweenTheEndOfARunAndWhatFollowsIsMadeGood(t *testing.T) {
	s := begun(t)
	s.rest()
	s.terminate("p/run/outer-1", "p/run/outer-1/sub", "p/run/outer-1/ask", "p/run/inner-1", "p/run/inner-1/ask")
	for _, id := range []bine.RunID{"outer-1", "inner-1"} {
		ok(t, s.store.MoveRun(t.Context(), "p", id, []bine.State{bine.Running}, bine.Failed, "the power was cut just then"))
	}
	if n := len(s.holders()); n != 2 {
		t.Fatalf("%d hold slots, want the run and the step", n)
	}
	s.reconcile()
	same(t, "who holds slots", s.holders(), []bine.AttemptID{})
	for _, id := range []bine.RunID{"outer-1", "inner-1"} {
		same(t, string(id)+" asks", s.asked(id, "ask"), bine.ApprovalWithdrawn)
	}
}

// backfill accepts a backfill of three days of the inner pipeline, one at a time.
func (s *stage) backfill() bine.BackfillID {
	s.t.Helper()
	slots := []bine.BackfillSlot{{Key: "monday", State: bine.Pending}, {Key: "tuesday", State: bine.Pending}, {Key: "wednesday", State: bine.Pending}}
	b, _, err := s.store.AcceptBackfill(s.t.Context(), bine.Backfill{Project: "p", Pipeline: "inner", Mode: bine.BackfillAll, Order: "oldest", Cap: 1, Param: "day", CreatedBy: "ann"}, slots, "")
	ok(s.t, err)
	ok(s.t, s.launcher.StartBackfill(s.t.Context(), "p", b.ID))
	return b.ID
}

// finish answers all questions until a backfill has ended, and checks that each
// of its days has one run, which succeeded.
func (s *stage) finish(id bine.BackfillID) {
	s.t.Helper()
	until(s.t, "the backfill has succeeded", func() bool {
		s.approve()
		b, err := s.store.Backfill(s.t.Context(), "p", id)
		ok(s.t, err)
		return b.State == bine.BackfillSucceeded
	})
	runs, _, err := s.store.Runs(s.t.Context(), "p", store.RunFilter{Backfill: id}, "", 10)
	ok(s.t, err)
	days := map[string]int{}
	for _, r := range runs {
		days[string(r.Params)]++
		same(s.t, string(r.ID), r.State, bine.Succeeded)
	}
	same(s.t, "runs of each day", days, map[string]int{`{"day":"monday"}`: 1, `{"day":"tuesday"}`: 1, `{"day":"wednesday"}`: 1})
}

func TestABackfillThatIsTerminatedByHandGoesOn(t *testing.T) {
	s := newStage(t)
	s.prepare()
	id := s.backfill()
	s.asks("inner-1", "ask")
	s.rest()
	s.terminate(workflows.BackfillWorkflowID("p", id))
	s.work()
	s.reconcile()
	s.finish(id)
}

func TestAPowerCutThatOnlyTheLedgerSurvivedLosesNothing(t *testing.T) {
	s := newStage(t)
	s.prepare()
	empty := s.copyEngine()
	s.accept("outer")
	s.asks("outer-1", "ask")
	s.asks("inner-1", "ask")
	before := s.holders()
	s.losePower(empty)
	s.reconcile()
	same(t, "who holds slots", s.holders(), before)
	until(t, "the run has succeeded", func() bool { s.approve(); return s.is("outer-1") == bine.Succeeded })
	same(t, "the run that it started", s.is("inner-1"), bine.Succeeded)
	same(t, "another", s.is("inner-2"), bine.State(""))
	same(t, "told", len(s.poster.all()), 0)
	until(t, "all slots are free", func() bool { return len(s.holders()) == 0 })
}

func TestAPowerCutInABackfillStartsNoDayTwice(t *testing.T) {
	s := newStage(t)
	s.prepare()
	empty := s.copyEngine()
	id := s.backfill()
	s.asks("inner-1", "ask")
	s.losePower(empty)
	s.reconcile()
	s.finish(id)
}
