package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bine-ml/bine"
)

// RenderRun is the body of POST pipelines/{pipeline}/render.
type RenderRun struct {
	Params  map[string]json.RawMessage `json:"params,omitempty" doc:"those that differ from their defaults"`
	Version int                        `json:"version,omitempty" minimum:"0" doc:"0 is the newest"`
}

// Rendered is what a run of a pipeline with some params would do, as far as
// that is known before it starts.
type Rendered struct {
	Pipeline bine.PipelineName `json:"pipeline"`
	Version  int               `json:"version,omitempty"`
	Params   json.RawMessage   `json:"params" doc:"all of them, with defaults"`
	Steps    []RenderedStep    `json:"steps" doc:"each after those that it needs"`
}

// RenderedStep is one step of it; its fields are those of dags.RenderedStep.
type RenderedStep struct {
	Step   bine.StepName   `json:"step"`
	Phase  string          `json:"phase,omitempty" doc:"on_failure or finally; empty for the main part"`
	Kind   string          `json:"kind"`
	Needs  []bine.StepName `json:"needs,omitempty"`
	Runs   string          `json:"runs" doc:"yes, no, or what decides"`
	Known  bool            `json:"known" doc:"whether everything that follows is; else it depends on steps before, or is different for each item"`
	Items  *int            `json:"items,omitempty" doc:"of a fan-out over a list that is known"`
	Keys   []string        `json:"keys,omitempty" doc:"of the first items"`
	With   json.RawMessage `json:"with,omitempty" doc:"evaluated as far as it is known"`
	Action json.RawMessage `json:"action,omitempty" doc:"what the step does, evaluated as far as it is known"`
	Fault  string          `json:"fault,omitempty" doc:"why it would fail, where that is known already"`
}

// RenderPipeline says what a run with params would do; it starts none.
func (c *Client) RenderPipeline(ctx context.Context, p bine.ProjectName, name bine.PipelineName, body RenderRun) (Rendered, error) {
	return call[Rendered](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "pipelines", string(name), "render"}, body: body, safe: true})
}
