package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// NewExperiment is the body of POST experiments.
type NewExperiment struct {
	Name string            `json:"name" minLength:"1" maxLength:"250"`
	Tags map[string]string `json:"tags,omitempty"`
}

// ExperimentChange is the body of PATCH experiments/{experiment}; what is left out stays.
type ExperimentChange struct {
	Name    *string           `json:"name,omitempty"`
	Removed *bool             `json:"removed,omitempty"`
	Tags    map[string]string `json:"tags,omitempty" doc:"set"`
	Without []string          `json:"without,omitempty" doc:"tags to remove"`
}

// NewTracked is the body of PUT tracked-runs/{tracked}.
type NewTracked struct {
	Name       string            `json:"name,omitempty" maxLength:"250"`
	Experiment string            `json:"experiment,omitempty" maxLength:"250" doc:"name; made where there is none; empty is Default"`
	Kind       bine.TrackedKind  `json:"kind,omitempty" enum:"client,notebook,trial" default:"client"`
	Patience   float64           `json:"patience_seconds,omitempty" minimum:"0" doc:"silent for so long it is lost; 0 is 60"`
	StartedAt  *time.Time        `json:"started_at,omitempty"`
	Params     map[string]string `json:"params,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// TrackedChange is the body of PATCH tracked-runs/{tracked}; what is left out stays.
type TrackedChange struct {
	Name    *string     `json:"name,omitempty"`
	State   bine.State  `json:"state,omitempty" enum:"running,succeeded,failed,cancelled" doc:"of one that is no step's"`
	Reason  *string     `json:"reason,omitempty"`
	EndedAt *time.Time  `json:"ended_at,omitempty"`
	Removed *bool       `json:"removed,omitempty"`
	Order   *bine.Order `json:"order,omitempty" enum:"continue,stop,pause" doc:"what it is told when it reports next"`
	Claim   bool        `json:"claim,omitempty" doc:"raise the fence: who reports with the old one was replaced"`
	Without []string    `json:"without,omitempty" doc:"tags to remove"`
}

// TrackedSearch is the body of POST tracked-runs/search.
type TrackedSearch struct {
	Experiments []int    `json:"experiments,omitempty" doc:"empty: all"`
	Filter      string   `json:"filter,omitempty" doc:"for example metrics.auc > 0.9 and params.depth = '5'"`
	OrderBy     []string `json:"order_by,omitempty" doc:"for example metrics.auc DESC; then the newest first"`
	Removed     bool     `json:"removed,omitempty" doc:"those that were removed instead"`
	Limit       int      `json:"limit,omitempty" minimum:"0" maximum:"5000" doc:"0 is 100"`
	After       string   `json:"after,omitempty" doc:"cursor: next of the page before"`
}

// TrackedPage is a page of tracked runs.
type TrackedPage struct {
	Runs []bine.TrackedRun `json:"runs"`
	Next string            `json:"next,omitempty" doc:"cursor of the next page"`
}

// CurvesWanted is the body of POST curves.
type CurvesWanted struct {
	Runs    []bine.TrackedID `json:"runs" maxItems:"2000"`
	Metrics []string         `json:"metrics" maxItems:"100"`
	Points  int              `json:"points,omitempty" minimum:"0" maximum:"100000" doc:"at most so many of each curve: first, last, lowest and highest of each column of a picture; 0 is 400"`
}

// Experiments lists the experiments of a project, newest first.
func (c *Client) Experiments(ctx context.Context, p bine.ProjectName) ([]bine.Experiment, error) {
	return get[[]bine.Experiment](ctx, c, nil, "projects", string(p), "experiments")
}

// Experiment describes an experiment.
func (c *Client) Experiment(ctx context.Context, p bine.ProjectName, id int) (bine.Experiment, error) {
	return get[bine.Experiment](ctx, c, nil, "projects", string(p), "experiments", strconv.Itoa(id))
}

// CreateExperiment makes an experiment.
func (c *Client) CreateExperiment(ctx context.Context, p bine.ProjectName, body NewExperiment) (bine.Experiment, error) {
	return post[bine.Experiment](ctx, c, body, "projects", string(p), "experiments")
}

// ChangeExperiment renames, removes, restores or tags an experiment.
func (c *Client) ChangeExperiment(ctx context.Context, p bine.ProjectName, id int, body ExperimentChange) (bine.Experiment, error) {
	return call[bine.Experiment](ctx, c, request{method: http.MethodPatch, path: []string{"projects", string(p), "experiments", strconv.Itoa(id)}, body: body, safe: true})
}

// StartTracked makes a tracked run under an id of the caller's; one that is there is answered as it is.
func (c *Client) StartTracked(ctx context.Context, p bine.ProjectName, id bine.TrackedID, body NewTracked) (bine.TrackedRun, error) {
	return call[bine.TrackedRun](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "tracked-runs", string(id)}, body: body, safe: true})
}

// Tracked describes a tracked run.
func (c *Client) Tracked(ctx context.Context, p bine.ProjectName, id bine.TrackedID) (bine.TrackedRun, error) {
	return get[bine.TrackedRun](ctx, c, nil, "projects", string(p), "tracked-runs", string(id))
}

// ChangeTracked ends, renames, removes or directs a tracked run.
func (c *Client) ChangeTracked(ctx context.Context, p bine.ProjectName, id bine.TrackedID, body TrackedChange) (bine.TrackedRun, error) {
	return call[bine.TrackedRun](ctx, c, request{method: http.MethodPatch, path: []string{"projects", string(p), "tracked-runs", string(id)}, body: body, safe: !body.Claim})
}

// Report tells what a tracked run measured. It may be sent again.
func (c *Client) Report(ctx context.Context, p bine.ProjectName, id bine.TrackedID, body bine.Report) (bine.ReportAnswer, error) {
	return call[bine.ReportAnswer](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "tracked-runs", string(id), "reports"}, body: body, safe: true})
}

// SearchTracked lists the tracked runs that fit.
func (c *Client) SearchTracked(ctx context.Context, p bine.ProjectName, body TrackedSearch) (TrackedPage, error) {
	return call[TrackedPage](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "tracked-runs", "search"}, body: body, safe: true})
}

// Curves gives metrics of tracked runs by step.
func (c *Client) Curves(ctx context.Context, p bine.ProjectName, body CurvesWanted) ([]bine.Curve, error) {
	return call[[]bine.Curve](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "curves"}, body: body, safe: true})
}

// OwnTracked gives the tracked run of the step whose job token the client has.
func (c *Client) OwnTracked(ctx context.Context, p bine.ProjectName) (bine.TrackedRun, error) {
	return call[bine.TrackedRun](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "tracked-runs"}, query: url.Values{}, safe: true})
}
