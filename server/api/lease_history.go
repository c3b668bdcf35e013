package api

import (
	"context"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/store"
)

// leaseHistory puts together what the ledger and the store know of a request.
func (a *API) leaseHistory(ctx context.Context, in *InAttempt) (*body[client.LeaseHistory], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	out := client.LeaseHistory{Attempts: []bine.Attempt{}}
	if out.Grants, err = a.Ledger.GrantsOf(ctx, in.Attempt); err != nil {
		return nil, err
	}
	if err := a.lookAtLease(ctx, in.Attempt, &out); err != nil {
		return nil, err
	}
	if out.Attempt, err = a.Store.Attempt(ctx, in.Attempt); err != nil && !bine.IsKind(err, bine.NotFound) {
		return nil, err
	}
	switch {
	case out.Attempt.ID != "":
		out.Owner = out.Attempt.Owner
	case out.Live != nil:
		out.Owner = out.Live.Owner
	case len(out.Grants) > 0:
		out.Owner = out.Grants[0].Owner
	}
	if out.Owner.Project == "" || !know(out.Owner.Project) {
		return nil, bine.Errorf(bine.NotFound, "nothing is known of a request %q", string(in.Attempt))
	}
	if err := a.lookAtAttempt(ctx, &out); err != nil {
		return nil, err
	}
	if out.AskedBack == nil {
		out.AskedBack, err = a.Ledger.AskedBackAt(ctx, in.Attempt)
	}
	return answer(out, err)
}

// lookAtLease fills in what the queue and the grants say.
func (a *API) lookAtLease(ctx context.Context, id bine.AttemptID, out *client.LeaseHistory) error {
	leases, err := a.Ledger.Leases(ctx)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(leases, func(l bine.Lease) bool { return l.Attempt == id }); i >= 0 {
		l := leases[i]
		out.Live, out.Asked, out.Granted, out.AskedBack = &l, l.AskedAt, l.GrantedAt, l.AskedBack
	}
	over := len(out.Grants) > 0
	for _, g := range out.Grants {
		if out.Granted == nil {
			out.Granted = &g.GrantedAt
		}
		over = over && g.EndedAt != nil
	}
	if over {
		last := slices.MaxFunc(out.Grants, func(a, b bine.GrantRecord) int { return a.EndedAt.Compare(*b.EndedAt) })
		out.Ended = last.EndedAt
	}
	return nil
}

// lookAtAttempt fills in what the process and those before and after it say.
func (a *API) lookAtAttempt(ctx context.Context, out *client.LeaseHistory) error {
	if out.Attempt.ID == "" {
		return nil
	}
	if out.Asked.IsZero() {
		out.Asked = out.Attempt.CreatedAt
	}
	if out.Granted == nil {
		out.Granted = out.Attempt.StartedAt
	}
	process, err := a.Store.AttemptProcess(ctx, out.Attempt.ID)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	out.Resumed = process.Resume
	if out.Attempts, err = a.Store.Attempts(ctx, out.Owner); err != nil {
		return err
	}
	for _, t := range out.Attempts {
		if t.Number == out.Attempt.Number+1 {
			next, err := a.Store.AttemptProcess(ctx, t.ID)
			out.Checkpoint = next.Resume
			return err
		}
	}
	if out.Owner.Kind != bine.OwnerRun || out.Attempt.EndedAt == nil {
		return nil
	}
	step, err := a.Store.Step(ctx, out.Owner.Project, store.StepRef{Run: bine.RunID(out.Owner.Name), Step: out.Owner.Step, Item: out.Owner.Item})
	if ref, left := step.Artifacts[bine.CheckpointName]; err == nil && left {
		out.Checkpoint = &ref
	}
	return nil // the run may be gone
}
