package api_test

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/server"
)

// browser gives a client that keeps cookies.
func (w *world) browser() (*client.Client, *http.Client) {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.ok(err)
	h := &http.Client{Jar: jar}
	c, err := client.New(client.Options{URL: w.url, HTTP: h})
	w.ok(err)
	return c, h
}

func TestSigningInAndOut(t *testing.T) {
	w := newWorld(t)
	c, _ := w.browser()
	who, err := c.Login(t.Context(), client.Login{User: "sven", Password: password})
	w.ok(err)
	same(t, "Login", who, client.Identity{User: "sven", Via: "session"})
	me, err := c.Me(t.Context())
	w.ok(err)
	same(t, "Me", me, who)
	w.ok(c.SetPassword(t.Context(), client.NewPassword{Old: password, New: "another long one"}))
	if _, err := c.Me(t.Context()); err != nil {
		t.Errorf("after the change of the password the caller's own session answers %v", err)
	}
	wants(t, "a wrong old password", c.SetPassword(t.Context(), client.NewPassword{Old: password, New: "another long one"}), bine.Invalid)
	w.ok(c.Logout(t.Context()))
	_, err = c.Me(t.Context())
	wants(t, "after signing out, Me", err, bine.Unauthenticated)
	_, err = c.Login(t.Context(), client.Login{User: "sven", Password: password})
	wants(t, "the old password", err, bine.Unauthenticated)
}

func TestTheCookieOfASession(t *testing.T) {
	body := `{"user":"sven","password":"` + password + `"}`
	for name, c := range map[string]struct {
		secure bool
		want   []string
	}{
		"over http":  {false, []string{auth.PlainCookie + "=", "HttpOnly", "SameSite=Lax", "Path=/"}},
		"over https": {true, []string{auth.SecureCookie + "=", "HttpOnly", "SameSite=Lax", "Path=/", "Secure"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(s *server.Config) { s.API.Secure = c.secure })
			got := w.raw("POST", "/api/v1/auth/login", "", strings.NewReader(body), "Content-Type", "application/json")
			for _, part := range c.want {
				if !strings.Contains(got.header.Get("Set-Cookie"), part) {
					t.Errorf("Set-Cookie is %q, want %s in it", got.header.Get("Set-Cookie"), part)
				}
			}
		})
	}
}

func TestAPlantedSessionDoesNotSurviveSignIn(t *testing.T) {
	w := newWorld(t)
	login := func(cookie string) string {
		got := w.raw("POST", "/api/v1/auth/login", "", strings.NewReader(`{"user":"sven","password":"`+password+`"}`), "Content-Type", "application/json", "Cookie", auth.PlainCookie+"="+cookie)
		value, _, _ := strings.Cut(strings.TrimPrefix(got.header.Get("Set-Cookie"), auth.PlainCookie+"="), ";")
		return value
	}
	first := login("planted")
	second := login(first)
	if first == "planted" || second == first || second == "" {
		t.Fatalf("sign-in gave the sessions %q and %q, want new ones each time", first, second)
	}
	for _, old := range []string{"planted", first} {
		if got := w.raw("GET", "/api/v1/auth/me", "", nil, "Cookie", auth.PlainCookie+"="+old); got.status != 401 {
			t.Errorf("the session %q answers %d, want 401", old, got.status)
		}
	}
}

func TestSignInIsLimited(t *testing.T) {
	w := newWorld(t)
	var last answered
	for range 12 {
		last = w.raw("POST", "/api/v1/auth/login", "", strings.NewReader(`{"user":"sven","password":"not the password"}`), "Content-Type", "application/json")
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" || last.problem(t).Kind != bine.NoQuota {
		t.Errorf("the 12th wrong try answers %d, Retry-After %q: %s", last.status, last.header.Get("Retry-After"), last.body)
	}
}

func TestWrongKeysAreLimited(t *testing.T) {
	w := newWorld(t)
	var last answered
	for range 11 {
		last = w.raw("GET", "/api/v1/projects", "bine_aaaaaaaaaa_wrong", nil)
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Errorf("the 11th wrong key answers %d, Retry-After %q: %s", last.status, last.header.Get("Retry-After"), last.body)
	}
	if _, err := w.as("sven").Projects(t.Context()); err != nil {
		t.Errorf("a good key then: %v, want it taken", err)
	}
}

