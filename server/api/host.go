package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// hostRoutes show machines and who holds what of them.
func (a *API) hostRoutes() {
	add(a, route{id: "list-hosts", method: http.MethodGet, path: "hosts", tag: "hosts", summary: "The machines with an agent, by name",
		access: auth.Access{User: true, Scopes: follows}}, a.hosts)
	add(a, route{id: "list-leases", method: http.MethodGet, path: "leases", tag: "hosts", summary: "Who holds resources and who waits for them, oldest first; of the caller's projects, or all for an administrator",
		access: auth.Access{User: true, Scopes: follows}}, a.leases)
	add(a, route{id: "show-lease", method: http.MethodGet, path: "leases/{attempt}", tag: "hosts", summary: "What became of a request: when it was asked, granted and given back, and how its accelerators were used",
		access: auth.Access{User: true, Scopes: follows}}, a.leaseHistory)
}

func (a *API) hosts(ctx context.Context, _ *none) (*body[[]bine.Host], error) {
	return list(a.Store.Hosts(ctx))
}

// leases shows what is not of the caller's projects to administrators only:
// names of runs and projects are nobody else's business.
func (a *API) leases(ctx context.Context, _ *none) (*body[[]bine.Lease], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Ledger.Leases(ctx)
	if err != nil {
		return nil, err
	}
	idle, err := a.Ledger.IdleSince(ctx)
	for i, l := range all {
		if since, is := idle[l.Attempt]; is {
			all[i].IdleSince = &since
		}
	}
	return list(slices.DeleteFunc(all, func(l bine.Lease) bool { return !know(l.Owner.Project) }), err)
}
