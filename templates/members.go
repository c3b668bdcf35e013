package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// MembersPage lists who belongs to a project.
type MembersPage struct {
	Shell
	Members []bine.Member
}

var membersPage = load("members.html")

func (p MembersPage) page() *template.Template { return membersPage }

// Roles are what a member can be.
func (p MembersPage) Roles() []bine.Role { return []bine.Role{bine.DataScientist, bine.DataOwner} }
