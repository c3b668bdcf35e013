package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/workflows"
)

// Backfills is the engine of backfills.
type Backfills struct{ *Engine }

// How soon a backfill is looked at again by itself, in seconds: the end of
// each of its runs is signalled, so this is for signals that were lost. One
// that is being cancelled is looked at sooner, because a run whose workflow was
// only just starting has to be cancelled again. At most so many runs are started
// in one go, so that no activity takes long.
const (
	advanceAgain = 120.0
	cancelAgain  = 5.0
	moreAgain    = 0.1
	startsAtOnce = 50
)

// Advance sees how the runs of a backfill ended, and starts or cancels as many
// as its state and cap say.
func (b Backfills) Advance(ctx context.Context, in activities.BackfillRef) (activities.Advanced, error) {
	row, err := b.store.Backfill(ctx, in.Project, in.Backfill)
	if err != nil || row.State.Ended() {
		return activities.Advanced{State: row.State}, err
	}
	going, err := b.seeEnds(ctx, row)
	if err != nil {
		return activities.Advanced{}, err
	}
	switch row.State {
	case bine.BackfillCancelling:
		return b.cancelAll(ctx, row, going)
	case bine.BackfillRunning:
		return b.startNext(ctx, row, len(going))
	}
	return activities.Advanced{State: row.State, Again: advanceAgain}, nil
}

