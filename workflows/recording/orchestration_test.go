package recording_test

import (
	"slices"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/workflows"
)

func light(name bine.StepName, needs ...int) plan.Step {
	return plan.Step{Name: name, Kind: "notify", Needs: needs}
}

func in(phase plan.Phase, s plan.Step) plan.Step {
	s.Phase = phase
	return s
}

func joined(join plan.Join, s plan.Step) plan.Step {
	s.Join = join
	return s
}

// phases is a run that fails, with every join rule and steps for its end.
func phases(t *testing.T, s *stage) {
	steps := []plan.Step{
		process("ok"), process("bad"),
		joined(plan.AllDone, light("done", 0, 1)), joined(plan.AnySucceeded, light("any", 0, 1)), joined(plan.NoneFailed, light("none", 0, 1)),
		in(plan.OnFailure, light("blame")), in(plan.Finally, light("clean")), in(plan.Finally, light("sweep", 6)),
	}
	steps[1].Retry = plan.Retry{Attempts: 1, On: []bine.Failure{bine.FailureMemory}, Or: []plan.Retry{{Attempts: 2, Backoff: 0.1, Within: 60}}}
	must(t, s.start(t, "demo/run/phases-1", workflows.RunPipelineName, runOf("phases-1", steps...))())
	s.keep(t, "demo/run/phases-1", "run_pipeline-phases")
	s.keep(t, "demo/run/phases-1/bad", "run_job-rules")

	wait := s.start(t, "demo/run/stopped-1", workflows.RunPipelineName, runOf("stopped-1", process("slow"), in(plan.OnFailure, light("blame")), in(plan.Finally, light("clean"))))
	s.open(t, "demo/run/stopped-1/slow", "RunProcess")
	must(t, s.CancelWorkflow(t.Context(), "demo/run/stopped-1", ""))
	must(t, wait())
	s.keep(t, "demo/run/stopped-1", "run_pipeline-stopped")
}

// limits are runs that wait for their turn, are late, and take too long.
func limits(t *testing.T, s *stage) {
	wait := s.start(t, "demo/run/queued-1", workflows.RunPipelineName, runOf("queued-1", light("a")))
	s.rests(t, "demo/run/queued-1")
	must(t, s.SignalWorkflow(t.Context(), "demo/run/queued-1", "", workflows.GrantedSignal, nil))
	must(t, wait())
	s.keep(t, "demo/run/queued-1", "run_pipeline-queued")

	slow := process("slow")
	slow.Total = 0.5
	late := runOf("late-1", slow, process("after", 0), in(plan.Finally, light("clean")))
	must(t, s.start(t, "demo/run/late-1", workflows.RunPipelineName, late)())
	s.keep(t, "demo/run/late-1", "run_pipeline-late")
	long := runOf("long-1", process("slow"), process("after", 0))
	long.Plan.Timeout = 0.5
	must(t, s.start(t, "demo/run/long-1", workflows.RunPipelineName, long)())
	s.keep(t, "demo/run/long-1", "run_pipeline-too_long")
}

// chains is a fan-out whose items are followed one by one.
func chains(t *testing.T, s *stage) {
	fan, score, label := process("fan"), process("score", 0), light("label", 1)
	fan.Foreach, score.Foreach, label.Foreach = true, true, true
	score.Per, label.Per, score.MaxParallel = 1, 2, 2
	must(t, s.start(t, "demo/run/chain-1", workflows.RunPipelineName, runOf("chain-1", fan, score, label, light("all", 2)))())
	s.keep(t, "demo/run/chain-1", "run_pipeline-chain")
	s.keep(t, "demo/run/chain-1/fan@0", "run_group-chain")
}

// waits is a run with an approval, and with steps whose turn must come.
func waits(t *testing.T, s *stage) {
	ask := plan.Step{Name: "ask", Kind: "approval", Waits: true}
	must(t, s.start(t, "demo/run/waits-1", workflows.RunPipelineName, runOf("waits-1", ask, light("turn", 0)))())
	s.keep(t, "demo/run/waits-1", "run_pipeline-waits")
	s.keep(t, "demo/run/waits-1/ask", "await_step-came")
	s.keep(t, "demo/run/waits-1/turn~turn", "await_step-turn")

	wait := s.start(t, "demo/run/ever-1/ever", workflows.AwaitStepName, activities.AwaitInput{StepRef: activities.StepRef{RunRef: activities.RunRef{Project: "demo", Run: "ever-1"}, Step: "ever"}})
	s.rests(t, "demo/run/ever-1/ever")
	must(t, s.CancelWorkflow(t.Context(), "demo/run/ever-1/ever", ""))
	must(t, wait())
	s.keep(t, "demo/run/ever-1/ever", "await_step-cancelled")
}

// rests waits until a workflow has a timer.
func (s *stage) rests(t *testing.T, id string) {
	t.Helper()
	until(t, id+" rests", func() bool {
		history, err := temporal.History(t.Context(), s, id, "")
		must(t, err)
		return slices.ContainsFunc(history.GetEvents(), func(e *historypb.HistoryEvent) bool {
			return e.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED
		})
	})
}

func backfill(t *testing.T, s *stage) {
	id := workflows.BackfillWorkflowID("demo", "past-b1")
	wait := s.start(t, id, workflows.RunBackfillName, activities.BackfillRef{Project: "demo", Backfill: "past-b1"})
	s.rests(t, id)
	must(t, s.SignalWorkflow(t.Context(), id, "", workflows.WakeSignal, nil))
	must(t, wait())
	s.keep(t, id, "run_backfill-done")
}

func transfers(t *testing.T, s *stage) {
	for id, file := range map[bine.TransferID]string{"import-1": "run_transfer-done", "export-2": "run_transfer-given_up"} {
		workflow := workflows.TransferWorkflowID("demo", id)
		must(t, s.start(t, workflow, workflows.RunTransferName, activities.TransferRef{Project: "demo", Transfer: id})())
		s.keep(t, workflow, file)
	}
}
