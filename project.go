package bine

import "time"

// Role is what a member may do in one project (security: the role of the
// active project decides, never that of another).
type Role string

// The roles. A Data Owner may do everything that a Data Scientist may.
const (
	DataScientist Role = "data_scientist"
	DataOwner     Role = "data_owner"
)

// Includes reports whether whoever has r may do what need asks for.
func (r Role) Includes(need Role) bool {
	return r == DataOwner || (r == DataScientist && need == DataScientist)
}

// ProjectState is where a project stands.
type ProjectState string

// The states of a project. From provisioning it becomes ready or failed; from
// ready or failed, deleting, after which the row is gone.
const (
	ProjectProvisioning ProjectState = "provisioning"
	ProjectReady        ProjectState = "ready"
	ProjectFailed       ProjectState = "failed"
	ProjectDeleting     ProjectState = "deleting"
)

// Project is the unit of tenancy.
type Project struct {
	Name        ProjectName  `json:"name"`
	Description string       `json:"description,omitempty"`
	State       ProjectState `json:"state"`
	Reason      string       `json:"reason,omitempty" doc:"why the project failed or what it waits for"`
	Sandboxed   bool         `json:"sandboxed,omitempty" doc:"nothing is exported from it, nor shared with other projects"`
	CreatedBy   UserName     `json:"created_by"`
	CreatedAt   time.Time    `json:"created_at"`
	Role        Role         `json:"role,omitempty" doc:"the caller's role in the project; absent for an administrator who is no member"`
}

// Member is a user inside one project.
type Member struct {
	User    UserName  `json:"user"`
	Role    Role      `json:"role"`
	AddedBy UserName  `json:"added_by"`
	AddedAt time.Time `json:"added_at"`
}

// ProjectUser is the identity under which a member acts inside one project:
// what files and jobs see as their owner.
func ProjectUser(project ProjectName, user UserName) string {
	return string(project) + "__" + string(user)
}

// User is a person who can sign in.
type User struct {
	Name      UserName  `json:"name"`
	Admin     bool      `json:"admin" doc:"whether the user administers the platform"`
	CreatedAt time.Time `json:"created_at"`
}

// Scope limits what an API key may be used for.
type Scope string

// The scopes of keys. ScopeAll is everything its user may do; ScopeRun starts
// and follows runs; ScopeRead reads; ScopeServe asks deployments for
// predictions; ScopeAgent is for the agents of hosts, and only
// administrators make such keys.
const (
	ScopeAll   Scope = "all"
	ScopeRun   Scope = "run"
	ScopeRead  Scope = "read"
	ScopeServe Scope = "serve"
	ScopeAgent Scope = "agent"
)

// Key is an API key as it is listed. The key itself is shown once, when made.
type Key struct {
	ID        string      `json:"id" doc:"the part between bine_ and the second underscore"`
	Name      string      `json:"name"`
	User      UserName    `json:"user"`
	Scopes    []Scope     `json:"scopes"`
	Project   ProjectName `json:"project,omitempty" doc:"where set, the key is good for this project only"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
	UsedAt    *time.Time  `json:"used_at,omitempty" doc:"last use, to the minute"`
	S3        bool        `json:"s3,omitempty" doc:"whether requests of S3 can be signed with it: the server keeps its secret sealed"`
}

// Audit is the record of one action that changed something.
type Audit struct {
	ID      int64       `json:"id"`
	At      time.Time   `json:"at"`
	Actor   UserName    `json:"actor"`
	Address string      `json:"address" doc:"network address the request came from"`
	Project ProjectName `json:"project,omitempty"`
	Action  string      `json:"action" doc:"the operation id of the API, for example start-run"`
	Object  string      `json:"object" doc:"what it was done to"`
	Result  string      `json:"result" doc:"done, or the kind of the error"`
	Request string      `json:"request" doc:"request id"`
	Note    string      `json:"note,omitempty" doc:"why, as who did it says, and what was changed from what to what"`
}
