package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/environment"
)

// environmentRoutes are those of the numbered versions of Python environments.
func (a *API) environmentRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const one = "projects/{project}/environments/{version}"
	add(a, route{id: "list-environments", method: http.MethodGet, path: "projects/{project}/environments", tag: "environments", summary: "The versions, newest first, without locks and packages", access: see}, a.environments)
	add(a, route{id: "create-environment", method: http.MethodPost, path: "projects/{project}/environments", tag: "environments", summary: "Start to build the next version", access: change, status: http.StatusAccepted}, a.createEnvironment)
	add(a, route{id: "describe-environment", method: http.MethodGet, path: one, tag: "environments", summary: "One version, with its lock and packages", access: see}, a.environment)
	add(a, route{id: "use-environment", method: http.MethodPost, path: one + "/use", tag: "environments", summary: "Make a ready version the current one", access: change}, a.useEnvironment)
	add(a, route{id: "diff-environment", method: http.MethodGet, path: one + "/diff", tag: "environments", summary: "How a version differs from another", access: see}, a.diffEnvironment)
	add(a, route{id: "export-environment", method: http.MethodGet, path: one + "/export", tag: "environments", summary: "A version as text", access: see, gives: "text/plain"}, a.exportEnvironment)
	add(a, route{id: "read-environment-log", method: http.MethodGet, path: one + "/log", tag: "environments", summary: "The log of the build from an offset on", access: see, gives: "text/plain"}, a.environmentLog)
}

// InEnvironment names a version of an environment in the path.
type InEnvironment struct {
	InProject
	Version int `path:"version" minimum:"1" doc:"number of the version"`
}

// text is an answer that is plain text.
type text struct {
	Type    string `header:"Content-Type"`
	NoSniff string `header:"X-Content-Type-Options"`
	Body    []byte
}

func plain(s string, err error) (*text, error) {
	if err != nil {
		return nil, err
	}
	return &text{Type: "text/plain; charset=utf-8", NoSniff: "nosniff", Body: []byte(s)}, nil
}

func (a *API) environments(ctx context.Context, in *InProject) (*body[[]bine.Environment], error) {
	all, err := a.Store.Environments(ctx, in.Project)
	for i := range all {
		all[i].Lock, all[i].Packages = "", nil
	}
	return list(all, err)
}

func (a *API) createEnvironment(ctx context.Context, in *struct {
	InProject
	Body client.NewEnvironment
}) (*body[bine.Environment], error) {
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	base, err := a.baseEnvironment(ctx, in.Project, in.Body.Base)
	if err != nil {
		return nil, err
	}
	python := in.Body.Python
	if python == "" {
		python = base.Python
	}
	requires, err := environment.Apply(base.Requires, in.Body.Add, in.Body.Remove)
	if err != nil {
		return nil, err
	}
	if err := (environment.Spec{Python: python, Requires: requires}).Check(); err != nil {
		return nil, err
	}
	made, err := a.Store.CreateEnvironment(ctx, in.Project, bine.Environment{
		State: bine.EnvironmentBuilding, Base: base.Version, Python: python, Add: in.Body.Add, Remove: in.Body.Remove, Requires: requires,
		CreatedBy: callOf(ctx).User, CreatedAt: a.now().UTC(),
	})
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/environments/%d", in.Project, made.Version))
	a.launched(ctx, a.Launcher.BuildEnvironment(ctx, in.Project, made.Version))
	return answer(made, nil)
}

// baseEnvironment gives the version to start from; without a wish the current one.
func (a *API) baseEnvironment(ctx context.Context, p bine.ProjectName, wish *int) (bine.Environment, error) {
	version := 0
	if wish != nil {
		version = *wish
	} else {
		current, err := a.Store.CurrentEnvironment(ctx, p)
		if err != nil {
			return bine.Environment{}, err
		}
		version = current
	}
	if version == 0 {
		return bine.Environment{}, nil
	}
	return a.Store.Environment(ctx, p, version)
}

func (a *API) environment(ctx context.Context, in *InEnvironment) (*body[bine.Environment], error) {
	return answer(a.Store.Environment(ctx, in.Project, in.Version))
}

func (a *API) useEnvironment(ctx context.Context, in *InEnvironment) (*body[bine.Environment], error) {
	if err := a.Store.UseEnvironment(ctx, in.Project, in.Version); err != nil {
		return nil, err
	}
	return a.environment(ctx, in)
}

func (a *API) diffEnvironment(ctx context.Context, in *struct {
	InEnvironment
	Against int `query:"against" minimum:"0" doc:"the version to compare with; 0 is an empty one"`
}) (*body[[]client.PackageChange], error) {
	to, err := a.Store.Environment(ctx, in.Project, in.Version)
	if err != nil {
		return nil, err
	}
	from, err := a.baseEnvironment(ctx, in.Project, &in.Against)
	if err != nil {
		return nil, err
	}
	var out []client.PackageChange
	for _, c := range environment.Diff(from.Packages, to.Packages) {
		out = append(out, client.PackageChange{Name: c.Name, From: c.From, To: c.To})
	}
	return list(out, nil)
}

func (a *API) exportEnvironment(ctx context.Context, in *struct {
	InEnvironment
	Format string `query:"format" enum:"lock,yml" default:"lock" doc:"lock: requirements with exact versions and hashes; yml: environment.yml"`
}) (*text, error) {
	e, err := a.Store.Environment(ctx, in.Project, in.Version)
	if err == nil && e.Lock == "" {
		err = bine.Errorf(bine.Conflict, "environment %d of %s has no exact versions yet: it is %s", e.Version, in.Project, e.State)
	}
	if err != nil {
		return nil, err
	}
	if in.Format == "yml" {
		return plain(environment.EnvironmentYML(string(in.Project), e), nil)
	}
	return plain(e.Lock, nil)
}

func (a *API) environmentLog(ctx context.Context, in *struct {
	InEnvironment
	Offset int64 `query:"offset" minimum:"0" doc:"bytes to leave out"`
}) (*text, error) {
	return plain(a.Store.EnvironmentLog(ctx, in.Project, in.Version, in.Offset))
}
