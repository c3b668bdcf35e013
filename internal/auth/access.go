package auth

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// Access says who may call an operation. The zero value admits nobody.
//
// Exactly one of Public, User, Admin, Agent and Role says who; the rest says by
// what. An operation with a Role is one of a project.
type Access struct {
	Public bool `json:"public,omitempty"` // everybody, without an identity
	User   bool `json:"user,omitempty"`   // whoever is known
	Admin  bool `json:"admin,omitempty"`  // administrators of the platform
	Agent  bool `json:"agent,omitempty"`  // agents of hosts, by a key with the scope agent

	Role    bine.Role `json:"role,omitempty"`     // members of the project with this role
	OrAdmin bool      `json:"or_admin,omitempty"` // and administrators who are no members

	// Scopes are those that a key may have to be used here; the scope all is
	// always enough, the scope agent never.
	Scopes []bine.Scope `json:"scopes,omitempty"`
	Job    bool         `json:"job,omitempty"`   // a job token may be used, too
	Bound  bool         `json:"bound,omitempty"` // a key for one project may be used, though this is no operation of a project
}

// Valid reports whether a says who may call an operation, and just once.
func (a Access) Valid() bool {
	who := 0
	for _, set := range []bool{a.Public, a.User, a.Admin, a.Agent, a.Role != ""} {
		if set {
			who++
		}
	}
	return who == 1
}

// Names of the roles for people.
func roleName(r bine.Role) string {
	if r == bine.DataOwner {
		return "Data Owner"
	}
	return "Data Scientist"
}

// Membership is how a caller stands to the project of a request. Project is
// empty where the operation is not one of a project.
type Membership struct {
	Project bine.ProjectName
	Role    bine.Role // empty: no member, or no such project
	Exists  bool
}

// NoProject is the answer for a project that is not there, and for one that the
// caller is no member of: they must not differ.
func NoProject(p bine.ProjectName) error {
	return bine.Errorf(bine.NotFound, "project %q is not there, or you are not a member of it", p)
}

// Admit says whether the caller may call an operation, nil if so.
func (a Access) Admit(id Identity, m Membership) error {
	switch {
	case !a.Valid():
		return bine.Errorf(bine.Forbidden, "nobody may do this")
	case a.Public:
		return nil
	case !id.Known():
		return bine.Errorf(bine.Unauthenticated, "sign in, or send an API key as Authorization: Bearer bine_…")
	case a.Agent:
		return a.admitAgent(id)
	}
	if a.Role != "" {
		member := m.Role != "" && (id.Project == "" || id.Project == m.Project)
		if !member && !(a.OrAdmin && id.Admin && id.Project == "" && m.Exists) {
			return NoProject(m.Project)
		}
	}
	if err := a.admitVia(id); err != nil {
		return err
	}
	return a.admitPerson(id, m)
}

func (a Access) admitAgent(id Identity) error {
	if id.Via != ViaKey || !slices.Contains(id.Scopes, bine.ScopeAgent) {
		return bine.Errorf(bine.Forbidden, "this is for the agents of hosts: it takes a key with the scope agent")
	}
	return nil
}

// admitVia looks at what the caller presented.
func (a Access) admitVia(id Identity) error {
	if id.Via == ViaJob && !a.Job {
		return bine.Errorf(bine.Forbidden, "the token of a job may not do this")
	}
	if a.Role == "" && id.Project != "" && !a.Bound {
		return bine.Errorf(bine.Forbidden, "a key that is good for project %s only may not do this", id.Project)
	}
	if id.Via != ViaKey || slices.Contains(id.Scopes, bine.ScopeAll) {
		return nil
	}
	for _, scope := range id.Scopes {
		if scope != bine.ScopeAgent && slices.Contains(a.Scopes, scope) {
			return nil
		}
	}
	return bine.Errorf(bine.Forbidden, "the key does not have the scope that this takes: %s", a.scopeNames())
}

func (a Access) scopeNames() string {
	names := []string{string(bine.ScopeAll)}
	for _, s := range a.Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, " or ")
}

// admitPerson looks at who the caller is.
func (a Access) admitPerson(id Identity, m Membership) error {
	switch {
	case a.Admin && !id.Admin:
		return bine.Errorf(bine.Forbidden, "this takes an administrator of the platform")
	case a.Role == "" || m.Role.Includes(a.Role) || (a.OrAdmin && id.Admin):
		return nil
	default:
		return NeedRole(m.Project, a.Role)
	}
}

// NeedRole is the refusal of a member whose role is not enough.
func NeedRole(p bine.ProjectName, role bine.Role) error {
	return bine.Errorf(bine.Forbidden, "this takes the role %s (%s) in project %s", roleName(role), role, p)
}
