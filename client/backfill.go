package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bine-ml/bine"
)

// NewBackfill is the body of POST backfills. It names either planned times, by
// From and To, or Partitions and the Param that gets each of them.
type NewBackfill struct {
	Version    int                        `json:"version,omitempty" doc:"0 is the newest"`
	Mode       bine.BackfillMode          `json:"mode,omitempty" doc:"all, missing (if absent) or failed"`
	Order      string                     `json:"order,omitempty" doc:"oldest (if absent) or newest first"`
	Cap        int                        `json:"cap,omitempty" doc:"runs at a time; 1 if absent"`
	From       *time.Time                 `json:"from,omitempty"`
	To         *time.Time                 `json:"to,omitempty" doc:"not included"`
	Cron       string                     `json:"cron,omitempty" doc:"the pipeline's schedule if absent"`
	TimeZone   string                     `json:"time_zone,omitempty"`
	Partitions []string                   `json:"partitions,omitempty"`
	Param      string                     `json:"param,omitempty"`
	Params     map[string]json.RawMessage `json:"params,omitempty"`
	Key        string                     `json:"key,omitempty" maxLength:"200" doc:"idempotency key"`
	DryRun     bool                       `json:"dry_run,omitempty" doc:"answers what would be run, and makes nothing"`
}

// BackfillPlan answers POST backfills: the backfill, without an id after a dry
// run, and its slots as they stand.
type BackfillPlan struct {
	bine.Backfill
	All []bine.BackfillSlot `json:"all"`
}

// StartBackfill makes a backfill and starts it.
func (c *Client) StartBackfill(ctx context.Context, p bine.ProjectName, name bine.PipelineName, body NewBackfill) (BackfillPlan, error) {
	return call[BackfillPlan](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "pipelines", string(name), "backfills"}, body: body, safe: body.Key != "" || body.DryRun})
}

// Backfills lists the backfills of a project, newest first; an empty pipeline is all of them.
func (c *Client) Backfills(ctx context.Context, p bine.ProjectName, name bine.PipelineName, l List) (Page[bine.Backfill], error) {
	q := l.query()
	if name != "" {
		q.Set("pipeline", string(name))
	}
	return get[Page[bine.Backfill]](ctx, c, q, "projects", string(p), "backfills")
}

// Backfill describes one.
func (c *Client) Backfill(ctx context.Context, p bine.ProjectName, id bine.BackfillID) (bine.Backfill, error) {
	return get[bine.Backfill](ctx, c, nil, "projects", string(p), "backfills", string(id))
}

// BackfillSlots lists the slots of a backfill in its order.
func (c *Client) BackfillSlots(ctx context.Context, p bine.ProjectName, id bine.BackfillID, l List) (Page[bine.BackfillSlot], error) {
	return get[Page[bine.BackfillSlot]](ctx, c, l.query(), "projects", string(p), "backfills", string(id), "slots")
}

// PauseBackfill starts no further runs; those that go on end.
func (c *Client) PauseBackfill(ctx context.Context, p bine.ProjectName, id bine.BackfillID) (bine.Backfill, error) {
	return post[bine.Backfill](ctx, c, nil, "projects", string(p), "backfills", string(id), "pause")
}

// ResumeBackfill goes on with a paused backfill.
func (c *Client) ResumeBackfill(ctx context.Context, p bine.ProjectName, id bine.BackfillID) (bine.Backfill, error) {
	return post[bine.Backfill](ctx, c, nil, "projects", string(p), "backfills", string(id), "resume")
}

// CancelBackfill cancels the runs that go on, and starts no others.
func (c *Client) CancelBackfill(ctx context.Context, p bine.ProjectName, id bine.BackfillID) (bine.Backfill, error) {
	return post[bine.Backfill](ctx, c, nil, "projects", string(p), "backfills", string(id), "cancel")
}
