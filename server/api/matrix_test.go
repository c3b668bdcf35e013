package api_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/api"
)

// caller is one column of the matrix: who calls, and what must come of it.
type caller struct {
	name string
	key  func(op *huma.Operation) string
	want func(x auth.Access) verdict
}

// verdict is what access says about a call; what the operation itself says to a
// request without sense is another matter.
type verdict string

const (
	in        verdict = "let in"
	unknown   verdict = "401"
	forbidden verdict = "403"
	hidden    verdict = "404 of a project that is not there"
)

// TestMatrix calls every operation of the document as everybody.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	callers := w.callers()
	for _, op := range operations(w) {
		x, ok := op.Extensions[api.AccessExtension].(auth.Access)
		if !ok {
			t.Errorf("%s does not say who may call it", op.OperationID)
			continue
		}
		t.Run(op.OperationID, func(t *testing.T) {
			for _, c := range callers {
				if got, want := w.verdict(t, op, c.key(op)), c.want(x); got != want {
					t.Errorf("%s as %s: %s, want %s", op.OperationID, c.name, got, want)
				}
			}
		})
	}
}

func (w *world) callers() []caller {
	w.t.Helper()
	all := []bine.Scope{bine.ScopeAll}
	fixed := func(key string) func(*huma.Operation) string { return func(*huma.Operation) string { return key } }
	person := func(user bine.UserName) func(*huma.Operation) string {
		return fixed(w.key(user, bine.Key{Scopes: all}))
	}
	narrow := map[bine.Scope]string{}
	for _, s := range []bine.Scope{bine.ScopeServe, bine.ScopeRead, bine.ScopeRun} {
		narrow[s] = w.key("olga", bine.Key{Scopes: []bine.Scope{s}})
	}
	agent := w.key("root", bine.Key{Scopes: []bine.Scope{bine.ScopeAgent}})
	return []caller{
		{"anonymous", fixed(""), func(x auth.Access) verdict { return either(x.Public, in, unknown) }},
		{"a member of another project", person("mallory"), member("", false)},
		{"a Data Scientist", person("sven"), member(bine.DataScientist, false)},
		{"a Data Owner", person("olga"), member(bine.DataOwner, false)},
		{"an administrator", person("root"), member("", true)},
		{"an expired key", fixed(w.expired("olga")), func(x auth.Access) verdict { return either(x.Public, in, unknown) }},
		{"a wrongly scoped key", func(op *huma.Operation) string {
			for scope, key := range narrow {
				if !slices.Contains(op.Extensions[api.AccessExtension].(auth.Access).Scopes, scope) {
					return key
				}
			}
			return w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAgent}})
		}, func(x auth.Access) verdict { return either(x.Public, in, forbidden) }},
		{"a key for another project", fixed(w.key("olga", bine.Key{Scopes: all, Project: "other"})), func(x auth.Access) verdict {
			switch {
			case x.Public, x.Bound:
				return in
			case x.Role != "":
				return hidden
			}
			return forbidden
		}},
		{"a job", fixed(w.jobToken()), func(x auth.Access) verdict {
			switch {
			case x.Public, x.Job && x.Role != bine.DataOwner, x.Job && x.User && x.Bound:
				return in
			}
			return forbidden
		}},
		{"an agent", fixed(agent), func(x auth.Access) verdict {
			switch {
			case x.Public, x.Agent:
				return in
			case x.Role != "" && !x.OrAdmin:
				return hidden
			}
			return forbidden
		}},
	}
}

// member is what must come of calls of a person with a role in the project.
func member(role bine.Role, admin bool) func(auth.Access) verdict {
	return func(x auth.Access) verdict {
		switch {
		case x.Public, x.User, x.Admin && admin, x.OrAdmin && admin:
			return in
		case x.Role == "":
			return forbidden
		case role == "":
			return hidden
		}
		return either(role.Includes(x.Role), in, forbidden)
	}
}

func either(yes bool, a, b verdict) verdict {
	if yes {
		return a
	}
	return b
}

// expired gives a key that was good for a moment.
func (w *world) expired(user bine.UserName) string {
	w.t.Helper()
	soon := time.Now().Add(50 * time.Millisecond)
	key := w.key(user, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}, ExpiresAt: &soon})
	eventually(w.t, "the end of a key", func() bool { return time.Now().After(soon) })
	return key
}

// jobToken gives the token of an attempt in demo that acts for sven.
func (w *world) jobToken() string {
	w.t.Helper()
	token, err := w.auth.JobToken(w.t.Context(), w.attempt("sven").ID, "sven")
	w.ok(err)
	return token
}

// verdict calls an operation without a body worth reading and looks at what
// access says to it.
func (w *world) verdict(t *testing.T, op *huma.Operation, key string) verdict {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // ends streams
	values := strings.NewReplacer("{project}", "demo", "{version}", "77", "{path}", "Resources/no/such", "{hash}", string(hashOf("nothing")),
		"{user}", "nobody", "{run}", "none-1", "{key}", "none", "{host}", "none")
	path := values.Replace(op.Path)
	for strings.Contains(path, "{") {
		i, j := strings.Index(path, "{"), strings.Index(path, "}")
		path = path[:i] + "none" + path[j+1:]
	}
	r, err := http.NewRequestWithContext(ctx, op.Method, w.url+path, strings.NewReader("{"))
	w.ok(err)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	w.ok(err)
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return unknown
	case http.StatusForbidden:
		return forbidden
	case http.StatusNotFound:
		if text, _ := io.ReadAll(res.Body); strings.Contains(string(text), auth.NoProject("demo").Error()[:20]) || strings.Contains(string(text), `you are not a member of it`) {
			return hidden
		}
	case http.StatusInternalServerError:
		text, _ := io.ReadAll(res.Body)
		t.Errorf("%s: 500 %s\n%s", op.OperationID, text, w.log)
	}
	return in
}

func TestAnUnknownProjectAndAForeignOneReadTheSame(t *testing.T) {
	w := newWorld(t)
	key := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	foreign := w.raw("GET", "/api/v1/projects/other/runs", key, nil)
	absent := w.raw("GET", "/api/v1/projects/never/runs", key, nil)
	if foreign.status != 404 || foreign.body != strings.ReplaceAll(absent.body, "never", "other") {
		t.Errorf("a foreign project answers %d %s, an unknown one %s; want the same", foreign.status, foreign.body, absent.body)
	}
}