func TestWhatAnotherSiteMakesABrowserSendIsRefused(t *testing.T) {
	w := newWorld(t)
	c, h := w.browser()
	_, err := c.Login(t.Context(), client.Login{User: "olga", Password: password})
	w.ok(err)
	for name, header := range map[string][2]string{"cross-site": {"Sec-Fetch-Site", "cross-site"}, "same-site": {"Sec-Fetch-Site", "same-site"}, "a foreign origin": {"Origin", "https://evil.example"}} {
		r, _ := http.NewRequestWithContext(t.Context(), "DELETE", w.url+"/api/v1/projects/demo", nil)
		r.Header.Set(header[0], header[1])
		res, err := h.Do(r)
		w.ok(err)
		res.Body.Close()
		if res.StatusCode != 403 || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("a request that is %s answers %d %s, want 403", name, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
	if w.launched.made("delete demo") {
		t.Error("the project is being deleted")
	}
}

func TestUsersAndKeys(t *testing.T) {
	w := newWorld(t)
	root := w.as("root")
	made, err := root.CreateUser(t.Context(), client.NewUser{Name: "nils", Password: password})
	w.ok(err)
	same(t, "CreateUser", made.Name, "nils")
	_, err = root.CreateUser(t.Context(), client.NewUser{Name: "nils", Password: password})
	wants(t, "the same user again", err, bine.Conflict)
	_, err = root.CreateUser(t.Context(), client.NewUser{Name: "Nils!", Password: password})
	wants(t, "a name that is none", err, bine.Invalid)
	_, err = root.CreateUser(t.Context(), client.NewUser{Name: "lars", Password: "short"})
	wants(t, "a short password", err, bine.Invalid)
	users, err := root.Users(t.Context())
	w.ok(err)
	same(t, "number of users", len(users), 5)

	nils := w.as("nils")
	key, err := nils.CreateKey(t.Context(), client.NewKey{Name: "nb", Scopes: []bine.Scope{bine.ScopeRead}})
	w.ok(err)
	_, err = nils.CreateKey(t.Context(), client.NewKey{Name: "nb", Scopes: []bine.Scope{bine.ScopeRead}, Project: "demo"})
	wants(t, "a key for a project of others", err, bine.NotFound)
	_, err = nils.CreateKey(t.Context(), client.NewKey{Name: "nb", Scopes: []bine.Scope{bine.ScopeAgent}})
	wants(t, "a key for agents", err, bine.Forbidden)
	_, err = w.with(key.Key).CreateKey(t.Context(), client.NewKey{Name: "more", Scopes: []bine.Scope{bine.ScopeAll}})
	wants(t, "a narrow key that makes a wide one", err, bine.Forbidden)
	keys, err := nils.Keys(t.Context())
	w.ok(err)
	same(t, "number of keys", len(keys), 2)
	w.ok(nils.DeleteKey(t.Context(), key.Info.ID))
	_, err = w.with(key.Key).Me(t.Context())
	wants(t, "a revoked key", err, bine.Unauthenticated)

	wants(t, "removing oneself", root.DeleteUser(t.Context(), "root"), bine.Conflict)
	w.ok(root.DeleteUser(t.Context(), "nils"))
	_, err = nils.Me(t.Context())
	wants(t, "a removed user", err, bine.Unauthenticated)
}

func TestWhatChangesSomethingLeavesOneRecord(t *testing.T) {
	w := newWorld(t)
	sven, olga, root := w.as("sven"), w.as("olga"), w.as("root")
	_, err := olga.SetMember(t.Context(), "demo", "mallory", bine.DataScientist)
	w.ok(err)
	wants(t, "sven removing a member", sven.RemoveMember(t.Context(), "demo", "mallory"), bine.Forbidden)
	_, err = sven.Projects(t.Context())
	w.ok(err)
	page, err := root.Audit(t.Context(), client.List{Limit: 2})
	w.ok(err)
	if len(page.Items) != 2 || page.Next == "" {
		t.Fatalf("Audit = %+v", page)
	}
	refused, did := page.Items[0], page.Items[1]
	same(t, "the refusal", []any{refused.Actor, refused.Action, refused.Project, refused.Object, refused.Result}, []any{"sven", "remove-member", "demo", "projects/demo/members/mallory", "forbidden"})
	same(t, "the change", []any{did.Actor, did.Action, did.Project, did.Object, did.Result}, []any{"olga", "set-member", "demo", "projects/demo/members/mallory", "done"})
	if did.Request == "" || did.Address == "" || did.At.IsZero() {
		t.Errorf("the record lacks where it came from: %+v", did)
	}
	rest, err := root.Audit(t.Context(), client.List{After: page.Next})
	w.ok(err)
	for _, a := range rest.Items {
		if a.ID >= did.ID {
			t.Errorf("the second page has record %d, which is on the first", a.ID)
		}
	}
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	for name, c := range map[string]struct {
		method, path, body, media string
		status                    int
		kind                      bine.Kind
	}{
		"a body that is not JSON":       {"POST", "/api/v1/keys", "{", "application/json", 400, bine.Invalid},
		"a body without a field":        {"POST", "/api/v1/keys", `{"name":"x"}`, "application/json", 422, bine.Invalid},
		"a body with a field too many":  {"POST", "/api/v1/keys", `{"name":"x","scopes":["all"],"user":"root"}`, "application/json", 422, bine.Invalid},
		"a body of another media type":  {"POST", "/api/v1/keys", `{"name":"x","scopes":["all"]}`, "text/plain", 415, bine.Invalid},
		"a body that is too large":      {"POST", "/api/v1/keys", strings.Repeat(" ", 2<<20), "application/json", 413, bine.TooLarge},
		"no body":                       {"POST", "/api/v1/keys", "", "application/json", 400, bine.Invalid},
		"a path that is not there":      {"GET", "/api/v1/nothing", "", "", 404, bine.NotFound},
		"a method that is not done":     {"PATCH", "/api/v1/keys", "", "", 405, bine.Invalid},
		"a number that is none":         {"GET", "/api/v1/projects/demo/environments/x", "", "", 422, bine.Invalid},
		"a run that is not there":       {"GET", "/api/v1/projects/demo/runs/none-1", "", "", 404, bine.NotFound},
		"a cursor that is none":         {"GET", "/api/v1/projects/demo/files?after=%21", "", "", 422, bine.Invalid},
		"a project under another's key": {"GET", "/api/v1/projects/other", "", "", 404, bine.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.raw(c.method, c.path, key, strings.NewReader(c.body), "Content-Type", c.media)
			if p := got.problem(t); got.status != c.status || p.Status != c.status || p.Kind != c.kind || p.Detail == "" || p.Title == "" {
				t.Errorf("%d %+v, want %d %s with title and detail", got.status, p, c.status, c.kind)
			}
			if got.header.Get("X-Request-Id") == "" || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("the answer lacks its id or nosniff")
			}
		})
	}
}

