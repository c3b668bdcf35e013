package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// pipelineRoutes are those of stored pipelines and their versions.
func (a *API) pipelineRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	write := auth.Access{Role: bine.DataScientist}
	const all, one = "projects/{project}/pipelines", "projects/{project}/pipelines/{pipeline}"
	add(a, route{id: "check-pipeline", method: http.MethodPost, path: all + "/check", tag: "pipelines", summary: "Check the text of a pipeline (YAML or JSON) and store nothing",
		access: auth.Access{Role: bine.DataScientist, Scopes: follows}, silent: true, limit: maxText, body: "application/yaml"}, a.checkPipeline)
	add(a, route{id: "store-pipeline", method: http.MethodPost, path: all, tag: "pipelines", summary: "Store the text of a pipeline (YAML or JSON) as its next version", access: write, limit: maxText, body: "application/yaml"}, a.storePipeline)
	add(a, route{id: "list-pipelines", method: http.MethodGet, path: all, tag: "pipelines", summary: "The pipelines by name, each with its last run", access: see}, a.pipelines)
	add(a, route{id: "describe-pipeline", method: http.MethodGet, path: one, tag: "pipelines", summary: "One pipeline", access: see}, a.pipeline)
	add(a, route{id: "delete-pipeline", method: http.MethodDelete, path: one, tag: "pipelines", summary: "Remove a pipeline that has no run in progress, with its versions and runs", access: auth.Access{Role: bine.DataOwner}}, a.deletePipeline)
	add(a, route{id: "list-versions", method: http.MethodGet, path: one + "/versions", tag: "pipelines", summary: "The versions of a pipeline, newest first", access: see}, a.pipelineVersions)
	add(a, route{id: "describe-version", method: http.MethodGet, path: one + "/versions/{version}", tag: "pipelines", summary: "One version; 0 is the newest", access: see}, a.pipelineVersion)
	add(a, route{id: "render-pipeline", method: http.MethodPost, path: one + "/render", tag: "pipelines", summary: "What a run with some params would do, as far as that is known; none is started",
		access: auth.Access{Role: bine.DataScientist, Scopes: follows}, silent: true}, a.renderPipeline)
}

// maxText bounds the text of a pipeline; dags has a bound of its own below it.
const maxText = 4 << 20

// InPipeline names a pipeline in the path.
type InPipeline struct {
	InProject
	Pipeline bine.PipelineName `path:"pipeline" doc:"name of the pipeline"`
}

// InText is the text of a pipeline.
type InText struct {
	InProject
	RawBody []byte `contentType:"application/yaml" doc:"YAML, or the canonical JSON of a builder"`
}

func (a *API) checkPipeline(_ context.Context, in *InText) (*body[client.Checked], error) {
	dag, err := dags.Read(in.RawBody)
	if err == nil {
		return answer(client.Checked{Name: dag.Name, DAG: dag.JSON(), Files: dag.Files()}, nil)
	}
	fault, ok := errors.AsType[*bine.Error](err)
	if !ok || fault.Kind != bine.Invalid {
		return nil, err
	}
	faults := fault.Details
	if len(faults) == 0 {
		faults = []bine.Detail{{Message: fault.Message}}
	}
	return answer(client.Checked{Faults: faults}, nil)
}

func (a *API) storePipeline(ctx context.Context, in *struct {
	InText
	Code bine.Hash `query:"code" doc:"directory artifact with the files that the steps name; empty keeps that of the version before"`
}) (*body[bine.PipelineVersion], error) {
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	source := string(in.RawBody) // a copy: the buffer is used again
	dag, err := dags.Read([]byte(source))
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/pipelines/%s", in.Project, dag.Name))
	version, err := a.storeDAG(ctx, in.Project, bine.KindPipeline, dag, in.Code, source)
	if err != nil || dag.Schedule == nil {
		return answer(version, err)
	}
	return answer(version, a.scheduleOf(ctx, in.Project, dag))
}

