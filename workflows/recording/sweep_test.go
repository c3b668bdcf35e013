package recording_test

import (
	"context"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// searching decides for one trial after the other; the first one goes on, and
// the third is asked to end by itself when it began.
type searching struct{ *engine }

func (e searching) Advance(_ context.Context, in activities.AdvanceSweepInput) (activities.SweepAdvanced, error) {
	out := activities.SweepAdvanced{After: in.After + 1}
	begin := []string{"1.1", "1.2", "2.1"}
	switch done := &(activities.Outcome{State: bine.Succeeded}); {
	case in.After == 0:
		out.Orders = []activities.SweepOrder{{Begin: begin[0]}}
	case len(in.Ended) == 0 || in.Cancel:
		out.After = in.After
	case in.Ended[0].Key == begin[2]:
		out.End = done
	case in.Ended[0].Key == begin[1]:
		out.Orders = []activities.SweepOrder{{Begin: begin[2]}}
	default:
		out.Orders = []activities.SweepOrder{{Begin: begin[1]}}
	}
	return out, nil
}

// searches are sweeps: one to its end, and one that is cancelled.
func searches(t *testing.T, s *stage) {
	train, slow := process("train"), process("slow")
	train.Sweep, slow.Sweep = true, true
	must(t, s.start(t, "demo/run/sweep-1", workflows.RunPipelineName, runOf("sweep-1", train))())
	s.keep(t, "demo/run/sweep-1", "run_pipeline-sweep")
	s.keep(t, "demo/run/sweep-1/train", "run_sweep-done")
	s.keep(t, "demo/run/sweep-1/train/1.2", "run_job-reported")

	wait := s.start(t, "demo/run/sweep-2", workflows.RunPipelineName, runOf("sweep-2", slow))
	s.open(t, "demo/run/sweep-2/slow/1.1", "RunProcess")
	must(t, s.CancelWorkflow(t.Context(), "demo/run/sweep-2", ""))
	must(t, wait())
	s.keep(t, "demo/run/sweep-2/slow", "run_sweep-cancelled")
}
