package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// stepRoutes show what happens inside a run.
func (a *API) stepRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	const one = "projects/{project}/runs/{run}"
	add(a, route{id: "list-steps", method: http.MethodGet, path: one + "/steps", tag: "runs", summary: "The steps in the order of the graph, without items of fan-outs", access: see}, a.steps)
	add(a, route{id: "list-items", method: http.MethodGet, path: one + "/steps/{step}/items", tag: "runs", summary: "The items of a fan-out, failures first, then by key", access: see}, a.items)
	add(a, route{id: "describe-item", method: http.MethodGet, path: one + "/steps/{step}/items/{item}", tag: "runs", summary: "One item of a fan-out", access: see}, a.item)
	add(a, route{id: "list-attempts", method: http.MethodGet, path: one + "/attempts", tag: "runs", summary: "The tries of a step, oldest first", access: see}, a.attempts)
	add(a, route{id: "list-metrics", method: http.MethodGet, path: one + "/metrics", tag: "runs", summary: "What a step reported, in order", access: see}, a.metrics)
}

// InStep names a step of a run, an item of it, or one attempt.
type InStep struct {
	InRun
	Step    bine.StepName `query:"step" required:"true" doc:"name of the step"`
	Item    string        `query:"item" doc:"key of an item of a fan-out"`
	Attempt int           `query:"attempt" minimum:"0" doc:"0 is the newest"`
}

func (in InStep) owner() bine.Owner {
	return bine.Owner{Project: in.Project, Kind: bine.OwnerRun, Name: string(in.Run), Step: in.Step, Item: in.Item}
}

func (a *API) steps(ctx context.Context, in *InRun) (*body[[]bine.Step], error) {
	if _, err := a.Store.Run(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return list(a.Store.Steps(ctx, in.Project, in.Run))
}

func (a *API) items(ctx context.Context, in *struct {
	InRun
	InPage
	Step bine.StepName `path:"step" doc:"name of the step"`
}) (*body[client.Page[bine.Step]], error) {
	if _, err := a.Store.Run(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return page(a.Store.Items(ctx, in.Project, in.Run, in.Step, in.After, in.Limit))
}

func (a *API) item(ctx context.Context, in *struct {
	InRun
	Step bine.StepName `path:"step" doc:"name of the step"`
	Item string        `path:"item" doc:"key of the item"`
}) (*body[bine.Step], error) {
	return answer(a.Store.Step(ctx, in.Project, store.StepRef{Run: in.Run, Step: in.Step, Item: in.Item}))
}

func (a *API) attempts(ctx context.Context, in *InStep) (*body[[]bine.Attempt], error) {
	if _, err := a.Store.Run(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return list(a.Store.Attempts(ctx, in.owner()))
}

// attempt gives the attempt that a request is about.
func (a *API) attempt(ctx context.Context, owner bine.Owner, number int) (bine.Attempt, error) {
	all, err := a.Store.Attempts(ctx, owner)
	if err != nil {
		return bine.Attempt{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if number == 0 || all[i].Number == number {
			return all[i], nil
		}
	}
	return bine.Attempt{}, bine.Errorf(bine.NotFound, "step %s of %s has no attempt yet, or none of that number", owner.Step, owner.Name)
}

func (a *API) metrics(ctx context.Context, in *InStep) (*body[[]bine.Metric], error) {
	attempt, err := a.attempt(ctx, in.owner(), in.Attempt)
	if bine.IsKind(err, bine.NotFound) {
		_, err = a.Store.Run(ctx, in.Project, in.Run)
		return list[bine.Metric](nil, err)
	}
	if err != nil {
		return nil, err
	}
	return list(a.Store.Metrics(ctx, attempt.ID))
}
