package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func deploy(t *testing.T, s *store.Store, version int) bine.Deployment {
	t.Helper()
	return got(s.PutDeployment(t.Context(), "p", bine.Deployment{Name: "delay", Model: "delay", Version: version, Resources: bine.Resources{CPU: 1}, CreatedBy: "ann"}))(t)
}

// stands checks where the deployment stands.
func stands(t *testing.T, s *store.Store, what string, state bine.DeploymentState, version, serving, restarts int) {
	t.Helper()
	d := got(s.Deployment(t.Context(), "p", "delay"))(t)
	same(t, what, []any{d.State, d.Version, d.Serving, d.Restarts}, []any{state, version, serving, restarts})
}

func TestADeploymentMovesFromVersionToVersion(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		deploy(t, s, 1)
		stands(t, s, "made", bine.DeploymentStarting, 1, 0, 0)
		if _, answers, err := s.Route(ctx, "p", "delay"); answers || err != nil {
			t.Errorf("a route before anything answers: %v, %v", answers, err)
		}
		ok(t, s.SetServing(ctx, "p", "delay", store.Route{Attempt: "a", Version: 1, Address: "h:1", Secret: "s"}))
		stands(t, s, "served", bine.DeploymentReady, 1, 1, 0)
		deploy(t, s, 1)
		stands(t, s, "asked for the same", bine.DeploymentReady, 1, 1, 0)
		deploy(t, s, 2)
		stands(t, s, "asked for the next", bine.DeploymentUpdating, 2, 1, 0)
		route, answers, err := s.Route(ctx, "p", "delay")
		same(t, "route meanwhile", []any{route, answers, err}, []any{store.Route{Attempt: "a", Version: 1, Address: "h:1", Secret: "s"}, true, error(nil)})
		ok(t, s.SetServing(ctx, "p", "delay", store.Route{Attempt: "b", Version: 2}))
		ok(t, s.ClearServing(ctx, "p", "delay", "a")) // the old one ended
		stands(t, s, "moved", bine.DeploymentReady, 2, 2, 0)
		ok(t, s.ClearServing(ctx, "p", "delay", "b"))
		stands(t, s, "died", bine.DeploymentStarting, 2, 0, 0)
		ok(t, s.SetServing(ctx, "p", "delay", store.Route{Attempt: "c", Version: 2}))
		stands(t, s, "started again", bine.DeploymentReady, 2, 2, 1)
	})
}

func TestADeploymentThatStoppedAnswersNoLonger(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		deploy(t, s, 1)
		ok(t, s.SetServing(ctx, "p", "delay", store.Route{Attempt: "a", Version: 1}))
		from := []bine.DeploymentState{bine.DeploymentReady}
		ok(t, s.MoveDeployment(ctx, "p", "delay", from, bine.DeploymentStopped, "by ann"))
		ok(t, s.MoveDeployment(ctx, "p", "delay", from, bine.DeploymentStopped, "by ann")) // again
		stands(t, s, "stopped", bine.DeploymentStopped, 1, 0, 0)
		kind(t, "from another state", s.MoveDeployment(ctx, "p", "delay", from, bine.DeploymentFailed, ""), bine.Conflict)
		kind(t, "a late server", s.SetServing(ctx, "p", "delay", store.Route{Attempt: "b", Version: 1}), bine.Conflict)
		deploy(t, s, 1)
		stands(t, s, "asked for again", bine.DeploymentStarting, 1, 0, 0)
		_, err := s.PutDeployment(ctx, "p", bine.Deployment{Name: "delay", Model: "other"})
		kind(t, "another model", err, bine.Conflict)
		same(t, "deployments", len(got(s.Deployments(ctx, "p"))(t)), 1)
		ok(t, s.DeleteDeployment(ctx, "p", "delay"))
		ok(t, s.DeleteDeployment(ctx, "p", "delay")) // again
		kind(t, "deleted", second(s.Deployment(ctx, "p", "delay")), bine.NotFound)
		_, err = s.PutDeployment(ctx, "q", bine.Deployment{Name: "delay", Model: "delay"})
		kind(t, "in no project", err, bine.NotFound)
	})
}
