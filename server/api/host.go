package api

import (
	"context"
	"net/http"
	"slices"
	"time"

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
	add(a, route{id: "list-lease-history", method: http.MethodGet, path: "lease-history", tag: "hosts", summary: "Who had accelerators, from asking to giving back, in the order of asking; to try other rules on it",
		access: auth.Access{Admin: true}}, a.pastLeases)
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

// historyMost bounds how many pieces of work one answer has.
const historyMost = 50_000

func (a *API) pastLeases(ctx context.Context, in *struct {
	Since time.Time `query:"since" doc:"what was given back before is left out; missing: everything that is kept"`
	Limit int       `query:"limit" minimum:"0" maximum:"50000" doc:"the last ones only; 0 is 50,000"`
}) (*body[[]bine.LeaseRecord], error) {
	limit := in.Limit
	if limit == 0 {
		limit = historyMost
	}
	return list(a.Ledger.History(ctx, in.Since, limit))
}
