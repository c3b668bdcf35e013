package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// Models lists the registered models of a project by name.
func (c *Client) Models(ctx context.Context, p bine.ProjectName) ([]bine.Model, error) {
	return get[[]bine.Model](ctx, c, nil, "projects", string(p), "models")
}

// ModelVersions lists the versions of a model, newest first.
func (c *Client) ModelVersions(ctx context.Context, p bine.ProjectName, name bine.ModelName) ([]bine.ModelVersion, error) {
	return get[[]bine.ModelVersion](ctx, c, nil, "projects", string(p), "models", string(name), "versions")
}

// ModelVersion describes one version; 0 is the newest.
func (c *Client) ModelVersion(ctx context.Context, p bine.ProjectName, name bine.ModelName, version int) (bine.ModelVersion, error) {
	return get[bine.ModelVersion](ctx, c, nil, "projects", string(p), "models", string(name), "versions", strconv.Itoa(version))
}

// NewModel is the body of POST models/{model}/versions: a directory artifact
// as the Python client's save_model makes it.
type NewModel struct {
	Artifact    bine.Hash          `json:"artifact"`
	Metrics     map[string]float64 `json:"metrics,omitempty"`
	Description string             `json:"description,omitempty"`
	Environment int                `json:"environment,omitempty"`
}

// RegisterModel registers an artifact as the next version of a model.
func (c *Client) RegisterModel(ctx context.Context, p bine.ProjectName, name bine.ModelName, body NewModel) (bine.ModelVersion, error) {
	return post[bine.ModelVersion](ctx, c, body, "projects", string(p), "models", string(name), "versions")
}

// NewDeployment is the body of PUT deployments/{deployment}.
type NewDeployment struct {
	Model     bine.ModelName  `json:"model"`
	Version   int             `json:"version,omitempty" doc:"0 is the newest"`
	Resources *bine.Resources `json:"resources,omitempty"`
}

// Deployments lists the deployments of a project by name.
func (c *Client) Deployments(ctx context.Context, p bine.ProjectName) ([]bine.Deployment, error) {
	return get[[]bine.Deployment](ctx, c, nil, "projects", string(p), "deployments")
}

// Deployment describes one deployment.
func (c *Client) Deployment(ctx context.Context, p bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error) {
	return get[bine.Deployment](ctx, c, nil, "projects", string(p), "deployments", string(name))
}

// Deploy makes a deployment or moves it to another version; it answers at once.
func (c *Client) Deploy(ctx context.Context, p bine.ProjectName, name bine.DeploymentName, body NewDeployment) (bine.Deployment, error) {
	return call[bine.Deployment](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "deployments", string(name)}, body: body, safe: true})
}

// StopDeployment ends the servers of a deployment and keeps its definition.
func (c *Client) StopDeployment(ctx context.Context, p bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error) {
	return post[bine.Deployment](ctx, c, nil, "projects", string(p), "deployments", string(name), "stop")
}

// DeleteDeployment ends and forgets a deployment.
func (c *Client) DeleteDeployment(ctx context.Context, p bine.ProjectName, name bine.DeploymentName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "deployments", string(name))
}

// Rows is the body of POST deployments/{deployment}/predict: rows by column
// name, or arrays for a model that takes rows without names.
type Rows struct {
	Instances []json.RawMessage `json:"instances"`
}

// Predictions answers Rows: one entry for each row.
type Predictions struct {
	Model       string            `json:"model"`
	Version     string            `json:"version"`
	Predictions []json.RawMessage `json:"predictions"`
}

// Predict asks a deployment about rows given by column name. Programs in
// production use the Open Inference Protocol at
// /serving/<project>/<deployment>/v2/models/<model>/infer.
func (c *Client) Predict(ctx context.Context, p bine.ProjectName, name bine.DeploymentName, rows Rows) (Predictions, error) {
	return call[Predictions](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "deployments", string(name), "predict"}, body: rows, safe: true})
}

// NewSchedule is the body of PUT schedules/{schedule}.
type NewSchedule struct {
	Pipeline bine.PipelineName `json:"pipeline"`
	Version  int               `json:"version,omitempty" doc:"0 is the newest at each tick"`
	Cron     string            `json:"cron"`
	TimeZone string            `json:"time_zone,omitempty"`
	Overlap  string            `json:"overlap,omitempty" enum:"skip,buffer_one,buffer_all,cancel_other,allow_all"`
	CatchUp  float64           `json:"catch_up_seconds,omitempty"`
	Jitter   float64           `json:"jitter_seconds,omitempty" doc:"a tick starts up to so much later, always by the same"`
	Params   json.RawMessage   `json:"params,omitempty"`
	Paused   bool              `json:"paused,omitempty"`
	Note     string            `json:"note,omitempty"`
}

// Schedules lists the schedules of a project by name, each with its next ticks.
func (c *Client) Schedules(ctx context.Context, p bine.ProjectName) ([]bine.Schedule, error) {
	return get[[]bine.Schedule](ctx, c, nil, "projects", string(p), "schedules")
}

// Schedule describes one schedule.
func (c *Client) Schedule(ctx context.Context, p bine.ProjectName, name bine.ScheduleName) (bine.Schedule, error) {
	return get[bine.Schedule](ctx, c, nil, "projects", string(p), "schedules", string(name))
}

// SetSchedule makes or changes a schedule.
func (c *Client) SetSchedule(ctx context.Context, p bine.ProjectName, name bine.ScheduleName, body NewSchedule) (bine.Schedule, error) {
	return call[bine.Schedule](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "schedules", string(name)}, body: body, safe: true})
}

// TriggerSchedule runs a schedule's pipeline now, as one more tick.
func (c *Client) TriggerSchedule(ctx context.Context, p bine.ProjectName, name bine.ScheduleName) error {
	return c.do(ctx, http.MethodPost, nil, "projects", string(p), "schedules", string(name), "trigger")
}

// DeleteSchedule removes a schedule; its runs stay.
func (c *Client) DeleteSchedule(ctx context.Context, p bine.ProjectName, name bine.ScheduleName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "schedules", string(name))
}

// ServingURL is where a deployment answers the Open Inference Protocol.
func (c *Client) ServingURL(p bine.ProjectName, name bine.DeploymentName) string {
	return c.base + "/serving/" + url.PathEscape(string(p)) + "/" + url.PathEscape(string(name))
}

// ServerLog opens the log of the model server that answers for a deployment, as
// Logs does that of a step.
func (c *Client) ServerLog(ctx context.Context, p bine.ProjectName, name bine.DeploymentName, offset int64, follow bool) (io.ReadCloser, error) {
	q := url.Values{"offset": {strconv.FormatInt(offset, 10)}, "follow": {strconv.FormatBool(follow)}}
	return c.stream(ctx, request{method: http.MethodGet, path: []string{"projects", string(p), "deployments", string(name), "logs"}, query: q, safe: true})
}
