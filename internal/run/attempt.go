package run

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

// Attempts is the part of the engine that keeps attempts and their leases.
type Attempts struct{ *Engine }

// Start writes an attempt's row and asks for its resources.
func (e Attempts) Start(ctx context.Context, in activities.StartAttemptInput) (activities.Granted, error) {
	process, err := e.processOf(ctx, in.Owner)
	if err == nil && in.Number > 1 {
		var left *bine.ArtifactRef
		if left, err = e.checkpoint(ctx, in.Owner); left != nil {
			process.Resume = left // a segment of a trial may have that of the one before
		}
	}
	if err != nil {
		return activities.Granted{}, err
	}
	out := activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number)}
	err = e.together(ctx, func(ctx context.Context) error {
		attempt, err := e.store.StartAttempt(ctx, in.Owner, in.Number, process)
		if err == nil && attempt.State.Ended() { // asked again, late: nobody would give back what it got
			err = bine.Errorf(bine.Fenced, "attempt %s has ended: it is %s", attempt.ID, attempt.State)
		}
		if err != nil {
			return err
		}
		grant, reason, err := e.ledger.Ask(ctx, lease.Request{
			Attempt: out.Attempt, Owner: in.Owner, Resources: process.Resources,
			Slots: process.Slots, Priority: process.Priority, Workflow: in.Workflow, Avoid: in.Avoid,
			Within: time.Duration(process.Timeout * float64(time.Second)), Yields: process.Yields,
		})
		if err != nil {
			return err
		}
		if out.Host = grant.Host; out.Host == "" {
			return e.waiting(ctx, in.Owner, reason)
		}
		out.Others = grant.Others
		return e.members(ctx, in, process, out)
	})
	if bine.IsKind(err, bine.NoQuota) { // nothing of it was written: the attempt is, so that it can end
		out.Host, out.Others, out.Refused = "", nil, err.Error()
		_, err = e.store.StartAttempt(ctx, in.Owner, in.Number, process)
	}
	return out, err
}

// checkpoint is what the attempt before left to go on from, if anything.
func (e Attempts) checkpoint(ctx context.Context, owner bine.Owner) (*bine.ArtifactRef, error) {
	if owner.Kind != bine.OwnerRun || isBatch(owner.Item) {
		return nil, nil
	}
	row, err := e.store.Step(ctx, owner.Project, store.StepRef{Run: bine.RunID(owner.Name), Step: owner.Step, Item: owner.Item})
	if ref, left := row.Artifacts[bine.CheckpointName]; err == nil && left && ref.Kind == bine.ArtifactDir {
		return &ref, nil
	}
	return nil, err
}

// members notes where an attempt's process has its resources, and makes the
// attempts of the other processes of its gang. Only the first one gives outputs.
func (e Attempts) members(ctx context.Context, in activities.StartAttemptInput, process bine.Process, granted activities.Granted) error {
	if err := e.store.AttemptHost(ctx, granted.Attempt, granted.Host); err != nil {
		return err
	}
	for i, host := range granted.Others {
		member := process
		member.Owner, member.Outputs, member.Keep, member.Slots = in.Owner.Member(i+1), nil, nil, nil
		id := granted.Attempt.Member(i + 1)
		if err := e.store.StartMember(ctx, id, in.Number, member); err != nil {
			return err
		}
		if err := e.store.AttemptHost(ctx, id, host); err != nil {
			return err
		}
	}
	return nil
}

// waiting shows on a step's row what it waits for.
func (e Attempts) waiting(ctx context.Context, owner bine.Owner, reason string) error {
	if owner.Kind != bine.OwnerRun || isBatch(owner.Item) {
		return nil
	}
	ref := store.StepRef{Run: bine.RunID(owner.Name), Step: owner.Step, Item: owner.Item}
	return e.store.MoveStep(ctx, owner.Project, ref, unfinished(), bine.Waiting, reason)
}

// End ends an attempt that its host did not end, and gives back what it has:
// its resources and, of a model server, the route to it. Devices stay taken
// until no process is on them any more.
func (e Attempts) End(ctx context.Context, id bine.AttemptID, end activities.Outcome) (activities.Outcome, error) {
	_, err := e.store.EndAttempt(ctx, id, bine.AttemptResult{State: end.State, Failure: end.Failure, Reason: end.Reason})
	switch {
	case bine.IsKind(err, bine.NotFound): // it never had a row, or its project is gone
	case bine.IsKind(err, bine.Fenced):
		attempt, err := e.store.Attempt(ctx, id)
		if err != nil {
			return end, err
		}
		end = activities.Outcome{State: attempt.State, Failure: attempt.Failure, Reason: attempt.Reason}
	case err != nil:
		return end, err
	}
	if err := e.unroute(ctx, id); err != nil {
		return end, err
	}
	granted, err := e.ledger.Leave(ctx, id)
	if err != nil {
		return end, err
	}
	e.tell(ctx, granted)
	return end, nil
}

