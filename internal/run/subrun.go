package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/workflows"
)

// deepest is how many runs may have started each other: a pipeline that starts
// itself would never end.
const deepest = 10

// subRun starts the run of a pipeline or job that a step stands for, once, and
// looks how it goes.
func (a Awaits) subRun(ctx context.Context, w *waiting, want dags.SubRun, kind bine.PipelineKind) (activities.Awaited, error) {
	if w.row.SubRun == "" {
		run, err := a.startSubRun(ctx, w, want, kind)
		switch bine.KindOf(err) {
		case bine.Invalid, bine.NotFound, bine.Conflict, bine.TooLarge:
			if err != nil {
				return a.refused(ctx, w, err.Error())
			}
		}
		if err != nil {
			return activities.Awaited{}, err
		}
		w.row.SubRun = run
	}
	run, err := a.store.RunOnly(ctx, w.in.Project, w.row.SubRun)
	switch {
	case bine.IsKind(err, bine.NotFound):
		return a.refused(ctx, w, fmt.Sprintf("run %s was removed", w.row.SubRun))
	case err != nil:
		return activities.Awaited{}, err
	case run.State == bine.Pending:
		if err := a.launcher.StartRun(ctx, run); err != nil {
			return activities.Awaited{}, err
		}
	}
	switch {
	case !run.State.Ended():
		return a.still(ctx, w, fmt.Sprintf("waits for run %s", run.ID), signalAgain)
	case run.State != bine.Succeeded:
		return a.refused(ctx, w, strings.TrimSuffix(fmt.Sprintf("run %s is %s: %s", run.ID, run.State, run.Reason), ": "))
	}
	outputs := run.Outputs
	if outputs == nil {
		outputs = map[string]json.RawMessage{}
	}
	all, err := json.Marshal(outputs)
	if err != nil {
		return activities.Awaited{}, err
	}
	id, err := json.Marshal(run.ID)
	if err != nil {
		return activities.Awaited{}, err
	}
	return a.come(ctx, w, map[string]json.RawMessage{"run": id, "outputs": all})
}

// startSubRun accepts the run of a step. The key follows from the step, so
// that it is accepted once, whatever is killed in between.
func (a Awaits) startSubRun(ctx context.Context, w *waiting, want dags.SubRun, kind bine.PipelineKind) (bine.RunID, error) {
	if err := a.checkDepth(ctx, w.run, want.Name); err != nil {
		return "", err
	}
	version, err := a.store.PipelineVersion(ctx, w.in.Project, want.Name, want.Version)
	if err != nil {
		return "", err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return "", err
	}
	given, err := want.Given()
	if err != nil {
		return "", err
	}
	params, err := dag.ResolveParams(given)
	if err != nil {
		return "", err
	}
	var run bine.Run
	err = a.together(ctx, func(ctx context.Context) error {
		run, _, err = a.store.AcceptRun(ctx, w.in.Project, store.NewRun{
			Pipeline: want.Name, Version: version.Version, Params: params, By: w.run.StartedBy, Tick: w.run.Tick, NoCache: w.run.NoCache, Priority: priorityOf(w.run, w.dag),
			Parent: &bine.StepPointer{Run: w.in.Run, Step: w.in.Step, Item: w.in.Item},
			Key:    bine.SubRunKey(w.in.Run, w.in.Step, w.in.Item),
		})
		if err != nil {
			return err
		}
		if run.Kind != kind {
			return bine.Errorf(bine.Invalid, "%s is a %s: write %s: {name: %s}", want.Name, run.Kind, run.Kind, want.Name)
		}
		return a.store.SetSubRun(ctx, w.in.Project, stepRef(w.in.StepRef), run.ID)
	})
	return run.ID, err
}

// checkDepth refuses a chain of runs that start each other without end.
func (a Awaits) checkDepth(ctx context.Context, run bine.Run, next bine.PipelineName) error {
	chain := []string{string(next), string(run.Pipeline)}
	for run.Parent != nil {
		if len(chain) > deepest {
			return bine.Errorf(bine.Invalid, "more than %d runs have started each other (%s): does a pipeline start itself?", deepest, strings.Join(chain, " ← "))
		}
		var err error
		if run, err = a.store.RunOnly(ctx, run.Project, run.Parent.Run); err != nil {
			if bine.IsKind(err, bine.NotFound) {
				return nil
			}
			return err
		}
		chain = append(chain, string(run.Pipeline))
	}
	return nil
}

// wakeParent tells the step that started a run that it has ended.
func (e *Engine) wakeParent(ctx context.Context, run bine.Run) {
	if run.Parent == nil {
		return
	}
	id := workflows.StepWorkflowID(run.Project, run.Parent.Run, run.Parent.Step, run.Parent.Item)
	if err := e.launcher.Wake(ctx, id); err != nil {
		e.log.WarnContext(ctx, "the step that started a run was not told of its end; it looks by itself", "run", run.ID, "error", err)
	}
}
