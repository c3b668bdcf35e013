package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// fileLeaseRoutes are those by which a file gets one writer.
func (a *API) fileLeaseRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	const leases = "projects/{project}/leases/{path}"
	add(a, route{id: "describe-lease", method: http.MethodGet, path: leases, tag: "files", summary: "Who writes to a file alone", access: see}, a.leaseOf)
	add(a, route{id: "take-lease", method: http.MethodPut, path: leases, tag: "files", summary: "Become the only writer of a file", access: write}, a.takeLease)
	add(a, route{id: "renew-lease", method: http.MethodPatch, path: leases, tag: "files", summary: "Say that the writer is still there", access: write, silent: true}, a.renewLease)
	add(a, route{id: "release-lease", method: http.MethodDelete, path: leases, tag: "files", summary: "End one's lease of a file", access: write}, a.releaseLease)
	add(a, route{id: "recover-lease", method: http.MethodPost, path: leases, tag: "files", summary: "End the lease of a file whose writer is gone", access: write}, a.recoverLease)
}

// InLease names the lease under which something is written.
type InLease struct {
	Lease int64 `query:"lease" doc:"epoch of the lease under which the caller writes; 0 is none"`
}

// user is the caller, who writes under the lease.
func (in InLease) user(ctx context.Context) dfs.User {
	u := fileUser(ctx)
	u.Lease = in.Lease
	return u
}

func leaseShown(p bine.ProjectName, l dfs.Lease) client.FileLease {
	out := client.FileLease{Path: dfs.Relative(p, l.Path), ID: l.Inode, Size: l.Size}
	if l.Epoch != 0 {
		out.Epoch, out.Holder, out.By, out.Taken, out.Renewed, out.Yields = l.Epoch, l.Holder, l.By, l.Taken, l.Renewed, l.Yields
	}
	return out
}

func (a *API) leaseOf(ctx context.Context, in *InFile) (*body[client.FileLease], error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	l, err := a.Files.LeaseOf(ctx, fileUser(ctx), full)
	return answer(leaseShown(in.Project, l), err)
}

func (a *API) takeLease(ctx context.Context, in *struct {
	InFile
	Body client.TakeLease
}) (*body[client.FileLease], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	l, err := a.Files.Lease(ctx, fileUser(ctx), full, in.Body.Holder)
	return answer(leaseShown(in.Project, l), err)
}

func (a *API) renewLease(ctx context.Context, in *struct {
	InFile
	Body client.RenewLease
}) (*body[client.FileLease], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	l, err := a.Files.RenewLease(ctx, fileUser(ctx), dfs.Lease{Path: full, Inode: in.Body.ID, Epoch: in.Body.Epoch})
	return answer(leaseShown(in.Project, l), err)
}

func (a *API) releaseLease(ctx context.Context, in *struct {
	InFile
	ID    int64 `query:"id" required:"true" doc:"as the lease says it"`
	Epoch int64 `query:"epoch" required:"true" doc:"as the lease says it"`
}) (*none, error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	return done(a.Files.ReleaseLease(ctx, fileUser(ctx), dfs.Lease{Path: full, Inode: in.ID, Epoch: in.Epoch}))
}

func (a *API) recoverLease(ctx context.Context, in *InFile) (*body[client.FileLease], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	l, err := a.Files.RecoverLease(ctx, fileUser(ctx), full)
	return answer(leaseShown(in.Project, l), err)
}