// storeDAG stores a checked pipeline. Without code it takes that of the version before.
func (a *API) storeDAG(ctx context.Context, p bine.ProjectName, kind bine.PipelineKind, dag dags.DAG, code bine.Hash, source string) (bine.PipelineVersion, error) {
	if code == "" {
		before, err := a.Store.PipelineVersion(ctx, p, dag.Name, 0)
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return bine.PipelineVersion{}, err
		}
		code = before.Code
	}
	if err := a.checkCode(ctx, p, dag, code); err != nil {
		return bine.PipelineVersion{}, err
	}
	return a.Store.StorePipeline(ctx, p, store.NewVersion{
		Name: dag.Name, Kind: kind, Description: dag.Description, Hash: dag.Hash(code), Code: code, Source: source, DAG: dag.JSON(), Triggers: triggersOf(dag), By: callOf(ctx).User,
	})
}

// checkCode says which files the steps name that are not in the code.
func (a *API) checkCode(ctx context.Context, p bine.ProjectName, dag dags.DAG, code bine.Hash) error {
	var have []string
	if code != "" {
		if err := code.Check(); err != nil {
			return err
		}
		entries, err := a.Artifacts.Manifest(ctx, p, code)
		if bine.IsKind(err, bine.NotFound) {
			return bine.Errorf(bine.Invalid, "the code %.12s is not stored in project %s: upload its files first", code, p)
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			have = append(have, e.Path)
		}
	}
	var faults []bine.Detail
	for _, s := range dag.Steps {
		for _, file := range (dags.DAG{Steps: []dags.Step{s}}).Files() {
			if !slices.Contains(have, file) {
				faults = append(faults, bine.Detail{Location: fmt.Sprintf("steps.%s.%s", s.Name, s.Kind()),
					Message: fmt.Sprintf("step %s: missing file %s: it is not in the pipeline's code", s.Name, file)})
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &bine.Error{Kind: bine.Invalid, Message: faults[0].Message, Details: faults}
}

func (a *API) pipelines(ctx context.Context, in *InProject) (*body[[]bine.Pipeline], error) {
	return list(a.Store.Pipelines(ctx, in.Project, bine.KindPipeline))
}

// ofKind gives a pipeline if it is of the kind; under the other noun it is not there.
func (a *API) ofKind(ctx context.Context, p bine.ProjectName, name bine.PipelineName, kind bine.PipelineKind) (bine.Pipeline, error) {
	found, err := a.Store.Pipeline(ctx, p, name)
	if err == nil && found.Kind != kind {
		return bine.Pipeline{}, bine.Errorf(bine.NotFound, "%s %q is not there: %s is a %s", kind, name, name, found.Kind)
	}
	return found, err
}

func (a *API) pipeline(ctx context.Context, in *InPipeline) (*body[bine.Pipeline], error) {
	return answer(a.ofKind(ctx, in.Project, in.Pipeline, bine.KindPipeline))
}

func (a *API) deletePipeline(ctx context.Context, in *InPipeline) (*none, error) {
	if _, err := a.ofKind(ctx, in.Project, in.Pipeline, bine.KindPipeline); err != nil {
		return nil, err
	}
	return done(a.forgetPipeline(ctx, in.Project, in.Pipeline))
}

// forgetPipeline removes a pipeline, and with it the schedules that start it.
func (a *API) forgetPipeline(ctx context.Context, p bine.ProjectName, name bine.PipelineName) error {
	schedules, err := a.Store.Schedules(ctx, p)
	if err != nil {
		return err
	}
	if err := a.Store.DeletePipeline(ctx, p, name); err != nil {
		return err
	}
	for _, s := range schedules {
		if s.Pipeline == name {
			err = errors.Join(err, a.forgetSchedule(ctx, p, s.Name))
		}
	}
	return err
}

func (a *API) pipelineVersions(ctx context.Context, in *InPipeline) (*body[[]bine.PipelineVersion], error) {
	return list(a.Store.PipelineVersions(ctx, in.Project, in.Pipeline))
}

func (a *API) pipelineVersion(ctx context.Context, in *struct {
	InPipeline
	Version int `path:"version" minimum:"0" doc:"0 is the newest"`
}) (*body[bine.PipelineVersion], error) {
	return answer(a.Store.PipelineVersion(ctx, in.Project, in.Pipeline, in.Version))
}
