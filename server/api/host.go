package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// hostRoutes show machines and who holds what of them.
func (a *API) hostRoutes() {
	add(a, route{id: "list-hosts", method: http.MethodGet, path: "hosts", tag: "hosts", summary: "The machines with an agent, by name",
		access: auth.Access{User: true, Scopes: follows}}, a.hosts)
	add(a, route{id: "list-leases", method: http.MethodGet, path: "leases", tag: "hosts", summary: "Who holds resources and who waits for them, oldest first; of the caller's projects, or all for an administrator",
		access: auth.Access{User: true, Scopes: follows}}, a.leases)
}

func (a *API) hosts(ctx context.Context, _ *none) (*body[[]bine.Host], error) {
	return list(a.Store.Hosts(ctx))
}

// leases shows what is not of the caller's projects to administrators only:
// names of runs and projects are nobody else's business.
func (a *API) leases(ctx context.Context, _ *none) (*body[[]bine.Lease], error) {
	all, err := a.Ledger.Leases(ctx)
	if err != nil || callOf(ctx).Admin {
		return list(all, err)
	}
	mine, err := a.Store.Projects(ctx, callOf(ctx).User)
	if err != nil {
		return nil, err
	}
	member := map[bine.ProjectName]bool{}
	for _, p := range mine {
		member[p.Name] = true
	}
	var shown []bine.Lease
	for _, l := range all {
		if member[l.Owner.Project] {
			shown = append(shown, l)
		}
	}
	return list(shown, nil)
}
