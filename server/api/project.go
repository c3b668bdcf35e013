package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/environment"
)

// projectRoutes are those of projects and their members.
func (a *API) projectRoutes() {
	member := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	owner := auth.Access{Role: bine.DataOwner}
	add(a, route{id: "list-projects", method: http.MethodGet, path: "projects", tag: "projects", summary: "The caller's projects; all for an administrator",
		access: auth.Access{User: true, Scopes: follows, Job: true, Bound: true}}, a.projects)
	add(a, route{id: "create-project", method: http.MethodPost, path: "projects", tag: "projects", summary: "Start to provision a project",
		access: auth.Access{User: true}, status: http.StatusAccepted}, a.createProject)
	add(a, route{id: "describe-project", method: http.MethodGet, path: "projects/{project}", tag: "projects", summary: "One project",
		access: auth.Access{Role: bine.DataScientist, OrAdmin: true, Scopes: follows, Job: true}}, a.project)
	add(a, route{id: "delete-project", method: http.MethodDelete, path: "projects/{project}", tag: "projects", summary: "Start to remove a project and all that is in it",
		access: owner, status: http.StatusAccepted}, a.deleteProject)
	add(a, route{id: "set-sandboxed", method: http.MethodPut, path: "projects/{project}/sandboxed", tag: "projects",
		summary: "Say whether anything may be exported from the project or shared with others", access: auth.Access{Role: bine.DataOwner, OrAdmin: true}}, a.setSandboxed)
	add(a, route{id: "show-history", method: http.MethodGet, path: "projects/{project}/history", tag: "projects", summary: "The history of a workflow of the project",
		access: auth.Access{Role: bine.DataScientist, Scopes: follows}}, a.projectHistory)
	add(a, route{id: "list-members", method: http.MethodGet, path: "projects/{project}/members", tag: "members", summary: "Who belongs to a project", access: member}, a.members)
	add(a, route{id: "set-member", method: http.MethodPut, path: "projects/{project}/members/{user}", tag: "members", summary: "Add a member or change its role", access: owner}, a.setMember)
	add(a, route{id: "remove-member", method: http.MethodDelete, path: "projects/{project}/members/{user}", tag: "members", summary: "Take a member out of a project", access: owner}, a.removeMember)
}

func (a *API) projects(ctx context.Context, _ *none) (*body[[]bine.Project], error) {
	c := callOf(ctx)
	mine, err := a.Store.Projects(ctx, c.User)
	if err != nil {
		return nil, err
	}
	if c.Project != "" { // a key or token for one project sees that one
		var one []bine.Project
		for _, p := range mine {
			if p.Name == c.Project {
				one = append(one, p)
			}
		}
		return list(one, nil)
	}
	if !c.Admin {
		return list(mine, nil)
	}
	return list(a.everyProject(ctx, mine))
}

// everyProject gives all projects; those of the administrator's own carry the role.
func (a *API) everyProject(ctx context.Context, mine []bine.Project) ([]bine.Project, error) {
	all, err := a.Store.Projects(ctx, "")
	role := map[bine.ProjectName]bine.Role{}
	for _, p := range mine {
		role[p.Name] = p.Role
	}
	for i := range all {
		all[i].Role = role[all[i].Name]
	}
	return all, err
}

func (a *API) createProject(ctx context.Context, in *struct{ Body client.NewProject }) (*body[bine.Project], error) {
	c := callOf(ctx)
	p := bine.Project{Name: in.Body.Name, Description: in.Body.Description, State: bine.ProjectProvisioning, CreatedBy: c.User, CreatedAt: a.now().UTC(), Role: bine.DataOwner}
	named(ctx, "projects/"+clip(string(p.Name)))
	if err := p.Name.Check(); err != nil {
		return nil, err
	}
	spec := environment.Spec{Python: in.Body.Python, Requires: in.Body.Requires}
	if err := spec.Check(); err != nil {
		return nil, err
	}
	first, err := firstEnvironment(p, spec)
	if err != nil {
		return nil, err
	}
	if err := a.Store.CreateProjectWith(ctx, p, first); err != nil {
		return nil, err
	}
	c.member.Project = p.Name
	a.launched(ctx, a.Launcher.Provision(ctx, p.Name))
	return a.describe(ctx, p.Name, bine.DataOwner)
}

