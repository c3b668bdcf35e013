package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/internal/auth"
)

// deploymentRoutes are those of models that answer requests.
func (a *API) deploymentRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: []bine.Scope{bine.ScopeRead, bine.ScopeRun, bine.ScopeServe}, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const all, one = "projects/{project}/deployments", "projects/{project}/deployments/{deployment}"
	add(a, route{id: "list-deployments", method: http.MethodGet, path: all, tag: "deployments", summary: "The deployments by name", access: see}, a.deployments)
	add(a, route{id: "describe-deployment", method: http.MethodGet, path: one, tag: "deployments", summary: "One deployment", access: see}, a.deployment)
	add(a, route{id: "deploy", method: http.MethodPut, path: one, tag: "deployments", summary: "Make a deployment or move it to another version", access: change, status: http.StatusAccepted}, a.deploy)
	add(a, route{id: "stop-deployment", method: http.MethodPost, path: one + "/stop", tag: "deployments", summary: "End the servers of a deployment and keep its definition", access: change, status: http.StatusAccepted}, a.stopDeployment)
	add(a, route{id: "delete-deployment", method: http.MethodDelete, path: one, tag: "deployments", summary: "End and forget a deployment", access: change, status: http.StatusAccepted}, a.deleteDeployment)
	add(a, route{id: "predict", method: http.MethodPost, path: one + "/predict", tag: "deployments", summary: "Ask a deployment about rows given by column name",
		access: auth.Access{Role: bine.DataScientist, Scopes: serves, Job: true}, silent: true, limit: maxRows}, a.predict)
}

// maxRows bounds the rows of one question.
const maxRows = 16 << 20

// InDeployment names a deployment in the path.
type InDeployment struct {
	InProject
	Deployment bine.DeploymentName `path:"deployment" doc:"name of the deployment"`
}

func (a *API) deployments(ctx context.Context, in *InProject) (*body[[]bine.Deployment], error) {
	return list(a.Store.Deployments(ctx, in.Project))
}

func (a *API) deployment(ctx context.Context, in *InDeployment) (*body[bine.Deployment], error) {
	return answer(a.Store.Deployment(ctx, in.Project, in.Deployment))
}

func (a *API) deploy(ctx context.Context, in *struct {
	InDeployment
	Body client.NewDeployment
}) (*body[bine.Deployment], error) {
	if err := in.Deployment.Check(); err != nil {
		return nil, err
	}
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	version, err := a.Store.ModelVersion(ctx, in.Project, in.Body.Model, in.Body.Version)
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	wanted := bine.Deployment{
		Name: in.Deployment, Project: in.Project, Model: version.Model, Version: version.Version, State: bine.DeploymentStarting,
		Resources: bine.ServerResources(), CreatedBy: callOf(ctx).User, CreatedAt: now, UpdatedAt: now,
	}
	if r := in.Body.Resources; r != nil {
		if r.CPU <= 0 || r.Memory <= 0 || r.GPUs < 0 {
			return nil, bine.Errorf(bine.Invalid, "a model server needs some cpu and memory: %v cores and %d bytes were asked for", r.CPU, r.Memory)
		}
		request, err := gpu.Of(*r)
		if err == nil && !request.Zero() && request.Hosts != 1 && request.Milli == 0 {
			err = bine.Errorf(bine.Invalid, "a model server is one process: ask for %d GPUs on 1 host, not for %s", request.Count, request)
		}
		if err != nil {
			return nil, err
		}
		wanted.Resources = *r
	}
	made, err := a.Store.PutDeployment(ctx, in.Project, wanted)
	if err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.Deploy(ctx, in.Project, in.Deployment, version.Version))
	return answer(made, nil)
}

func (a *API) stopDeployment(ctx context.Context, in *InDeployment) (*body[bine.Deployment], error) {
	if _, err := a.Store.Deployment(ctx, in.Project, in.Deployment); err != nil {
		return nil, err
	}
	if err := a.Launcher.StopDeployment(ctx, in.Project, in.Deployment, false); err != nil {
		return nil, err
	}
	return a.deployment(ctx, in)
}

func (a *API) deleteDeployment(ctx context.Context, in *InDeployment) (*none, error) {
	if _, err := a.Store.Deployment(ctx, in.Project, in.Deployment); err != nil {
		return nil, err
	}
	return done(a.Launcher.StopDeployment(ctx, in.Project, in.Deployment, true))
}
