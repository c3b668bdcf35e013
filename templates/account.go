package templates

import (
	"html/template"
	"time"

	"github.com/bine-ml/bine"
)

// KeysPage lists the reader's API keys.
type KeysPage struct {
	Shell
	Keys     []bine.Key
	Projects []bine.ProjectName
	Made     string // a key that was just made, shown once; of a key for S3, what to set in the environment
}

// KeyTable lists some of the keys.
type KeyTable struct {
	Keys []bine.Key
	Now  time.Time
}

// Table lists keys.
func (p KeysPage) Table(keys []bine.Key) KeyTable { return KeyTable{keys, p.Now} }

// Bearers are the keys that are sent as they are.
func (p KeysPage) Bearers() []bine.Key { return p.keys(false) }

// Signers are the keys that requests of S3 are signed with.
func (p KeysPage) Signers() []bine.Key { return p.keys(true) }

func (p KeysPage) keys(s3 bool) (list []bine.Key) {
	for _, k := range p.Keys {
		if k.S3 == s3 {
			list = append(list, k)
		}
	}
	return list
}

// AccountPage lets the reader change the password.
type AccountPage struct{ Shell }

// UsersPage lists everybody who can sign in; for administrators.
type UsersPage struct {
	Shell
	Users []bine.User
}

// AuditPage lists what was changed; for administrators.
type AuditPage struct {
	Shell
	Records []bine.Audit
	Next    string
}

var (
	keysPage    = load("keys.html")
	accountPage = load("account.html")
	usersPage   = load("users.html")
	auditPage   = load("audit.html")
)

func (p KeysPage) page() *template.Template    { return keysPage }
func (p AccountPage) page() *template.Template { return accountPage }
func (p UsersPage) page() *template.Template   { return usersPage }
func (p AuditPage) page() *template.Template   { return auditPage }

// Scopes are what a key may be good for; agents' keys are for administrators.
func (p KeysPage) Scopes() []bine.Scope {
	all := []bine.Scope{bine.ScopeRun, bine.ScopeRead, bine.ScopeServe, bine.ScopeAll}
	if p.Admin {
		all = append(all, bine.ScopeAgent)
	}
	return all
}

// ScopeText says what a scope allows.
func (p KeysPage) ScopeText(s bine.Scope) string {
	switch s {
	case bine.ScopeAll:
		return "everything you may do"
	case bine.ScopeRun:
		return "start and follow runs"
	case bine.ScopeRead:
		return "read"
	case bine.ScopeServe:
		return "ask deployments"
	case bine.ScopeAgent:
		return "the agent of a host"
	}
	return string(s)
}
