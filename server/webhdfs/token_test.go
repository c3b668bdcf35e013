package webhdfs_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

func (w *world) grant(form url.Values, headers ...string) got {
	w.t.Helper()
	return w.send("POST", w.url+"/webhdfs/oauth2/token", strings.NewReader(form.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// TestTokenOfClientCredentials goes the way of Hadoop's
// ConfCredentialBasedAccessTokenProvider, and asks by what it got.
func TestTokenOfClientCredentials(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/demo/Resources/f", "x")
	form := url.Values{"client_id": {"spark"}, "client_secret": {w.keys["olga"]}, "grant_type": {"client_credentials"}}
	a := w.grant(form)
	var token struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	a.into(t, &token)
	if a.status != http.StatusOK || token.TokenType != "bearer" || token.ExpiresIn < 60 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d %q %v", a.status, a.body, a.header)
	}
	const status = "/Projects/demo/Resources/f?op=GETFILESTATUS"
	if a := w.as(token.AccessToken, "GET", status); a.status != http.StatusOK {
		t.Errorf("the token answers %d %s", a.status, a.body)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(w.keys["olga"], "bine_"), "_")
	w.ok(w.store.DeleteKey(t.Context(), "olga", id))
	if a := w.as(token.AccessToken, "GET", status); a.status != http.StatusUnauthorized {
		t.Errorf("after the key was revoked its token answers %d %s", a.status, a.body)
	}
	if a := w.grant(form); a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"invalid_client"`) {
		t.Errorf("the revoked key answers %d %s", a.status, a.body)
	}
	form.Set("client_secret", w.job("olga"))
	if a := w.grant(form); a.status != http.StatusOK {
		t.Errorf("the token of a job answers %d %s", a.status, a.body)
	}
}

func TestTokenRefused(t *testing.T) {
	w := newWorld(t)
	serve, end := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeServe}}), time.Now().Add(time.Hour)
	bound := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}, Project: "demo", ExpiresAt: &end})
	form := func(pairs ...string) url.Values {
		f := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	for name, c := range map[string]struct {
		form    url.Values
		headers []string
		status  int
		says    string
	}{
		"bound to a project, to read": {form("client_secret", bound), nil, 200, bound},
		"by Basic":                    {form(), []string{"Authorization", "Basic " + basic("me", bound)}, 200, bound},
		"another grant":               {form("grant_type", "password"), nil, 400, "unsupported_grant_type"},
		"no secret":                   {form(), nil, 400, "invalid_request"},
		"no form":                     {form("client_secret", bound), []string{"Content-Type", "application/json"}, 400, "invalid_request"},
		"too long":                    {form("client_secret", strings.Repeat("x", 10_000)), nil, 400, "invalid_request"},
		"nobody's":                    {form("client_secret", "bine_0000000000_wrong"), nil, 401, "invalid_client"},
		"for predictions":             {form("client_secret", serve), nil, 403, "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := w.grant(c.form, c.headers...); a.status != c.status || !strings.Contains(a.body, c.says) {
				t.Errorf("answered %d %s, want %d %s", a.status, a.body, c.status, c.says)
			}
		})
	}
	if a := w.send("GET", w.url+"/webhdfs/oauth2/token?grant_type=client_credentials&client_secret="+bound, nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a secret in the address answers %d", a.status)
	}
}
