package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// NewProject is the body of POST projects.
type NewProject struct {
	Name        bine.ProjectName `json:"name"`
	Description string           `json:"description,omitempty"`
	// Requires are the packages of the project's first environment; none: the
	// project starts without one.
	Requires []string `json:"requires,omitempty" doc:"requirements as pip writes them"`
	Python   string   `json:"python,omitempty" doc:"3.11 and the like; empty: the hosts' own"`
}

// Projects lists the caller's projects; an administrator sees all.
func (c *Client) Projects(ctx context.Context) ([]bine.Project, error) {
	return get[[]bine.Project](ctx, c, nil, "projects")
}

// CreateProject starts the provisioning of a project and answers at once;
// follow Project until it is ready or failed. Asking again for a project of the
// caller's that failed provisions it again.
func (c *Client) CreateProject(ctx context.Context, body NewProject) (bine.Project, error) {
	return post[bine.Project](ctx, c, body, "projects")
}

// Project describes one project.
func (c *Client) Project(ctx context.Context, p bine.ProjectName) (bine.Project, error) {
	return get[bine.Project](ctx, c, nil, "projects", string(p))
}

// DeleteProject starts the removal of a project and of all that is in it.
func (c *Client) DeleteProject(ctx context.Context, p bine.ProjectName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p))
}

// SetSandboxed is the body of PUT sandboxed.
type SetSandboxed struct {
	Sandboxed bool `json:"sandboxed"`
}

// SetSandboxed says whether anything may be exported from a project, or shared with others.
func (c *Client) SetSandboxed(ctx context.Context, p bine.ProjectName, sandboxed bool) (bine.Project, error) {
	return call[bine.Project](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "sandboxed"}, body: SetSandboxed{sandboxed}, safe: true})
}

// Members lists who belongs to a project.
func (c *Client) Members(ctx context.Context, p bine.ProjectName) ([]bine.Member, error) {
	return get[[]bine.Member](ctx, c, nil, "projects", string(p), "members")
}

// NewRole is the body of PUT members/{user}.
type NewRole struct {
	Role bine.Role `json:"role" enum:"data_scientist,data_owner"`
}

// SetMember adds a member or changes its role.
func (c *Client) SetMember(ctx context.Context, p bine.ProjectName, user bine.UserName, role bine.Role) (bine.Member, error) {
	return call[bine.Member](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "members", string(user)}, body: NewRole{role}, safe: true})
}

// RemoveMember takes a member out of a project. The last Data Owner stays.
func (c *Client) RemoveMember(ctx context.Context, p bine.ProjectName, user bine.UserName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "members", string(user))
}

// NewEnvironment is the body of POST environments: version n+1 is version Base
// plus Add minus Remove.
type NewEnvironment struct {
	Base   *int     `json:"base,omitempty" doc:"version to start from; absent: the current one; 0: an empty one"`
	Add    []string `json:"add,omitempty" doc:"requirements as pip writes them; one that names a package of the base replaces it"`
	Remove []string `json:"remove,omitempty" doc:"package names"`
	Python string   `json:"python,omitempty"`
}

// Environments lists the versions of a project's environment, newest first, without locks and package lists.
func (c *Client) Environments(ctx context.Context, p bine.ProjectName) ([]bine.Environment, error) {
	return get[[]bine.Environment](ctx, c, nil, "projects", string(p), "environments")
}

// CreateEnvironment starts to build the next version; it becomes the current one when it is ready.
func (c *Client) CreateEnvironment(ctx context.Context, p bine.ProjectName, body NewEnvironment) (bine.Environment, error) {
	return post[bine.Environment](ctx, c, body, "projects", string(p), "environments")
}

// Environment describes one version, with its lock and packages.
func (c *Client) Environment(ctx context.Context, p bine.ProjectName, version int) (bine.Environment, error) {
	return get[bine.Environment](ctx, c, nil, "projects", string(p), "environments", strconv.Itoa(version))
}

// UseEnvironment makes a ready version the current one: a rollback, or a roll forward.
func (c *Client) UseEnvironment(ctx context.Context, p bine.ProjectName, version int) (bine.Environment, error) {
	return post[bine.Environment](ctx, c, nil, "projects", string(p), "environments", strconv.Itoa(version), "use")
}

// PackageChange is one line of the difference of two environments.
type PackageChange struct {
	Name string `json:"name"`
	From string `json:"from,omitempty" doc:"version; absent where the package was added"`
	To   string `json:"to,omitempty" doc:"version; absent where the package was removed"`
}

// EnvironmentDiff says how version differs from against.
func (c *Client) EnvironmentDiff(ctx context.Context, p bine.ProjectName, version, against int) ([]PackageChange, error) {
	return get[[]PackageChange](ctx, c, url.Values{"against": {strconv.Itoa(against)}}, "projects", string(p), "environments", strconv.Itoa(version), "diff")
}

// EnvironmentExport gives a version as text in format lock (requirements with
// exact versions and hashes) or yml (environment.yml).
func (c *Client) EnvironmentExport(ctx context.Context, p bine.ProjectName, version int, format string) (string, error) {
	return c.text(ctx, url.Values{"format": {format}}, "projects", string(p), "environments", strconv.Itoa(version), "export")
}

// EnvironmentLog gives the log of the build from offset on.
func (c *Client) EnvironmentLog(ctx context.Context, p bine.ProjectName, version int, offset int64) (string, error) {
	return c.text(ctx, url.Values{"offset": {strconv.FormatInt(offset, 10)}}, "projects", string(p), "environments", strconv.Itoa(version), "log")
}

// HistoryEvent is one event of a workflow's history, with readable payloads.
type HistoryEvent struct {
	ID         int64          `json:"id"`
	At         string         `json:"at" doc:"RFC 3339 with nanoseconds"`
	Type       string         `json:"type" doc:"as Temporal names it, for example ActivityTaskScheduled"`
	Summary    string         `json:"summary" doc:"one line for people"`
	Group      int64          `json:"group" doc:"id of the event that began what this one belongs to"`
	Link       string         `json:"link,omitempty" doc:"workflow id of the child that it is about"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// History is the history of the workflow behind an object.
type History struct {
	WorkflowID string         `json:"workflow_id"`
	RunID      string         `json:"run_id" doc:"Temporal's id of the execution"`
	Type       string         `json:"type"`
	Status     string         `json:"status" doc:"running, completed, failed, cancelled, terminated, continued, timed_out"`
	Exported   bool           `json:"exported" doc:"whether it was read from the archive"`
	Events     []HistoryEvent `json:"events"`
}

// ProjectHistory gives the history of a workflow of a project by its id without
// the project: "provision", "delete", "run/<id>", "run/<id>/<step>",
// "environment/<n>", "deployment/<name>".
func (c *Client) ProjectHistory(ctx context.Context, p bine.ProjectName, workflow string) (History, error) {
	return get[History](ctx, c, url.Values{"workflow": {workflow}}, "projects", string(p), "history")
}
