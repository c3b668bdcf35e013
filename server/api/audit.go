package api

import (
	"context"

	"github.com/bine-ml/bine"
)

// record writes down what an operation did, or that it was refused, before it
// is answered. It gives err back, or its own where the record cannot be kept:
// what is done but not recorded must not look done.
func (a *API) record(ctx context.Context, r route, err error) error {
	c := callOf(ctx)
	result := "done"
	if err != nil {
		result = string(bine.KindOf(err))
	}
	entry := bine.Audit{
		At: a.now().UTC(), Actor: c.actor, Address: c.address, Project: c.member.Project,
		Action: r.id, Object: c.object, Result: result, Request: c.request,
	}
	// The record is kept although the caller is gone meanwhile.
	if failed := a.Store.AppendAudit(context.WithoutCancel(ctx), entry); failed != nil {
		a.Log.ErrorContext(ctx, "audit record could not be kept", "entry", entry, "error", failed)
		if err == nil {
			return bine.Errorf(bine.Internal, "keep audit record of %s: %w", r.id, failed)
		}
	}
	return err
}
