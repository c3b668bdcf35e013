package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
)

// jobRoutes are those of programs that run on their own: stored as pipelines of one step.
func (a *API) jobRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	const all, one = "projects/{project}/jobs", "projects/{project}/jobs/{job}"
	add(a, route{id: "store-job", method: http.MethodPost, path: all, tag: "jobs", summary: "Store a job as its next version", access: auth.Access{Role: bine.DataScientist}}, a.storeJob)
	add(a, route{id: "list-jobs", method: http.MethodGet, path: all, tag: "jobs", summary: "The stored jobs by name", access: see}, a.jobs)
	add(a, route{id: "describe-job", method: http.MethodGet, path: one, tag: "jobs", summary: "One job", access: see}, a.job)
	add(a, route{id: "delete-job", method: http.MethodDelete, path: one, tag: "jobs", summary: "Remove a job with its executions", access: auth.Access{Role: bine.DataOwner}}, a.deleteJob)
	add(a, route{id: "start-execution", method: http.MethodPost, path: one + "/executions", tag: "jobs", summary: "Run a job; the answer is a run",
		access: auth.Access{Role: bine.DataScientist, Scopes: runs}, status: http.StatusCreated}, a.startExecution)
}

// InJob names a job in the path.
type InJob struct {
	InProject
	Job bine.PipelineName `path:"job" doc:"name of the job"`
}

// jobStep is the name of the one step of a job.
const jobStep = "main"

func (a *API) storeJob(ctx context.Context, in *struct {
	InProject
	Body client.NewJob
}) (*body[bine.PipelineVersion], error) {
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/jobs/%s", in.Project, clip(string(in.Body.Name))))
	dag, err := jobDAG(in.Body)
	if err != nil {
		return nil, err
	}
	source, err := json.MarshalIndent(json.RawMessage(dag.JSON()), "", "  ")
	if err != nil {
		return nil, err
	}
	return answer(a.storeDAG(ctx, in.Project, bine.KindJob, dag, in.Body.Code, string(source)))
}

// jobDAG makes the pipeline of one step that a job is. Its params are the
// step's parameters, under the same names.
func jobDAG(job client.NewJob) (dags.DAG, error) {
	params, with, err := jobParams(job.Params)
	if err != nil {
		return dags.DAG{}, err
	}
	step := dags.Step{Name: jobStep, With: with, Timeout: job.Timeout, Environment: job.Environment, Resources: dags.DefaultResources()}
	if job.Resources != nil {
		step.Resources = *job.Resources
	}
	switch {
	case (job.Python == "") == (len(job.Command) == 0):
		return dags.DAG{}, bine.Errorf(bine.Invalid, "a job has either python or command")
	case job.Python != "":
		step.Action = dags.PythonAction{Program: job.Python}
	default:
		step.Action = dags.CommandAction{Args: job.Command}
	}
	draft := dags.DAG{Name: job.Name, Description: job.Description, Params: params, Steps: []dags.Step{step}}
	return dags.Decode(draft.JSON()) // which checks it
}

func jobParams(text json.RawMessage) ([]dags.Param, json.RawMessage, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil, nil
	}
	byName := map[string]dags.Param{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&byName); err != nil {
		return nil, nil, bine.Errorf(bine.Invalid, "params are not understood: write {name: {type, default}}: %w", err)
	}
	var params []dags.Param
	with := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		p := byName[name]
		p.Name = name
		params = append(params, p)
		with[name] = dags.Expr("params." + name)
	}
	out, err := json.Marshal(with)
	return params, out, err
}

func (a *API) jobs(ctx context.Context, in *InProject) (*body[[]bine.Pipeline], error) {
	return list(a.Store.Pipelines(ctx, in.Project, bine.KindJob))
}

func (a *API) job(ctx context.Context, in *InJob) (*body[bine.Pipeline], error) {
	return answer(a.ofKind(ctx, in.Project, in.Job, bine.KindJob))
}

func (a *API) deleteJob(ctx context.Context, in *InJob) (*none, error) {
	if _, err := a.ofKind(ctx, in.Project, in.Job, bine.KindJob); err != nil {
		return nil, err
	}
	return done(a.forgetPipeline(ctx, in.Project, in.Job))
}

func (a *API) startExecution(ctx context.Context, in *struct {
	InJob
	InStart
}) (*body[bine.Run], error) {
	if _, err := a.ofKind(ctx, in.Project, in.Job, bine.KindJob); err != nil {
		return nil, err
	}
	return a.start(ctx, in.Project, in.Job, in.InStart)
}