// unroute takes the route of a deployment from a server that ended.
func (e Attempts) unroute(ctx context.Context, id bine.AttemptID) error {
	attempt, err := e.store.Attempt(ctx, id)
	if err == nil && attempt.Owner.Kind == bine.OwnerDeployment {
		var name bine.DeploymentName
		if name, _, err = attempt.Owner.Server(); err == nil {
			err = e.store.ClearServing(ctx, attempt.Owner.Project, name, id)
		}
	}
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// processOf says what the process of an owner is.
func (e Attempts) processOf(ctx context.Context, owner bine.Owner) (bine.Process, error) {
	if owner.Kind == bine.OwnerDeployment {
		return e.server(ctx, owner)
	}
	if isBatch(owner.Item) {
		return e.batch(ctx, owner)
	}
	return e.store.Process(ctx, owner.Project, store.StepRef{Run: bine.RunID(owner.Name), Step: owner.Step, Item: owner.Item})
}

// batchMark begins the key of a batch; the key of its first item follows.
const batchMark = "batch@"

func isBatch(item string) bool { return strings.HasPrefix(item, batchMark) }

// batch makes one process of those items of a batch that have not ended, so
// that an attempt after a failed one does only what is left.
func (e Attempts) batch(ctx context.Context, owner bine.Owner) (bine.Process, error) {
	run, err := e.store.Run(ctx, owner.Project, bine.RunID(owner.Name))
	if err != nil {
		return bine.Process{}, err
	}
	dag, err := e.dag(ctx, run)
	if err != nil {
		return bine.Process{}, err
	}
	step, found := dag.Step(owner.Step)
	if !found || step.Foreach == nil {
		return bine.Process{}, bine.Errorf(bine.NotFound, "run %s has no batch %s of step %s", run.ID, owner.Item, owner.Step)
	}
	row, err := e.store.Step(ctx, owner.Project, store.StepRef{Run: run.ID, Step: owner.Step})
	if err != nil {
		return bine.Process{}, err
	}
	keys, err := e.store.ItemKeys(ctx, owner.Project, run.ID, owner.Step, 0, row.Items)
	if err != nil {
		return bine.Process{}, err
	}
	from := slices.Index(keys, strings.TrimPrefix(owner.Item, batchMark))
	if from < 0 {
		return bine.Process{}, bine.Errorf(bine.NotFound, "run %s has no batch %s of step %s", run.ID, owner.Item, owner.Step)
	}
	return e.merge(ctx, owner, run.ID, keys[from:min(len(keys), from+max(1, step.Foreach.Batch))])
}

func (e Attempts) merge(ctx context.Context, owner bine.Owner, run bine.RunID, keys []string) (bine.Process, error) {
	var batch bine.Process
	for _, key := range keys {
		ref := store.StepRef{Run: run, Step: owner.Step, Item: key}
		row, err := e.store.Step(ctx, owner.Project, ref)
		if err != nil {
			return batch, err
		}
		if row.State.Ended() {
			continue
		}
		one, err := e.store.Process(ctx, owner.Project, ref)
		if err != nil {
			return batch, err
		}
		if len(batch.Batch) == 0 {
			batch = one
			batch.With, batch.Item, batch.Owner = nil, nil, owner
		}
		batch.Slots = mergeSlots(append(batch.Slots, one.Slots...))
		batch.Batch = append(batch.Batch, bine.BatchItem{Key: key, With: one.With, Item: one.Item})
	}
	if len(batch.Batch) == 0 {
		return batch, bine.Errorf(bine.Conflict, "every item of %s of step %s has ended already", owner.Item, owner.Step)
	}
	return batch, nil
}

// The defaults of a model server.
const (
	serverReadySeconds = 120
	serverLogLimit     = 64 << 20
)

// server says what the process of a model server is.
func (e Attempts) server(ctx context.Context, owner bine.Owner) (bine.Process, error) {
	name, version, err := owner.Server()
	if err != nil {
		return bine.Process{}, err
	}
	deployment, err := e.store.Deployment(ctx, owner.Project, name)
	if err != nil {
		return bine.Process{}, err
	}
	model, err := e.store.ModelVersion(ctx, owner.Project, deployment.Model, version)
	if err != nil {
		return bine.Process{}, err
	}
	resources := deployment.Resources
	if resources.CPU == 0 {
		resources.CPU = bine.ServerResources().CPU
	}
	if resources.Memory == 0 {
		resources.Memory = bine.ServerResources().Memory
	}
	return bine.Process{
		Owner: owner, Environment: model.Environment, Resources: resources, LogLimit: serverLogLimit,
		Python: "from bine import serve\n\nserve.main()\n",
		Inputs: map[string]bine.ArtifactRef{"model": model.Artifact},
		Serve:  &bine.Serve{Deployment: name, Model: model.Model, Version: version, ReadyTimeout: serverReadySeconds},
	}, nil
}
