package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// Checked is what a check of a pipeline's text found.
type Checked struct {
	Name   bine.PipelineName `json:"name,omitempty"`
	DAG    json.RawMessage   `json:"dag,omitempty" doc:"the checked definition in canonical JSON; absent where there are faults"`
	Files  []string          `json:"files,omitempty" doc:"files of the code that its steps name"`
	Faults []bine.Detail     `json:"faults,omitempty"`
}

// CheckPipeline checks the text of a pipeline (YAML or JSON) and stores nothing.
// Faults in the text are in the answer, not an error.
func (c *Client) CheckPipeline(ctx context.Context, p bine.ProjectName, text []byte) (Checked, error) {
	return call[Checked](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "pipelines", "check"}, body: text, mime: "application/yaml", safe: true})
}

// StorePipeline stores the text of a pipeline (YAML or JSON) as its next
// version. code is the directory artifact with the files that its steps name;
// empty keeps that of the version before. What is stored already, unchanged,
// answers the version that holds it. Faults are an Invalid error with details.
func (c *Client) StorePipeline(ctx context.Context, p bine.ProjectName, text []byte, code bine.Hash) (bine.PipelineVersion, error) {
	return call[bine.PipelineVersion](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "pipelines"},
		query: url.Values{"code": {string(code)}}, body: text, mime: "application/yaml", safe: true})
}

// Pipelines lists the pipelines of a project by name, each with its last run.
func (c *Client) Pipelines(ctx context.Context, p bine.ProjectName) ([]bine.Pipeline, error) {
	return get[[]bine.Pipeline](ctx, c, nil, "projects", string(p), "pipelines")
}

// Pipeline describes one pipeline.
func (c *Client) Pipeline(ctx context.Context, p bine.ProjectName, name bine.PipelineName) (bine.Pipeline, error) {
	return get[bine.Pipeline](ctx, c, nil, "projects", string(p), "pipelines", string(name))
}

// DeletePipeline removes a pipeline that has no run in progress, with its versions and runs.
func (c *Client) DeletePipeline(ctx context.Context, p bine.ProjectName, name bine.PipelineName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "pipelines", string(name))
}

// PipelineVersions lists the versions of a pipeline, newest first.
func (c *Client) PipelineVersions(ctx context.Context, p bine.ProjectName, name bine.PipelineName) ([]bine.PipelineVersion, error) {
	return get[[]bine.PipelineVersion](ctx, c, nil, "projects", string(p), "pipelines", string(name), "versions")
}

// PipelineVersion describes one version; 0 is the newest.
func (c *Client) PipelineVersion(ctx context.Context, p bine.ProjectName, name bine.PipelineName, version int) (bine.PipelineVersion, error) {
	return get[bine.PipelineVersion](ctx, c, nil, "projects", string(p), "pipelines", string(name), "versions", strconv.Itoa(version))
}

// NewRun is the body of POST runs and executions.
type NewRun struct {
	Params  map[string]json.RawMessage `json:"params,omitempty" doc:"those that differ from their defaults"`
	Version int                        `json:"version,omitempty" doc:"0 is the newest"`
	Key     string                     `json:"key,omitempty" maxLength:"200" doc:"idempotency key: the same key answers the same run. The header Idempotency-Key says the same"`
	NoCache bool                       `json:"no_cache,omitempty" doc:"run every step, whatever the cache holds"`
}

// StartRun starts a run and answers at once.
func (c *Client) StartRun(ctx context.Context, p bine.ProjectName, name bine.PipelineName, body NewRun) (bine.Run, error) {
	return call[bine.Run](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "pipelines", string(name), "runs"}, body: body, safe: body.Key != ""})
}

// NewJob is the body of POST jobs: a program with settings that can be run on
// its own. It is stored as a pipeline with one step, named main.
type NewJob struct {
	Name        bine.PipelineName `json:"name"`
	Description string            `json:"description,omitempty"`
	Python      string            `json:"python,omitempty" doc:"file in the code, or a program"`
	Command     []string          `json:"command,omitempty"`
	Params      json.RawMessage   `json:"params,omitempty" doc:"as in a pipeline: {name: {type, default}}; the program finds them among its parameters"`
	Resources   *bine.Resources   `json:"resources,omitempty"`
	Environment int               `json:"environment,omitempty"`
	Timeout     float64           `json:"timeout_seconds,omitempty"`
	Code        bine.Hash         `json:"code,omitempty"`
}

// Jobs lists the stored jobs.
func (c *Client) Jobs(ctx context.Context, p bine.ProjectName) ([]bine.Pipeline, error) {
	return get[[]bine.Pipeline](ctx, c, nil, "projects", string(p), "jobs")
}

// StoreJob stores a job as its next version.
func (c *Client) StoreJob(ctx context.Context, p bine.ProjectName, body NewJob) (bine.PipelineVersion, error) {
	return post[bine.PipelineVersion](ctx, c, body, "projects", string(p), "jobs")
}

// Job describes one job.
func (c *Client) Job(ctx context.Context, p bine.ProjectName, name bine.PipelineName) (bine.Pipeline, error) {
	return get[bine.Pipeline](ctx, c, nil, "projects", string(p), "jobs", string(name))
}

// DeleteJob removes a job with its executions.
func (c *Client) DeleteJob(ctx context.Context, p bine.ProjectName, name bine.PipelineName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "jobs", string(name))
}

// StartExecution runs a job. The answer is a run: follow it as one.
func (c *Client) StartExecution(ctx context.Context, p bine.ProjectName, name bine.PipelineName, body NewRun) (bine.Run, error) {
	return call[bine.Run](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "jobs", string(name), "executions"}, body: body, safe: body.Key != ""})
}

