package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// SweepChange is the body of POST changes: what somebody wants of a sweep that
// goes on.
type SweepChange struct {
	Do       string          `json:"do" enum:"pause,resume,stop,extend,parallel,add"`
	Trials   int             `json:"trials,omitempty" minimum:"0" doc:"extend: more trials that may begin"`
	Budget   int64           `json:"budget,omitempty" minimum:"0" doc:"extend: more resource in all"`
	Failures int             `json:"failures,omitempty" minimum:"0" doc:"extend: more trials that may fail"`
	Parallel int             `json:"parallel,omitempty" minimum:"0" doc:"parallel: trials at a time"`
	Config   json.RawMessage `json:"config,omitempty" doc:"add: a configuration, as an object"`
	Key      string          `json:"key,omitempty" maxLength:"100" doc:"idempotency key"`
}

func sweepPath(r bine.SweepRef, more ...string) []string {
	return append([]string{"projects", string(r.Project), "runs", string(r.Run), "sweeps", string(r.Step)}, more...)
}

// Sweeps lists the sweeps of a project, newest first.
func (c *Client) Sweeps(ctx context.Context, p bine.ProjectName, l List) (Page[bine.Sweep], error) {
	return get[Page[bine.Sweep]](ctx, c, l.query(), "projects", string(p), "sweeps")
}

// Sweep describes one.
func (c *Client) Sweep(ctx context.Context, r bine.SweepRef) (bine.Sweep, error) {
	return get[bine.Sweep](ctx, c, nil, sweepPath(r)...)
}

// Trials lists trials of a sweep, by number or the best first; an empty state is all of them.
func (c *Client) Trials(ctx context.Context, r bine.SweepRef, state bine.TrialState, best bool, l List) (Page[bine.SweepTrial], error) {
	q := l.query()
	if q == nil {
		q = url.Values{}
	}
	if state != "" {
		q.Set("state", string(state))
	}
	if best {
		q.Set("order", "best")
	}
	return get[Page[bine.SweepTrial]](ctx, c, q, sweepPath(r, "trials")...)
}

// SweepDecisions lists what a sweep decided, in order; of one trial where that is not 0.
func (c *Client) SweepDecisions(ctx context.Context, r bine.SweepRef, trial int, l List) (Page[bine.SweepDecision], error) {
	q := l.query()
	if q == nil {
		q = url.Values{}
	}
	if trial != 0 {
		q.Set("trial", strconv.Itoa(trial))
	}
	return get[Page[bine.SweepDecision]](ctx, c, q, sweepPath(r, "decisions")...)
}

// SweepEvents lists what happened to a sweep, in order.
func (c *Client) SweepEvents(ctx context.Context, r bine.SweepRef, l List) (Page[bine.SweepEvent], error) {
	return get[Page[bine.SweepEvent]](ctx, c, l.query(), sweepPath(r, "events")...)
}

// ChangeSweep pauses, resumes, stops or extends a sweep, changes how many trials
// run at once, or adds a configuration.
func (c *Client) ChangeSweep(ctx context.Context, r bine.SweepRef, change SweepChange) (bine.Sweep, error) {
	return call[bine.Sweep](ctx, c, request{method: http.MethodPost, path: sweepPath(r, "changes"), body: change, safe: change.Key != ""})
}

// TrialReport is the body of POST trial-reports.
type TrialReport struct {
	At      int64                  `json:"at" minimum:"0" doc:"resource that was reached, counted as the sweep counts it"`
	Metrics map[string]bine.Number `json:"metrics" doc:"by name"`
}
