package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// standingRoutes show what projects have of the cluster, and change who of those
// that wait goes first.
func (a *API) standingRoutes() {
	add(a, route{id: "list-standings", method: http.MethodGet, path: "standings", tag: "hosts", summary: "What projects hold, have borrowed, are owed and have had; the caller's projects, or all for an administrator",
		access: auth.Access{User: true, Scopes: follows}}, a.standings)
	add(a, route{id: "show-standing", method: http.MethodGet, path: "projects/{project}/standing", tag: "projects", summary: "What a project holds, has borrowed, is owed and has had",
		access: auth.Access{Role: bine.DataScientist, OrAdmin: true, Scopes: follows, Job: true}}, a.standing)
	add(a, route{id: "set-lease-priority", method: http.MethodPut, path: "projects/{project}/requests/{attempt}/priority", tag: "hosts", summary: "Change the priority of a request that waits",
		access: auth.Access{Role: bine.DataOwner, OrAdmin: true}}, a.setLeasePriority)
}

func (a *API) standings(ctx context.Context, _ *none) (*body[[]bine.Standing], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Ledger.Standings(ctx)
	return list(slices.DeleteFunc(all, func(s bine.Standing) bool { return !know(s.Project) }), err)
}

func (a *API) standing(ctx context.Context, in *InProject) (*body[bine.Standing], error) {
	return answer(a.Ledger.StandingOf(ctx, in.Project))
}

func (a *API) setLeasePriority(ctx context.Context, in *struct {
	InProject
	Attempt bine.AttemptID `path:"attempt" doc:"id of the attempt that waits"`
	Body    client.SetPriority
}) (*none, error) {
	note := string(in.Body.Priority)
	if in.Body.Reason != "" {
		note += ": " + in.Body.Reason
	}
	noted(ctx, note)
	grants, err := a.Ledger.SetPriority(ctx, in.Project, in.Attempt, in.Body.Priority)
	if err == nil {
		a.granted(ctx, grants)
	}
	return done(err)
}