func TestVersionHostsAndLeases(t *testing.T) {
	w := newWorld(t)
	v, err := w.with("").Version(t.Context())
	w.ok(err)
	same(t, "Version", v, client.Version{Version: "test", API: "v1"})
	hosts, err := w.as("sven").Hosts(t.Context())
	w.ok(err)
	leases, err := w.as("sven").Leases(t.Context())
	w.ok(err)
	if hosts == nil || leases == nil {
		t.Errorf("empty lists come as null: hosts %v, leases %v", hosts, leases)
	}
}

func TestLeasesOfOtherProjectsAreSumsOnly(t *testing.T) {
	w := newWorld(t)
	ctx, root := t.Context(), w.as("root")
	_, err := root.RegisterHost(ctx, bine.Host{Name: "h1", Capacity: bine.Resources{CPU: 4, Memory: 4 << 30}, Confine: "landlock-7"})
	w.ok(err)
	for i, project := range []bine.ProjectName{"demo", "other", "other"} { // the last one waits
		owner := bine.Owner{Project: project, Kind: bine.OwnerRun, Name: string(project) + "-secret-1", Step: "train"}
		_, _, err := w.ledger.Ask(ctx, lease.Request{Attempt: bine.NewAttemptID(owner, i), Owner: owner, Resources: bine.Resources{CPU: 1.5, Memory: 1 << 30}})
		w.ok(err)
	}
	for user, want := range map[bine.UserName]int{"sven": 1, "mallory": 2, "root": 3} {
		leases, err := w.as(user).Leases(ctx)
		w.ok(err)
		same(t, "number of leases that "+string(user)+" sees", len(leases), want)
	}
	key := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}})
	for _, path := range []string{"hosts", "leases"} {
		if got := w.raw("GET", "/api/v1/"+path, key, nil); got.status != 200 || strings.Contains(got.body, "other") {
			t.Errorf("%s tells somebody of demo alone %d %s", path, got.status, got.body)
		}
	}
	hosts, err := w.as("sven").Hosts(ctx)
	w.ok(err)
	same(t, "what is free", []any{len(hosts), hosts[0].Free.CPU}, []any{1, 1})
}
