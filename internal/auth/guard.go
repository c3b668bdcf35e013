package auth

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// memberships is the part of the store that says who belongs where.
type memberships interface {
	RoleOf(ctx context.Context, project bine.ProjectName, user bine.UserName) (bine.Role, bool, error)
	Project(ctx context.Context, name bine.ProjectName) (bine.Project, error)
}

// Guard admits requests: every front door asks the same one.
type Guard struct {
	auth    *Auth
	members memberships
	cookie  string
}

// NewGuard makes a guard. cookie names the cookie that carries a session.
func NewGuard(a *Auth, members memberships, cookie string) *Guard {
	return &Guard{a, members, cookie}
}

// Admit says who makes a request and how they stand to the project, and fails
// where the access does not admit them. project is empty for what is not of one.
func (g *Guard) Admit(r *http.Request, access Access, project bine.ProjectName) (Identity, Membership, error) {
	id, err := g.auth.identifyFor(r, g.cookie, access.about(project))
	return g.admit(r.Context(), id, err, access, project)
}

// AdmitToken is Admit for a request from a network address that brings an API key
// or a job token, and nothing else counts.
func (g *Guard) AdmitToken(ctx context.Context, token, address string, access Access, project bine.ProjectName) (Identity, Membership, error) {
	id, err := g.auth.identifyBearer(ctx, token, address, access.about(project))
	return g.admit(ctx, id, err, access, project)
}

func (g *Guard) admit(ctx context.Context, id Identity, err error, access Access, project bine.ProjectName) (Identity, Membership, error) {
	if err != nil && !access.Public {
		return Identity{}, Membership{}, err
	}
	m := Membership{Project: project}
	if access.Role != "" && id.Known() {
		if m, err = g.membership(ctx, id, project, access.OrAdmin); err != nil {
			return id, Membership{}, err
		}
	}
	return id, m, access.Admit(id, m)
}

// about is the project that a caller's role matters in, "" for none.
func (a Access) about(project bine.ProjectName) bine.ProjectName {
	if a.Role == "" || project.Check() != nil {
		return ""
	}
	return project
}

// Identify says who makes a request; nobody is no error, a bad key is.
func (g *Guard) Identify(r *http.Request) (Identity, error) { return g.auth.Identify(r, g.cookie) }

func (g *Guard) membership(ctx context.Context, id Identity, project bine.ProjectName, orAdmin bool) (Membership, error) {
	m := Membership{Project: project}
	if project.Check() != nil { // no such name can exist: not worth a question
		return m, nil
	}
	role, err := g.roleOf(ctx, id, project)
	if err != nil {
		return m, err
	}
	if role != "" {
		m.Role, m.Exists = role, true
		return m, nil
	}
	if orAdmin && id.Admin {
		if _, err := g.members.Project(ctx, project); err == nil {
			m.Exists = true
		} else if !bine.IsKind(err, bine.NotFound) {
			return m, err
		}
	}
	return m, nil
}

// roleOf gives the role of the caller in a project, empty for none.
func (g *Guard) roleOf(ctx context.Context, id Identity, project bine.ProjectName) (bine.Role, error) {
	if s := id.standing; s != nil && s.project == project {
		return s.role, nil
	}
	role, member, err := g.members.RoleOf(ctx, project, id.User)
	switch {
	case bine.IsKind(err, bine.NotFound) || err == nil && !member:
		return "", nil
	default:
		return role, err
	}
}
