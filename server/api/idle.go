package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// idleRoutes are those of the rules by which idle accelerators come back.
func (a *API) idleRoutes() {
	const path = "idle-rule"
	see := auth.Access{Role: bine.DataScientist, OrAdmin: true, Scopes: follows, Job: true}
	add(a, route{id: "show-idle-rule", method: http.MethodGet, path: path, tag: "hosts", summary: "When who holds accelerators that do next to nothing gives them back", access: auth.Access{User: true, Scopes: follows}}, a.idleRule)
	add(a, route{id: "set-idle-rule", method: http.MethodPut, path: path, tag: "hosts", summary: "Set that rule, for projects that have none of their own", access: auth.Access{Admin: true}}, a.setIdleRule)
	add(a, route{id: "show-project-idle-rule", method: http.MethodGet, path: "projects/{project}/" + path, tag: "projects", summary: "The rule that holds for a project: its own, or that of the installation", access: see}, a.projectIdleRule)
	add(a, route{id: "set-project-idle-rule", method: http.MethodPut, path: "projects/{project}/" + path, tag: "projects", summary: "Set a rule of a project's own", access: auth.Access{Admin: true}}, a.setProjectIdleRule)
}

func (a *API) idleRule(ctx context.Context, _ *none) (*body[bine.IdleRule], error) {
	return answer(a.ruleFor(ctx, ""))
}

func (a *API) setIdleRule(ctx context.Context, in *struct{ Body bine.IdleRule }) (*body[bine.IdleRule], error) {
	return a.keepRule(ctx, "", in.Body)
}

func (a *API) projectIdleRule(ctx context.Context, in *InProject) (*body[bine.IdleRule], error) {
	return answer(a.ruleFor(ctx, in.Project))
}

func (a *API) setProjectIdleRule(ctx context.Context, in *struct {
	InProject
	Body bine.IdleRule
}) (*body[bine.IdleRule], error) {
	if _, err := a.Store.Project(ctx, in.Project); err != nil {
		return nil, err
	}
	return a.keepRule(ctx, in.Project, in.Body)
}

func (a *API) keepRule(ctx context.Context, project bine.ProjectName, r bine.IdleRule) (*body[bine.IdleRule], error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = a.Store.PutSetting(ctx, store.IdleRuleSetting(project), string(text))
	}
	return answer(r, err)
}

// ruleFor gives the rule that holds for a project.
func (a *API) ruleFor(ctx context.Context, project bine.ProjectName) (r bine.IdleRule, err error) {
	text, set, err := a.Store.Setting(ctx, store.IdleRuleSetting(project))
	if err == nil && !set && project != "" {
		text, set, err = a.Store.Setting(ctx, store.IdleRuleSetting(""))
	}
	if err == nil && set {
		err = json.Unmarshal([]byte(text), &r)
	}
	return r, err
}

// sweepEvery is how often is looked what accelerators do.
const sweepEvery = time.Minute

// SweepIdle looks which accelerators do next to nothing, and asks for them back
// by the rules.
func (a *API) SweepIdle(ctx context.Context) error {
	var fault error
	rules := map[bine.ProjectName]bine.IdleRule{}
	rule := func(p bine.ProjectName) bine.IdleRule {
		r, known := rules[p]
		if !known {
			var err error
			if r, err = a.ruleFor(ctx, p); err != nil {
				fault = err
			}
			rules[p] = r
		}
		return r
	}
	asked, err := a.Ledger.SweepIdle(ctx, &a.idle, rule, a.now())
	if err == nil {
		err = fault
	}
	for _, o := range asked {
		a.Log.InfoContext(ctx, "accelerators that do nothing are asked back, since others wait", "owner", o)
		object := o.Name
		if o.Step != "" {
			object += "/" + string(o.Step)
		}
		_ = a.Record(ctx, bine.Audit{Project: o.Project, Action: "reclaim-idle", Object: object}, nil) // it logs where it cannot be kept
	}
	return err
}
