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
	return a.Record(ctx, bine.Audit{Actor: c.actor, Address: c.address, Project: c.member.Project, Action: r.id, Object: c.object, Note: c.note}, err)
}