// RunFilter chooses runs.
type RunFilter struct {
	Pipeline bine.PipelineName
	State    bine.State
	Kind     bine.PipelineKind // empty: pipelines and jobs
	Schedule bine.ScheduleName // empty: whoever started them
}

// Runs lists the runs of a project, newest first.
func (c *Client) Runs(ctx context.Context, p bine.ProjectName, f RunFilter, l List) (Page[bine.Run], error) {
	q := l.query()
	for name, value := range map[string]string{"pipeline": string(f.Pipeline), "state": string(f.State), "kind": string(f.Kind), "schedule": string(f.Schedule)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return get[Page[bine.Run]](ctx, c, q, "projects", string(p), "runs")
}

// Run describes one run.
func (c *Client) Run(ctx context.Context, p bine.ProjectName, run bine.RunID) (bine.Run, error) {
	return get[bine.Run](ctx, c, nil, "projects", string(p), "runs", string(run))
}

// DeleteRun removes a run that has ended, with its steps and logs.
func (c *Client) DeleteRun(ctx context.Context, p bine.ProjectName, run bine.RunID) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "runs", string(run))
}

// CancelRun asks a run to stop. Its processes are ended first asking, then by force.
func (c *Client) CancelRun(ctx context.Context, p bine.ProjectName, run bine.RunID) (bine.Run, error) {
	return post[bine.Run](ctx, c, nil, "projects", string(p), "runs", string(run), "cancel")
}

// RetryRun continues a run that has ended: steps that succeeded keep their
// outputs. Of a run that succeeded all is run again, as far as the cache does not
// hold it. Asked twice, it answers the same run.
func (c *Client) RetryRun(ctx context.Context, p bine.ProjectName, run bine.RunID) (bine.Run, error) {
	return call[bine.Run](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "runs", string(run), "retry"}, safe: true})
}

// Steps lists the steps of a run in the order of the graph, without items of fan-outs.
func (c *Client) Steps(ctx context.Context, p bine.ProjectName, run bine.RunID) ([]bine.Step, error) {
	return get[[]bine.Step](ctx, c, nil, "projects", string(p), "runs", string(run), "steps")
}

// Items lists the items of a fan-out, failures first, then by key.
func (c *Client) Items(ctx context.Context, p bine.ProjectName, run bine.RunID, step bine.StepName, l List) (Page[bine.Step], error) {
	return get[Page[bine.Step]](ctx, c, l.query(), "projects", string(p), "runs", string(run), "steps", string(step), "items")
}

// Item describes one item of a fan-out by its key.
func (c *Client) Item(ctx context.Context, p bine.ProjectName, run bine.RunID, step bine.StepName, key string) (bine.Step, error) {
	return get[bine.Step](ctx, c, nil, "projects", string(p), "runs", string(run), "steps", string(step), "items", key)
}

// StepRef names a step of a run, or one item of it, or one attempt of that.
type StepRef struct {
	Step    bine.StepName
	Item    string
	Attempt int // 0 is the newest
}

func (r StepRef) query() url.Values {
	q := url.Values{"step": {string(r.Step)}}
	if r.Item != "" {
		q.Set("item", r.Item)
	}
	if r.Attempt > 0 {
		q.Set("attempt", strconv.Itoa(r.Attempt))
	}
	return q
}

// Attempts lists the tries of a step, oldest first.
func (c *Client) Attempts(ctx context.Context, p bine.ProjectName, run bine.RunID, ref StepRef) ([]bine.Attempt, error) {
	return get[[]bine.Attempt](ctx, c, ref.query(), "projects", string(p), "runs", string(run), "attempts")
}

// Metrics lists what a step reported, in order.
func (c *Client) Metrics(ctx context.Context, p bine.ProjectName, run bine.RunID, ref StepRef) ([]bine.Metric, error) {
	return get[[]bine.Metric](ctx, c, ref.query(), "projects", string(p), "runs", string(run), "metrics")
}

// Logs opens the log of a step's attempt from offset on, as plain text. With
// follow the body ends when the attempt has ended and all of its log was sent.
func (c *Client) Logs(ctx context.Context, p bine.ProjectName, run bine.RunID, ref StepRef, offset int64, follow bool) (io.ReadCloser, error) {
	q := ref.query()
	q.Set("offset", strconv.FormatInt(offset, 10))
	q.Set("follow", strconv.FormatBool(follow))
	return c.stream(ctx, request{method: http.MethodGet, path: []string{"projects", string(p), "runs", string(run), "logs"}, query: q, safe: true})
}

// RunHistory gives the workflow history of a run.
func (c *Client) RunHistory(ctx context.Context, p bine.ProjectName, run bine.RunID) (History, error) {
	return get[History](ctx, c, nil, "projects", string(p), "runs", string(run), "history")
}

// Follow calls on for every change of a run until it has ended, and answers the
// run as it ended. It outlives restarts of the server for as long as
// Options.Patience says.
func (c *Client) Follow(ctx context.Context, p bine.ProjectName, run bine.RunID, on func(bine.Run, []bine.Step)) (bine.Run, error) {
	const longest = 500 * time.Millisecond
	var seen string
	for wait := 20 * time.Millisecond; ; wait = min(wait*3/2, longest) {
		now, err := c.Run(ctx, p, run)
		if err != nil {
			return now, err
		}
		steps, err := c.Steps(ctx, p, run)
		if err != nil {
			return now, err
		}
		if text, _ := json.Marshal(struct {
			R bine.Run
			S []bine.Step
		}{now, steps}); string(text) != seen && on != nil {
			seen, wait = string(text), 20*time.Millisecond
			on(now, steps)
		}
		if now.State.Ended() {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(wait):
		}
	}
}
