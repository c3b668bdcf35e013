package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dfs/lake"
)

// transferValue is under what the row of a step keeps the transfer that it has started.
const transferValue = "transfer"

// transferOf gives the transfer that a step has started, empty where it has none.
func transferOf(row bine.Step) (id bine.TransferID, err error) {
	kept, found := row.Values[transferValue]
	if !found || row.Kind != string(bine.Import) && row.Kind != string(bine.Export) {
		return "", nil
	}
	if err := json.Unmarshal(kept, &id); err != nil {
		return "", fmt.Errorf("read the transfer that %s has started: %w", row.Name, err)
	}
	return id, nil
}

// transfer starts the transfer that a step stands for, once, and looks how it goes.
func (a Awaits) transfer(ctx context.Context, w *waiting, want bine.Transfer) (activities.Awaited, error) {
	id, err := transferOf(w.row)
	if err != nil {
		return activities.Awaited{}, err
	}
	if id == "" {
		id, err = a.startTransfer(ctx, w, want)
		switch bine.KindOf(err) {
		case bine.Invalid, bine.NotFound, bine.Conflict, bine.Forbidden, bine.TooLarge:
			if err != nil {
				return a.refused(ctx, w, err.Error())
			}
		}
		if err != nil {
			return activities.Awaited{}, err
		}
	}
	t, err := a.store.Transfer(ctx, w.in.Project, id)
	switch {
	case bine.IsKind(err, bine.NotFound):
		return a.refused(ctx, w, fmt.Sprintf("transfer %s was removed", id))
	case err != nil:
		return activities.Awaited{}, err
	case t.State == bine.TransferSucceeded:
		return a.transferred(ctx, w, t)
	case t.State.Ended():
		return a.refused(ctx, w, strings.TrimSuffix(fmt.Sprintf("%s is %s: %s", t.ID, t.State, t.Reason), ": "))
	}
	again := min(turnLongest, max(turnFirst, time.Since(t.CreatedAt).Seconds()/10))
	return a.still(ctx, w, fmt.Sprintf("waits for %s", t.ID), again)
}

// startTransfer accepts the transfer of a step and starts it. The row of the step
// and that of the transfer are written together, so that there is one of them
// whatever is killed. Where it cannot be started now, the reconciler does that.
func (a Awaits) startTransfer(ctx context.Context, w *waiting, want bine.Transfer) (bine.TransferID, error) {
	want.Project, want.CreatedBy = w.in.Project, w.run.StartedBy
	want.Path, want.Files = strings.Trim(want.Path, "/"), strings.Trim(want.Files, "/")
	if err := lake.CheckTransfer(want); err != nil {
		return "", err
	}
	role, member, err := a.store.RoleOf(ctx, want.Project, want.CreatedBy)
	switch {
	case err != nil:
		return "", err
	case !member || !role.Includes(bine.DataOwner):
		return "", bine.Errorf(bine.Forbidden, "only Data Owners import and export, and %s, who started the run, is none", want.CreatedBy)
	}
	if _, err := a.store.Connector(ctx, want.Project, want.Connector); err != nil {
		return "", err
	}
	var made bine.Transfer
	err = a.together(ctx, func(ctx context.Context) error {
		var err error
		if made, _, err = a.store.AcceptTransfer(ctx, want, bine.SubRunKey(w.in.Run, w.in.Step, w.in.Item)); err != nil {
			return err
		}
		id, err := json.Marshal(made.ID)
		if err != nil {
			return err
		}
		w.row.State, w.row.Reason, w.row.Values = bine.Waiting, fmt.Sprintf("waits for %s", made.ID), map[string]json.RawMessage{transferValue: id}
		return a.store.PutStep(ctx, w.in.Project, w.row, w.place)
	})
	if err != nil {
		return "", err
	}
	if err := a.launcher.StartTransfer(ctx, want.Project, made.ID); err != nil {
		a.log.WarnContext(ctx, "the transfer of a step was not started; the reconciler does that", "transfer", made.ID, "project", want.Project, "error", err)
	}
	return made.ID, nil
}

// transferred ends a step whose transfer has succeeded.
func (a Awaits) transferred(ctx context.Context, w *waiting, t bine.Transfer) (activities.Awaited, error) {
	values := map[string]json.RawMessage{}
	for name, v := range map[string]any{transferValue: t.ID, "copied": t.Copied, "skipped": t.Skipped, "bytes": t.Bytes} {
		text, err := json.Marshal(v)
		if err != nil {
			return activities.Awaited{}, err
		}
		values[name] = text
	}
	return a.come(ctx, w, values)
}

// stopTransfer cancels the transfer of a step that is given up; what was copied stays.
func (a Awaits) stopTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID, by bine.RunID) error {
	err := a.store.MoveTransfer(ctx, project, id, []bine.TransferState{bine.TransferRunning}, bine.TransferCancelling, fmt.Sprintf("cancelled with %s", by))
	if bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.NotFound) { // it has ended, or is being cancelled
		return nil
	}
	if err != nil {
		return err
	}
	return a.launcher.StartTransfer(ctx, project, id)
}
