package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/workflows"
)

// backfillRoutes are those of runs for many planned times or partitions of the past.
func (a *API) backfillRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	run := auth.Access{Role: bine.DataScientist, Scopes: runs}
	const all, one = "projects/{project}/backfills", "projects/{project}/backfills/{backfill}"
	add(a, route{id: "start-backfill", method: http.MethodPost, path: "projects/{project}/pipelines/{pipeline}/backfills", tag: "backfills",
		summary: "Run a pipeline for many planned times or partitions; with dry_run say only what would be run", access: run, status: http.StatusCreated}, a.startBackfill)
	add(a, route{id: "list-backfills", method: http.MethodGet, path: all, tag: "backfills", summary: "The backfills, newest first", access: see}, a.backfills)
	add(a, route{id: "describe-backfill", method: http.MethodGet, path: one, tag: "backfills", summary: "One backfill", access: see}, a.backfill)
	add(a, route{id: "list-slots", method: http.MethodGet, path: one + "/slots", tag: "backfills", summary: "The planned times or partitions of a backfill in its order, each with its run", access: see}, a.backfillSlots)
	add(a, route{id: "pause-backfill", method: http.MethodPost, path: one + "/pause", tag: "backfills", summary: "Start no further runs; those that go on end", access: run}, a.pauseBackfill)
	add(a, route{id: "resume-backfill", method: http.MethodPost, path: one + "/resume", tag: "backfills", summary: "Go on with a paused backfill", access: run}, a.resumeBackfill)
	add(a, route{id: "cancel-backfill", method: http.MethodPost, path: one + "/cancel", tag: "backfills", summary: "Cancel the runs that go on, and start no others", access: run}, a.cancelBackfill)
}

// InBackfill names a backfill in the path.
type InBackfill struct {
	InProject
	Backfill bine.BackfillID `path:"backfill" doc:"id of the backfill"`
}

// backfillKeys keeps the idempotency keys of requests apart from others.
const backfillKeys = requestKeys

func (a *API) startBackfill(ctx context.Context, in *struct {
	InPipeline
	Body client.NewBackfill
}) (*body[client.BackfillPlan], error) {
	key := ""
	if in.Body.Key != "" && !in.Body.DryRun {
		key = backfillKeys + in.Body.Key
	}
	old, found, err := a.Store.BackfillOfKey(ctx, in.Project, key)
	if err != nil || found && old.Pipeline == in.Pipeline {
		return a.startedBackfill(ctx, old, err)
	}
	b, slots, err := a.planBackfill(ctx, in.Project, in.Pipeline, in.Body)
	if err != nil {
		return nil, err
	}
	if in.Body.DryRun {
		b.Slots = map[bine.State]int{}
		for _, s := range slots {
			b.Slots[s.State]++
		}
		return answer(client.BackfillPlan{Backfill: b, All: slots}, nil)
	}
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	made, _, err := a.Store.AcceptBackfill(ctx, b, slots, key)
	return a.startedBackfill(ctx, made, err)
}

// startedBackfill answers a backfill that is written down, and starts it. Where
// it cannot be started now, the reconciler does it.
func (a *API) startedBackfill(ctx context.Context, b bine.Backfill, err error) (*body[client.BackfillPlan], error) {
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/backfills/%s", b.Project, b.ID))
	if !b.State.Ended() {
		a.launched(ctx, a.Launcher.StartBackfill(ctx, b.Project, b.ID))
	}
	slots, _, err := a.Store.BackfillSlots(ctx, b.Project, b.ID, "", mostSlots)
	if slots == nil {
		slots = []bine.BackfillSlot{}
	}
	return answer(client.BackfillPlan{Backfill: b, All: slots}, err)
}

func (a *API) backfills(ctx context.Context, in *struct {
	InProject
	InPage
	Pipeline bine.PipelineName `query:"pipeline" doc:"only those of this pipeline"`
}) (*body[client.Page[bine.Backfill]], error) {
	return page(a.Store.Backfills(ctx, in.Project, in.Pipeline, in.After, in.Limit))
}

func (a *API) backfill(ctx context.Context, in *InBackfill) (*body[bine.Backfill], error) {
	return answer(a.Store.Backfill(ctx, in.Project, in.Backfill))
}

func (a *API) backfillSlots(ctx context.Context, in *struct {
	InBackfill
	InPage
}) (*body[client.Page[bine.BackfillSlot]], error) {
	if _, err := a.Store.Backfill(ctx, in.Project, in.Backfill); err != nil {
		return nil, err
	}
	return page(a.Store.BackfillSlots(ctx, in.Project, in.Backfill, in.After, in.Limit))
}

func (a *API) pauseBackfill(ctx context.Context, in *InBackfill) (*body[bine.Backfill], error) {
	return a.moveBackfill(ctx, in, bine.BackfillPaused, "paused by %s", bine.BackfillRunning)
}

func (a *API) resumeBackfill(ctx context.Context, in *InBackfill) (*body[bine.Backfill], error) {
	return a.moveBackfill(ctx, in, bine.BackfillRunning, "", bine.BackfillPaused)
}

func (a *API) cancelBackfill(ctx context.Context, in *InBackfill) (*body[bine.Backfill], error) {
	b, err := a.Store.Backfill(ctx, in.Project, in.Backfill)
	if err != nil || b.State.Ended() {
		return answer(b, err)
	}
	return a.moveBackfill(ctx, in, bine.BackfillCancelling, "cancelled by %s", bine.BackfillRunning, bine.BackfillPaused)
}

// moveBackfill changes a backfill and wakes its workflow, which is started
// where it is not there.
func (a *API) moveBackfill(ctx context.Context, in *InBackfill, to bine.BackfillState, reason string, from ...bine.BackfillState) (*body[bine.Backfill], error) {
	if reason != "" {
		reason = fmt.Sprintf(reason, callOf(ctx).User)
	}
	if err := a.Store.MoveBackfill(ctx, in.Project, in.Backfill, from, to, reason); err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.StartBackfill(ctx, in.Project, in.Backfill))
	a.launched(ctx, a.Launcher.Wake(ctx, workflows.BackfillWorkflowID(in.Project, in.Backfill)))
	return a.backfill(ctx, in)
}
