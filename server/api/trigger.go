package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
)

// triggerRoutes are those of what starts pipelines when something happens.
func (a *API) triggerRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	change := auth.Access{Role: bine.DataScientist}
	const all, one = "projects/{project}/triggers", "projects/{project}/pipelines/{pipeline}/triggers/{number}"
	add(a, route{id: "list-triggers", method: http.MethodGet, path: all, tag: "triggers", summary: "What starts pipelines when something happens", access: see}, a.triggers)
	add(a, route{id: "pause-trigger", method: http.MethodPost, path: one + "/pause", tag: "triggers", summary: "Start nothing, whatever happens", access: change}, a.pauseTrigger)
	add(a, route{id: "resume-trigger", method: http.MethodPost, path: one + "/resume", tag: "triggers", summary: "Start runs for what happens from now on", access: change}, a.resumeTrigger)
}

// InTrigger names a trigger in the path.
type InTrigger struct {
	InPipeline
	Number int `path:"number" minimum:"1" doc:"place in the pipeline's list, from 1"`
}

func (a *API) triggers(ctx context.Context, in *struct {
	InProject
	Pipeline bine.PipelineName `query:"pipeline" doc:"only those of this pipeline"`
}) (*body[[]bine.Trigger], error) {
	return list(a.Store.Triggers(ctx, in.Project, in.Pipeline))
}

func (a *API) pauseTrigger(ctx context.Context, in *InTrigger) (*body[bine.Trigger], error) {
	return a.setPaused(ctx, in, true)
}

func (a *API) resumeTrigger(ctx context.Context, in *InTrigger) (*body[bine.Trigger], error) {
	return a.setPaused(ctx, in, false)
}

func (a *API) setPaused(ctx context.Context, in *InTrigger, paused bool) (*body[bine.Trigger], error) {
	if err := a.Store.PauseTrigger(ctx, in.Project, in.Pipeline, in.Number, paused); err != nil {
		return nil, err
	}
	all, err := a.Store.Triggers(ctx, in.Project, in.Pipeline)
	for _, t := range all {
		if t.Number == in.Number {
			return answer(t, nil)
		}
	}
	if err == nil { // it was replaced meanwhile
		err = bine.Errorf(bine.NotFound, "there is no trigger %d of pipeline %q", in.Number, string(in.Pipeline))
	}
	return nil, err
}

// triggersOf gives the triggers that a pipeline is written with.
func triggersOf(dag dags.DAG) []bine.Trigger {
	var all []bine.Trigger
	for _, t := range dag.Triggers {
		all = append(all, bine.Trigger{Kind: t.Kind(), Source: t.Source(), On: t.On, Settle: t.Settle, Params: t.Params})
	}
	return all
}
