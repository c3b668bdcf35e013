package run

import (
	"context"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/continuation"
	"github.com/bine-ml/bine/internal/store"
)

// goingOn says what a run that goes on from another does with its steps; nil
// for one that does not. It only depends on what does not change any more.
func (e *Engine) goingOn(ctx context.Context, run bine.Run) ([]continuation.Step, error) {
	if run.Continues == "" {
		return nil, nil
	}
	old, err := e.store.RunOnly(ctx, run.Project, run.Continues)
	if bine.IsKind(err, bine.NotFound) {
		return nil, bine.Errorf(bine.NotFound, "run %s, from which this one goes on, was deleted: start a new run", run.Continues)
	}
	if err != nil {
		return nil, err
	}
	was, err := e.side(ctx, old)
	if err != nil {
		return nil, err
	}
	is, err := e.side(ctx, run)
	if err != nil {
		return nil, err
	}
	rows, err := e.store.Steps(ctx, run.Project, old.ID)
	if err != nil {
		return nil, err
	}
	return continuation.Plan(was, is, rows, run.From)
}

// side is the definition that a run executes, with its files.
func (e *Engine) side(ctx context.Context, run bine.Run) (continuation.Side, error) {
	def, err := e.definition(ctx, run)
	if err != nil {
		return continuation.Side{}, err
	}
	side := continuation.Side{DAG: def.DAG, Params: run.Params}
	if def.code != "" {
		side.Code, err = e.artifacts.Manifest(ctx, run.Project, def.code)
	}
	return side, err
}

// keep writes the steps of a run that keep what another run made.
func (e *Engine) keep(ctx context.Context, run bine.Run, dag dags.DAG, steps []continuation.Step) error {
	for _, s := range steps {
		if s.Runs {
			continue
		}
		place := slices.IndexFunc(dag.Steps, func(d dags.Step) bool { return d.Name == s.Step })
		if err := e.store.KeepStep(ctx, run.Project, keptOf(run, s.Step), place); err != nil {
			return err
		}
	}
	return nil
}

// keptOf names what a run keeps of a step.
func keptOf(run bine.Run, step bine.StepName) store.Kept {
	return store.Kept{From: run.Continues, To: run.ID, Step: step, Note: "kept from " + string(run.Continues)}
}

// keepItems lets the items of a fan-out, whose rows were just made, keep what
// they gave in the run from which this one goes on.
func (e *Engine) keepItems(ctx context.Context, r *resolution, steps []continuation.Step, step dags.Step) error {
	i := slices.IndexFunc(steps, func(s continuation.Step) bool { return s.Step == step.Name })
	if i < 0 || !steps[i].KeepsItems {
		return nil
	}
	_, err := e.store.KeepItems(ctx, r.in.Project, keptOf(r.run, step.Name), step.Foreach.Per)
	return err
}

// chosen reports whether the step was chosen to run again in any case.
func (r *resolution) chosen() bool { return slices.Contains(r.run.From, r.in.Step) }
