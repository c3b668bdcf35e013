package front

import (
	"context"

	"github.com/bine-ml/bine/dfs"
)

const noLeases = "has no leases: who writes there last wins"

// Lease is not there in a lake.
func (f *Files) Lease(ctx context.Context, user dfs.User, at, holder string) (dfs.Lease, error) {
	if p, in := placeOf(at); in {
		return dfs.Lease{}, unsupported(user, p, noLeases)
	}
	return f.Tree.Lease(ctx, user, at, holder)
}

// RecoverLease is not there in a lake.
func (f *Files) RecoverLease(ctx context.Context, user dfs.User, at string) (dfs.Lease, error) {
	if p, in := placeOf(at); in {
		return dfs.Lease{}, unsupported(user, p, noLeases)
	}
	return f.Tree.RecoverLease(ctx, user, at)
}

// LeaseOf is not there in a lake.
func (f *Files) LeaseOf(ctx context.Context, user dfs.User, at string) (dfs.Lease, error) {
	if p, in := placeOf(at); in {
		return dfs.Lease{}, unsupported(user, p, noLeases)
	}
	return f.Tree.LeaseOf(ctx, user, at)
}
