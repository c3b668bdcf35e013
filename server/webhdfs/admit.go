package webhdfs

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
)

// admit says who acts, or why nobody may. The guard is asked by what the call
// brings as a key only: a session of a browser is no way in.
func (c *call) admit() error {
	if err := c.credential(); err != nil {
		return err
	}
	project := projectOf(c.asked)
	access := auth.Access{Role: bine.DataScientist, Job: true}
	if project == "" {
		access = auth.Access{User: true, Bound: true, Job: true}
	}
	if !c.op.changes {
		access.Scopes = []bine.Scope{bine.ScopeRead}
	}
	var err error
	address := auth.AddressOf(c.r)
	c.actor.Identity, c.actor.Member, err = c.door.Guard.AdmitToken(c.ctx(), c.said, address, access, project)
	if bound := c.actor.Identity.Project; project != "" && bound != "" && bound != project && c.within == "" {
		// Who can act in one project only acts in that, and sees of others what they share.
		c.actor.Identity, c.actor.Member, err = c.door.Guard.AdmitToken(c.ctx(), c.said, address, access, bound)
	}
	if err != nil {
		return err
	}
	if project == "" {
		c.actor.Member.Project = c.actor.Identity.Project
	}
	if other := c.params.text("doas"); other != "" && other != string(c.actor.Identity.User) {
		return bine.Errorf(bine.Forbidden, "%s may not act for %.60q: nobody acts for somebody else", c.actor.Identity.User, other)
	}
	return nil
}

// credential finds what the request brings: a header, else the address.
func (c *call) credential() error {
	unknown := func(why string) error { return bine.Errorf(bine.Unauthenticated, "%s", why) }
	if header := c.r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			c.said = strings.TrimSpace(token)
		case strings.EqualFold(scheme, "Basic"):
			_, c.said, _ = c.r.BasicAuth()
		default:
			return unknown("the Authorization header is not understood: send Bearer and an API key, or Basic with the key as the password")
		}
	}
	if c.said == "" {
		c.said, c.inAddress = c.params.text("delegation"), true
	}
	if c.said == "" {
		if err := c.useTicket(); err != nil {
			return err
		}
	}
	if c.said == "" {
		return unknown("say who you are by an API key: as Authorization: Bearer, as the password of Basic, or as the parameter delegation; user.name alone is not enough")
	}
	return nil
}

// projectOf names the project that a path belongs to, "" for none.
func projectOf(path string) bine.ProjectName {
	rest, below := strings.CutPrefix(path, "/Projects/")
	if !below {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return bine.ProjectName(name)
}

// relative is what the project that is acted in calls a path.
func (c *call) relative(path string) string {
	return dfs.Relative(c.actor.Member.Project, path)
}

// mayWrite says whether the actor may change what is at paths.
func (c *call) mayWrite(paths ...string) error {
	for _, path := range paths {
		if projectOf(path) == "" {
			return bine.Errorf(bine.Forbidden, "%s is in no project: write below /Projects/<project>", path)
		}
		if err := c.actor.MayWrite(c.relative(path)); err != nil {
			return err
		}
	}
	return nil
}

// in gives the actor as a member of another project.
func (c *call) in(p bine.Project) dfs.User {
	return actor.Actor{Identity: c.actor.Identity, Member: auth.Membership{Project: p.Name, Role: p.Role, Exists: true}}.User()
}
