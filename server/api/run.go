package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/workflows"
)

// runRoutes are those of runs: pipelines' and jobs'.
func (a *API) runRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	run := auth.Access{Role: bine.DataScientist, Scopes: runs}
	const all, one = "projects/{project}/runs", "projects/{project}/runs/{run}"
	add(a, route{id: "start-run", method: http.MethodPost, path: "projects/{project}/pipelines/{pipeline}/runs", tag: "runs", summary: "Start a run; the same idempotency key answers the same run", access: run, status: http.StatusCreated}, a.startRun)
	add(a, route{id: "list-runs", method: http.MethodGet, path: all, tag: "runs", summary: "The runs, newest first", access: see}, a.runs)
	add(a, route{id: "describe-run", method: http.MethodGet, path: one, tag: "runs", summary: "One run", access: see}, a.run)
	add(a, route{id: "delete-run", method: http.MethodDelete, path: one, tag: "runs", summary: "Remove a run that has ended, with its steps and logs", access: auth.Access{Role: bine.DataOwner}}, a.deleteRun)
	add(a, route{id: "cancel-run", method: http.MethodPost, path: one + "/cancel", tag: "runs", summary: "Ask a run to stop", access: run}, a.cancelRun)
	add(a, route{id: "show-run-history", method: http.MethodGet, path: one + "/history", tag: "runs", summary: "The workflow history of a run",
		access: auth.Access{Role: bine.DataScientist, Scopes: follows}}, a.runHistory)
}

// InRun names a run in the path.
type InRun struct {
	InProject
	Run bine.RunID `path:"run" doc:"id of the run"`
}

// InStart is what a start of a run takes beside its path.
type InStart struct {
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"the same key answers the same run"`
	Body client.NewRun
}

func (in InStart) key() (string, error) {
	switch {
	case in.Key != "" && in.Body.Key != "" && in.Key != in.Body.Key:
		return "", bine.Errorf(bine.Invalid, "the header Idempotency-Key and key in the body differ")
	case in.Key != "":
		return requestKeys + in.Key, nil
	case in.Body.Key != "":
		return requestKeys + in.Body.Key, nil
	}
	return "", nil
}

// Idempotency keys by where they come from, so that none meets another's.
const (
	requestKeys = "request/"
	retryKeys   = "retry/"
)

func (a *API) startRun(ctx context.Context, in *struct {
	InPipeline
	InStart
}) (*body[bine.Run], error) {
	return a.start(ctx, in.Project, in.Pipeline, in.InStart)
}

func (a *API) start(ctx context.Context, p bine.ProjectName, name bine.PipelineName, in InStart) (*body[bine.Run], error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	// Before anything is checked: what was accepted once may not fit any more.
	if run, found, err := a.Store.RunOfKey(ctx, p, name, key); found || err != nil {
		return a.accepted(ctx, run, false, err)
	}
	version, err := a.Store.PipelineVersion(ctx, p, name, in.Body.Version)
	if err != nil {
		return nil, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return nil, fmt.Errorf("decode version %d of %s: %w", version.Version, name, err)
	}
	params, err := dag.ResolveParams(in.Body.Params)
	if err != nil {
		return nil, err
	}
	return a.accept(ctx, p, store.NewRun{Pipeline: name, Version: version.Version, Params: params, Key: key, NoCache: in.Body.NoCache, By: callOf(ctx).User})
}

// accept writes a run down and starts its workflow. From then on the run will
// happen: where its workflow cannot be started now, the reconciler does it.
func (a *API) accept(ctx context.Context, p bine.ProjectName, r store.NewRun) (*body[bine.Run], error) {
	if err := a.ready(ctx, p); err != nil {
		return nil, err
	}
	run, created, err := a.Store.AcceptRun(ctx, p, r)
	return a.accepted(ctx, run, created, err)
}

// accepted answers a run that is written down, and starts its workflow unless it began.
func (a *API) accepted(ctx context.Context, run bine.Run, created bool, err error) (*body[bine.Run], error) {
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/runs/%s", run.Project, run.ID))
	if created || run.State == bine.Pending {
		a.launched(ctx, a.Launcher.StartRun(ctx, run))
	}
	return answer(run, nil)
}

func (a *API) runs(ctx context.Context, in *struct {
	InProject
	InPage
	Pipeline bine.PipelineName `query:"pipeline" doc:"only runs of this pipeline or job"`
	State    bine.State        `query:"state" enum:"pending,waiting,running,succeeded,failed,cancelled" doc:"only runs in this state"`
	Kind     bine.PipelineKind `query:"kind" enum:"pipeline,job" doc:"only runs of pipelines, or of jobs"`
	Schedule bine.ScheduleName `query:"schedule" doc:"only runs that this schedule started"`
}) (*body[client.Page[bine.Run]], error) {
	filter := store.RunFilter{Pipeline: in.Pipeline, State: in.State, Kind: in.Kind, Schedule: in.Schedule}
	return page(a.Store.Runs(ctx, in.Project, filter, in.After, in.Limit))
}

func (a *API) run(ctx context.Context, in *InRun) (*body[bine.Run], error) {
	return answer(a.Store.Run(ctx, in.Project, in.Run))
}

func (a *API) deleteRun(ctx context.Context, in *InRun) (*none, error) {
	if err := a.Store.DeleteRun(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return done(a.removeLogs(ctx, in.Project, string(in.Run)))
}

func (a *API) cancelRun(ctx context.Context, in *InRun) (*body[bine.Run], error) {
	run, err := a.Store.Run(ctx, in.Project, in.Run)
	if err != nil || run.State.Ended() {
		return answer(run, err)
	}
	if run.State == bine.Pending { // a workflow that was never started could not be asked to end
		if err := a.Launcher.StartRun(ctx, run); err != nil {
			return nil, err
		}
	}
	return answer(run, a.Launcher.CancelRun(ctx, in.Project, in.Run))
}

func (a *API) runHistory(ctx context.Context, in *InRun) (*body[client.History], error) {
	if _, err := a.Store.Run(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return answer(a.Launcher.History(ctx, workflows.RunWorkflowID(in.Project, in.Run)))
}
