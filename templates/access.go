package templates

import (
	"html/template"
	"net/url"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// AccessPage shows the access list of a file or directory.
type AccessPage struct {
	Shell
	File client.File
	Path string // relative to the project; empty is its directory
	ACL  bine.ACL
}

// AccessRow is an entry of an access list as the page shows it.
type AccessRow struct {
	bine.ACLEntry
	Who       string
	Named     bool   // Who is a name, no description
	Effective string // what remains of it under the mask; empty where that is all
}

var accessPage = load("access.html")

func (p AccessPage) page() *template.Template { return accessPage }

// AccessURL is the page of who may do what with a file or directory.
func (s Shell) AccessURL(path string) string {
	return s.Path("access") + "?path=" + url.QueryEscape(path)
}

// Access gives the rows of the access list.
func (p AccessPage) Access() []AccessRow { return p.rows(false) }

// Defaults gives the rows of the default list.
func (p AccessPage) Defaults() []AccessRow { return p.rows(true) }

func (p AccessPage) rows(inherited bool) []AccessRow {
	mask := uint32(7)
	for _, e := range p.ACL.Entries {
		if e.Default == inherited && e.Type == bine.ACLMask {
			mask, _ = e.Bits()
		}
	}
	var rows []AccessRow
	for _, e := range p.ACL.Entries {
		if e.Default != inherited {
			continue
		}
		row := AccessRow{ACLEntry: e, Who: p.who(e), Named: p.named(e)}
		bounded := e.Name != "" || e.Type == bine.ACLGroup
		if bits, err := e.Bits(); err == nil && bounded && bits&mask != bits {
			row.Effective = bine.PermText(bits & mask)
		}
		rows = append(rows, row)
	}
	return rows
}

// who says whom an entry is about.
func (p AccessPage) who(e bine.ACLEntry) string {
	switch {
	case e.Name != "":
		return e.Name
	case e.Type == bine.ACLMask:
		return "at most, but for the owner and others"
	case e.Type == bine.ACLOther:
		return "everybody else in the project"
	case e.Default && e.Type == bine.ACLUser:
		return "who makes it"
	case e.Default:
		return "its group"
	case e.Type == bine.ACLUser:
		return p.ACL.Owner
	}
	return p.ACL.Group
}

// named reports whether an entry is about somebody who has a name.
func (p AccessPage) named(e bine.ACLEntry) bool {
	return e.Name != "" || !e.Default && (e.Type == bine.ACLUser || e.Type == bine.ACLGroup)
}

// Text writes the list as setfacl reads it.
func (p AccessPage) Text() string {
	var text strings.Builder
	for _, e := range p.ACL.Entries {
		text.WriteString(e.String() + "\n")
	}
	return text.String()
}