// seeEnds writes down how runs ended, and gives the slots whose runs go on.
func (b Backfills) seeEnds(ctx context.Context, row bine.Backfill) (going []store.SlotAt, err error) {
	slots, err := b.store.GoingSlots(ctx, row.Project, row.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range slots {
		if s.Gone {
			s.State, s.Reason = bine.Cancelled, "its run was removed"
		}
		if !s.State.Ended() {
			going = append(going, s)
			continue
		}
		if err := b.store.EndSlot(ctx, row.Project, row.ID, s.Position, s.State, s.Reason); err != nil {
			return nil, err
		}
	}
	return going, nil
}

// cancelAll cancels what goes on. The backfill is cancelled when nothing does.
func (b Backfills) cancelAll(ctx context.Context, row bine.Backfill, going []store.SlotAt) (activities.Advanced, error) {
	if err := b.store.EndPendingSlots(ctx, row.Project, row.ID, bine.Cancelled, "the backfill was cancelled"); err != nil {
		return activities.Advanced{}, err
	}
	if len(going) == 0 {
		return b.end(ctx, row, bine.BackfillCancelled, row.Reason)
	}
	var faults []error
	for _, s := range going {
		faults = append(faults, b.launcher.CancelRun(ctx, row.Project, s.Run))
	}
	return activities.Advanced{State: bine.BackfillCancelling, Again: cancelAgain}, errors.Join(faults...)
}

// startNext starts runs up to the cap. The backfill ends when none goes on and none is left.
func (b Backfills) startNext(ctx context.Context, row bine.Backfill, going int) (activities.Advanced, error) {
	dag, err := b.backfillDAG(ctx, row)
	if err != nil {
		return activities.Advanced{}, err
	}
	for range startsAtOnce {
		run, found, err := b.startSlot(ctx, row, dag)
		if err != nil {
			return activities.Advanced{}, err
		}
		if !found {
			return b.stand(ctx, row, going)
		}
		if run != "" {
			going++
		}
	}
	return activities.Advanced{State: bine.BackfillRunning, Again: moreAgain}, nil
}

// stand ends a backfill that has started all that it may now if none of it goes on.
func (b Backfills) stand(ctx context.Context, row bine.Backfill, going int) (activities.Advanced, error) {
	if going > 0 {
		return activities.Advanced{State: bine.BackfillRunning, Again: advanceAgain}, nil
	}
	row, err := b.store.Backfill(ctx, row.Project, row.ID)
	if err != nil || row.State.Ended() {
		return activities.Advanced{State: row.State}, err
	}
	if row.State != bine.BackfillRunning || row.Slots[bine.Pending] > 0 {
		return activities.Advanced{State: row.State, Again: cancelAgain}, nil // it was changed meanwhile
	}
	bad, all := 0, 0
	for state, n := range row.Slots {
		all += n
		if !state.OK() && state != bine.Skipped {
			bad += n
		}
	}
	if bad > 0 {
		return b.end(ctx, row, bine.BackfillFailedEnd, fmt.Sprintf("%d of %d runs did not succeed", bad, all-row.Slots[bine.Skipped]))
	}
	return b.end(ctx, row, bine.BackfillSucceeded, "")
}

func (b Backfills) end(ctx context.Context, row bine.Backfill, to bine.BackfillState, reason string) (activities.Advanced, error) {
	err := b.store.MoveBackfill(ctx, row.Project, row.ID, []bine.BackfillState{row.State}, to, reason)
	if bine.IsKind(err, bine.Conflict) { // it was paused or cancelled just now
		return activities.Advanced{State: row.State, Again: cancelAgain}, nil
	}
	return activities.Advanced{State: to}, err
}

func (b Backfills) backfillDAG(ctx context.Context, row bine.Backfill) (dags.DAG, error) {
	version, err := b.store.PipelineVersion(ctx, row.Project, row.Pipeline, row.Version)
	if err != nil {
		return dags.DAG{}, err
	}
	return dags.Decode(version.DAG)
}

// startSlot accepts the run of the next slot and starts it. A slot whose params
// do not fit fails without one, which is not the others' fault.
func (b Backfills) startSlot(ctx context.Context, row bine.Backfill, dag dags.DAG) (id bine.RunID, found bool, err error) {
	var run bine.Run
	err = b.together(ctx, func(ctx context.Context) error {
		run = bine.Run{}
		var slot store.SlotAt
		var err error
		if slot, found, err = b.store.NextSlot(ctx, row.Project, row.ID); err != nil || !found {
			return err
		}
		params, err := launch.SlotParams(dag, row, slot.Key)
		if err != nil {
			return b.store.EndSlot(ctx, row.Project, row.ID, slot.Position, bine.Failed, err.Error())
		}
		if run, err = b.acceptSlot(ctx, row, slot, params); err != nil {
			return err
		}
		return b.store.TakeSlot(ctx, row.Project, row.ID, slot.Position, run.ID)
	})
	if err != nil || run.ID == "" {
		return "", found, err
	}
	if err := b.launcher.StartRun(ctx, run); err != nil {
		b.log.WarnContext(ctx, "the run of a slot was not started; the reconciler does it", "run", run.ID, "project", run.Project, "error", err)
	}
	return run.ID, true, nil
}

func (b Backfills) acceptSlot(ctx context.Context, row bine.Backfill, slot store.SlotAt, params json.RawMessage) (bine.Run, error) {
	run, _, err := b.store.AcceptRun(ctx, row.Project, store.NewRun{
		Pipeline: row.Pipeline, Version: row.Version, Params: params, Backfill: row.ID, Tick: slot.Tick, By: row.CreatedBy,
		Key: fmt.Sprintf("backfill/%s/%s", row.ID, slot.Key),
	})
	return run, err
}

// stopBackfills lets no backfill of a project start another run.
func (e *Engine) stopBackfills(ctx context.Context, project bine.ProjectName) error {
	all, _, err := e.store.Backfills(ctx, project, "", "", stopAtOnce)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.State != bine.BackfillRunning && b.State != bine.BackfillPaused {
			continue
		}
		from := []bine.BackfillState{bine.BackfillRunning, bine.BackfillPaused}
		err := e.store.MoveBackfill(ctx, project, b.ID, from, bine.BackfillCancelling, "the project is being removed")
		if err != nil && !bine.IsKind(err, bine.Conflict) {
			return err
		}
		e.wakeBackfill(ctx, project, b.ID)
	}
	return nil
}

// wakeBackfill tells a backfill that one of its runs has ended, or that it was
// changed. A signal that is lost does no harm: it looks again by itself.
func (e *Engine) wakeBackfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID) {
	if err := e.launcher.Wake(ctx, workflows.BackfillWorkflowID(project, id)); err != nil {
		e.log.WarnContext(ctx, "a backfill was not woken; it looks again by itself", "backfill", id, "project", project, "error", err)
	}
}
