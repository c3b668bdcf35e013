package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// Continue is the body of POST continue: a new run that keeps the outputs of a
// run that has ended, as far as they still hold. Without From, what did not
// succeed runs, and what needs it.
type Continue struct {
	From    []bine.StepName            `json:"from,omitempty" doc:"steps that run again in any case, with all that needs them"`
	Version int                        `json:"version,omitempty" doc:"of the pipeline; 0 is that of the run"`
	Params  map[string]json.RawMessage `json:"params,omitempty" doc:"those that change; steps that read them run again"`
	Key     string                     `json:"key,omitempty" maxLength:"200" doc:"idempotency key"`
}

// PlanContinuation says what ContinueRun would do, and does nothing.
func (c *Client) PlanContinuation(ctx context.Context, p bine.ProjectName, run bine.RunID, body Continue) (bine.Continuation, error) {
	return call[bine.Continuation](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "runs", string(run), "continuation"}, body: body, safe: true})
}

// ContinueRun starts a run that goes on from one that has ended.
func (c *Client) ContinueRun(ctx context.Context, p bine.ProjectName, run bine.RunID, body Continue) (bine.Run, error) {
	return call[bine.Run](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "runs", string(run), "continue"}, body: body, safe: body.Key != ""})
}

// Compared is how two runs of a pipeline differ.
type Compared struct {
	Left   bine.Run     `json:"left"`
	Right  bine.Run     `json:"right"`
	Params []Difference `json:"params"`
	Steps  []StepChange `json:"steps" doc:"in the order of the right run's graph, then those that only the left has"`
	Diff   string       `json:"diff,omitempty" doc:"of the definitions, in unified form"`
}

// Difference is one thing that differs; absent where a side has none.
type Difference struct {
	Name  string          `json:"name"`
	Left  json.RawMessage `json:"left,omitempty"`
	Right json.RawMessage `json:"right,omitempty"`
}

// StepChange is how a step went in both runs.
type StepChange struct {
	Step    bine.StepName `json:"step"`
	Left    bine.State    `json:"left,omitempty"`
	Right   bine.State    `json:"right,omitempty"`
	Seconds [2]float64    `json:"seconds"`
	Values  []Difference  `json:"values,omitempty" doc:"values and metrics that differ"`
}

// CompareRuns says how a run differs from another run of the same pipeline.
func (c *Client) CompareRuns(ctx context.Context, p bine.ProjectName, left, right bine.RunID) (Compared, error) {
	return get[Compared](ctx, c, url.Values{"with": {string(left)}}, "projects", string(p), "runs", string(right), "comparison")
}

// VersionDiff is the difference of two versions of a pipeline.
type VersionDiff struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Diff string `json:"diff" doc:"of the texts and of the files of the steps, in unified form; empty where they are the same"`
}

// PipelineDiff gives the difference of two versions. From 0 is the version
// before to, and to 0 the newest.
func (c *Client) PipelineDiff(ctx context.Context, p bine.ProjectName, name bine.PipelineName, from, to int) (VersionDiff, error) {
	return get[VersionDiff](ctx, c, url.Values{"from": {strconv.Itoa(from)}, "to": {strconv.Itoa(to)}}, "projects", string(p), "pipelines", string(name), "diff")
}

// Triggers lists the triggers of a project; an empty pipeline is all of them.
func (c *Client) Triggers(ctx context.Context, p bine.ProjectName, name bine.PipelineName) ([]bine.Trigger, error) {
	q := url.Values{}
	if name != "" {
		q.Set("pipeline", string(name))
	}
	return get[[]bine.Trigger](ctx, c, q, "projects", string(p), "triggers")
}

// PauseTrigger stops a trigger or, with paused false, lets it go on from now.
func (c *Client) PauseTrigger(ctx context.Context, p bine.ProjectName, name bine.PipelineName, number int, paused bool) (bine.Trigger, error) {
	verb := "resume"
	if paused {
		verb = "pause"
	}
	return post[bine.Trigger](ctx, c, nil, "projects", string(p), "pipelines", string(name), "triggers", strconv.Itoa(number), verb)
}

// Notices lists the messages about a run and how their delivery went.
func (c *Client) Notices(ctx context.Context, p bine.ProjectName, run bine.RunID) ([]bine.Notice, error) {
	return get[[]bine.Notice](ctx, c, nil, "projects", string(p), "runs", string(run), "notices")
}
