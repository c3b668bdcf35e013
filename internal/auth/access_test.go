package auth_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

func key(admin bool, project bine.ProjectName, scopes ...bine.Scope) auth.Identity {
	return auth.Identity{User: "u", Via: auth.ViaKey, Admin: admin, Project: project, Scopes: scopes}
}

func TestAdmit(t *testing.T) {
	person := auth.Identity{User: "u", Via: auth.ViaSession}
	admin := auth.Identity{User: "u", Via: auth.ViaSession, Admin: true}
	job := auth.Identity{User: "u", Via: auth.ViaJob, Project: "demo"}
	stranger := auth.Membership{Project: "demo", Exists: true}
	scientist := auth.Membership{Project: "demo", Role: bine.DataScientist, Exists: true}
	owner := auth.Membership{Project: "demo", Role: bine.DataOwner, Exists: true}
	none := auth.Membership{}
	read := auth.Access{Role: bine.DataScientist, Scopes: []bine.Scope{bine.ScopeRead}, Job: true}
	own := auth.Access{Role: bine.DataOwner}
	for name, c := range map[string]struct {
		access auth.Access
		id     auth.Identity
		m      auth.Membership
		want   bine.Kind // empty: admitted
	}{
		"nothing declared admits nobody":               {auth.Access{}, admin, owner, bine.Forbidden},
		"two declarations admit nobody":                {auth.Access{Public: true, Admin: true}, admin, owner, bine.Forbidden},
		"everybody may do what is public":              {auth.Access{Public: true}, auth.Identity{}, none, ""},
		"nobody may do nothing else":                   {auth.Access{User: true}, auth.Identity{}, none, bine.Unauthenticated},
		"nobody may not see projects":                  {read, auth.Identity{}, none, bine.Unauthenticated},
		"a person may do what people may":              {auth.Access{User: true}, person, none, ""},
		"a person is no administrator":                 {auth.Access{Admin: true}, person, none, bine.Forbidden},
		"an administrator is":                          {auth.Access{Admin: true}, admin, none, ""},
		"an administrator's narrow key is not":         {auth.Access{Admin: true}, key(true, "", bine.ScopeRead), none, bine.Forbidden},
		"an administrator is no agent":                 {auth.Access{Agent: true}, admin, none, bine.Forbidden},
		"a key with all is no agent":                   {auth.Access{Agent: true}, key(true, "", bine.ScopeAll), none, bine.Forbidden},
		"a key with agent is":                          {auth.Access{Agent: true}, key(true, "", bine.ScopeAgent), none, ""},
		"an agent is nothing else":                     {auth.Access{User: true, Scopes: []bine.Scope{bine.ScopeAgent}}, key(true, "", bine.ScopeAgent), none, bine.Forbidden},
		"a stranger learns nothing":                    {read, person, stranger, bine.NotFound},
		"an administrator who is no member neither":    {read, admin, stranger, bine.NotFound},
		"unless the operation says so":                 {auth.Access{Role: bine.DataScientist, OrAdmin: true}, admin, stranger, ""},
		"but not of what is not there":                 {auth.Access{Role: bine.DataScientist, OrAdmin: true}, admin, auth.Membership{Project: "demo"}, bine.NotFound},
		"a Data Scientist may read":                    {read, person, scientist, ""},
		"a Data Scientist may not own":                 {own, person, scientist, bine.Forbidden},
		"a Data Owner may read":                        {read, person, owner, ""},
		"a Data Owner may own":                         {own, person, owner, ""},
		"a key with the scope may":                     {read, key(false, "", bine.ScopeRead), scientist, ""},
		"a key with all may":                           {own, key(false, "", bine.ScopeAll), owner, ""},
		"a key with another scope may not":             {read, key(false, "", bine.ScopeServe), owner, bine.Forbidden},
		"a key for the project may":                    {read, key(false, "demo", bine.ScopeRead), scientist, ""},
		"a key for another project learns nothing":     {read, key(false, "other", bine.ScopeAll), owner, bine.NotFound},
		"a key for a project is for nothing else":      {auth.Access{User: true}, key(false, "demo", bine.ScopeAll), none, bine.Forbidden},
		"unless the operation takes it":                {auth.Access{User: true, Bound: true}, key(false, "demo", bine.ScopeAll), none, ""},
		"a bound key of an administrator sees one":     {auth.Access{Role: bine.DataScientist, OrAdmin: true}, key(true, "other", bine.ScopeAll), stranger, bine.NotFound},
		"a job may do what jobs may":                   {read, job, scientist, ""},
		"a job may not do the rest":                    {own, job, owner, bine.Forbidden},
		"a job of somebody who left learns nothing":    {read, job, stranger, bine.NotFound},
		"the role of a job's user still counts":        {auth.Access{Role: bine.DataOwner, Job: true}, job, scientist, bine.Forbidden},
		"a job of another project learns nothing":      {read, auth.Identity{User: "u", Via: auth.ViaJob, Project: "other"}, owner, bine.NotFound},
		"a job is not its user outside of the project": {auth.Access{User: true}, job, none, bine.Forbidden},
	} {
		err := c.access.Admit(c.id, c.m)
		if (err == nil) != (c.want == "") || (err != nil && bine.KindOf(err) != c.want) {
			t.Errorf("%s: Admit = %v, want %q", name, err, c.want)
		}
	}
}

func TestAMissingRoleIsNamed(t *testing.T) {
	err := auth.Access{Role: bine.DataOwner}.Admit(auth.Identity{User: "u", Via: auth.ViaSession}, auth.Membership{Project: "demo", Role: bine.DataScientist})
	if err == nil || !strings.Contains(err.Error(), "Data Owner") || !strings.Contains(err.Error(), "demo") {
		t.Errorf("Admit = %v, want it to name the role and the project", err)
	}
}