// firstEnvironment says what the first environment of a project is to consist
// of; nil where the project starts without one.
func firstEnvironment(p bine.Project, spec environment.Spec) (*bine.Environment, error) {
	if len(spec.Requires) == 0 {
		return nil, nil
	}
	requires, err := environment.Apply(nil, spec.Requires, nil)
	return &bine.Environment{Python: spec.Python, Add: spec.Requires, Requires: requires, CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt}, err
}

// launched notes that a workflow could not be started for something that was
// accepted. It is no error of the request: the row stands, and the reconciler
// starts what is missing.
func (a *API) launched(ctx context.Context, err error) {
	if err != nil {
		a.Log.WarnContext(ctx, "accepted, but its workflow did not start yet", "error", err, "request", callOf(ctx).request)
	}
}

func (a *API) describe(ctx context.Context, name bine.ProjectName, role bine.Role) (*body[bine.Project], error) {
	p, err := a.Store.Project(ctx, name)
	p.Role = role
	return answer(p, err)
}

func (a *API) project(ctx context.Context, in *InProject) (*body[bine.Project], error) {
	return a.describe(ctx, in.Project, callOf(ctx).member.Role)
}

func (a *API) deleteProject(ctx context.Context, in *InProject) (*none, error) {
	from := []bine.ProjectState{bine.ProjectReady, bine.ProjectFailed, bine.ProjectDeleting}
	if err := a.Store.MoveProject(ctx, in.Project, from, bine.ProjectDeleting, ""); err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.DeleteProject(ctx, in.Project))
	return done(nil)
}

// setSandboxed marks a project. One that shares datasets is not marked before
// the offers are withdrawn, which is for its Data Owners to decide.
func (a *API) setSandboxed(ctx context.Context, in *struct {
	InProject
	Body client.SetSandboxed
}) (*body[bine.Project], error) {
	if in.Body.Sandboxed {
		shares, err := a.Files.Shares(ctx, in.Project)
		if err != nil {
			return nil, err
		}
		for _, s := range shares {
			if s.Owner == in.Project && s.Offered != "" {
				return nil, bine.Errorf(bine.Conflict, "%s is offered to %s: withdraw what the project offers, then mark it", s.Dataset, s.To)
			}
		}
	}
	if err := a.Store.SetSandboxed(ctx, in.Project, in.Body.Sandboxed); err != nil {
		return nil, err
	}
	return a.describe(ctx, in.Project, callOf(ctx).member.Role)
}

// mayLeave fails for a project that is sandboxed: nothing of it goes elsewhere.
func (a *API) mayLeave(ctx context.Context, project bine.ProjectName) error {
	p, err := a.Store.Project(ctx, project)
	if err == nil && p.Sandboxed {
		err = bine.Errorf(bine.Forbidden, "the project %s is sandboxed: nothing of it is exported or shared", project)
	}
	return err
}

// ready fails unless a project is ready for new work.
func (a *API) ready(ctx context.Context, name bine.ProjectName) error {
	p, err := a.Store.Project(ctx, name)
	if err != nil {
		return err
	}
	switch p.State {
	case bine.ProjectReady:
		return nil
	case bine.ProjectProvisioning:
		return bine.Errorf(bine.Conflict, "project %s is still being made: wait until it is ready", name)
	default:
		return bine.Errorf(bine.Conflict, "project %s is %s and takes no new work", name, p.State)
	}
}

func (a *API) projectHistory(ctx context.Context, in *struct {
	InProject
	Workflow string `query:"workflow" required:"true" doc:"its id without the project: provision, run/flights-1, environment/2 …"`
}) (*body[client.History], error) {
	return answer(a.Launcher.History(ctx, string(in.Project)+"/"+in.Workflow))
}

func (a *API) members(ctx context.Context, in *InProject) (*body[[]bine.Member], error) {
	return list(a.Store.Members(ctx, in.Project))
}

// InMember names a member of a project in the path.
type InMember struct {
	InProject
	User bine.UserName `path:"user" doc:"name of a person"`
}

func (a *API) setMember(ctx context.Context, in *struct {
	InMember
	Body client.NewRole
}) (*body[bine.Member], error) {
	if _, err := a.Store.User(ctx, in.User); err != nil {
		return nil, err
	}
	m := bine.Member{User: in.User, Role: in.Body.Role, AddedBy: callOf(ctx).User, AddedAt: a.now().UTC()}
	return answer(m, a.Store.SetMember(ctx, in.Project, m))
}

func (a *API) removeMember(ctx context.Context, in *InMember) (*none, error) {
	return done(a.Store.RemoveMember(ctx, in.Project, in.User))
}
