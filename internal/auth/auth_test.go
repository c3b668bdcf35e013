package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

func TestAPasswordIsKeptAsArgon2idWithItsCost(t *testing.T) {
	_, m, _ := newAuth(t)
	if got, want := m.hashes["eva"], "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(got, want) {
		t.Errorf("the kept hash is %q, want it to begin with %q", got, want)
	}
}

func TestAPasswordThatIsTooShortOrTooLongIsRefused(t *testing.T) {
	a, _, _ := newAuth(t)
	for _, p := range []string{"", "short", strings.Repeat("x", 1001)} {
		if _, err := a.HashPassword(t.Context(), p); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("HashPassword of %d bytes = %v, want Invalid", len(p), err)
		}
	}
}

func TestSignInWithTheWrongPasswordAndAsNobodyReadTheSame(t *testing.T) {
	a, _, _ := newAuth(t)
	_, _, wrong := a.SignIn(t.Context(), "eva", "not the password", "1.2.3.4", "")
	_, _, nobody := a.SignIn(t.Context(), "nobody", password, "1.2.3.4", "")
	if !bine.IsKind(wrong, bine.Unauthenticated) || wrong.Error() != fmt.Sprint(nobody) {
		t.Errorf("a wrong password answers %v, an unknown user %v; want the same refusal", wrong, nobody)
	}
}

func TestAHashOfAnotherCostIsMadeAnewAtSignIn(t *testing.T) {
	a, m, _ := newAuth(t)
	// correct horse battery with m=8, t=1, p=1
	m.hashes["eva"] = cheapHash
	if _, _, err := a.SignIn(t.Context(), "eva", password, "", ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.hashes["eva"], "m=19456,t=2,p=1") {
		t.Errorf("after sign-in the kept hash is %q, want the current cost", m.hashes["eva"])
	}
}

func TestSignInMakesASessionAndEndsTheOneThatWasPresented(t *testing.T) {
	a, m, _ := newAuth(t)
	first, _, err := a.SignIn(t.Context(), "ola", password, "", "")
	if err != nil {
		t.Fatal(err)
	}
	second, who, err := a.SignIn(t.Context(), "ola", password, "", first)
	if err != nil || first == second || who.User != "ola" || who.Admin {
		t.Fatalf("SignIn = %q, %+v, %v after %q; want a new session of ola", second, who, err, first)
	}
	if _, err := a.IdentifySession(t.Context(), first); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("the presented session answers %v, want that it is over", err)
	}
	for hash := range m.sessions {
		if strings.Contains(string(hash), second) || hash != bine.HashOf([]byte(second)) {
			t.Errorf("the store holds %q, want the hash of the id alone", hash)
		}
	}
}

func TestAPlantedSessionIsWorthNothing(t *testing.T) {
	a, _, _ := newAuth(t)
	if _, _, err := a.SignIn(t.Context(), "ola", password, "", "planted"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.IdentifySession(t.Context(), "planted"); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("the planted session answers %v, want Unauthenticated", err)
	}
}

func TestASessionSlidesAndEnds(t *testing.T) {
	a, m, c := newAuth(t)
	id, _, err := a.SignIn(t.Context(), "ola", password, "", "")
	if err != nil {
		t.Fatal(err)
	}
	c.forward(10 * time.Minute)
	if _, err := a.IdentifySession(t.Context(), id); err != nil || m.extended != 0 {
		t.Errorf("soon after sign-in: %v, extended %d times; want no error and no write", err, m.extended)
	}
	c.forward(13 * 24 * time.Hour)
	if _, err := a.IdentifySession(t.Context(), id); err != nil || m.extended != 1 {
		t.Errorf("after 13 days: %v, extended %d times; want it extended", err, m.extended)
	}
	c.forward(13 * 24 * time.Hour)
	if _, err := a.IdentifySession(t.Context(), id); err != nil {
		t.Errorf("13 days after its last use: %v, want it to last", err)
	}
	c.forward(15 * 24 * time.Hour)
	if _, err := a.IdentifySession(t.Context(), id); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("15 days after its last use: %v, want it over", err)
	}
}

func TestSignInIsLimitedAndTheLimitPasses(t *testing.T) {
	a, _, c := newAuth(t)
	var last error
	for range 12 {
		_, _, last = a.SignIn(t.Context(), "ola", "not the password", "1.2.3.4", "")
	}
	limited, ok := last.(*auth.Limited)
	if !ok || limited.Wait <= 0 {
		t.Fatalf("the 12th wrong try answers %v, want a limit with the time to wait", last)
	}
	if _, _, err := a.SignIn(t.Context(), "ola", password, "1.2.3.4", ""); !bine.IsKind(err, bine.NoQuota) {
		t.Errorf("the right password within the limit answers %v, want the limit", err)
	}
	if _, _, err := a.SignIn(t.Context(), "ola", password, "5.6.7.8", ""); err != nil {
		t.Errorf("from another address: %v, want no limit", err)
	}
	c.forward(limited.Wait)
	if _, _, err := a.SignIn(t.Context(), "ola", password, "1.2.3.4", ""); err != nil {
		t.Errorf("after the wait: %v, want to be let in", err)
	}
}

func TestSigningInWellIsNotLimited(t *testing.T) {
	a, _, _ := newAuth(t)
	for i := range 15 {
		if _, _, err := a.SignIn(t.Context(), "ola", password, "", ""); err != nil {
			t.Fatalf("sign-in %d: %v", i+1, err)
		}
	}
}

func TestChangingThePasswordEndsEveryOtherSession(t *testing.T) {
	a, m, _ := newAuth(t)
	mine, _, _ := a.SignIn(t.Context(), "ola", password, "", "")
	other, _, _ := a.SignIn(t.Context(), "ola", password, "", "")
	who, err := a.IdentifySession(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := a.ChangePassword(t.Context(), who, password, "another long one", "")
	if err != nil || fresh == "" || len(m.sessions) != 1 {
		t.Fatalf("ChangePassword = %q, %v with %d sessions left; want a new session alone", fresh, err, len(m.sessions))
	}
	for _, old := range []string{mine, other} {
		if _, err := a.IdentifySession(t.Context(), old); err == nil {
			t.Error("a session from before the change is still good")
		}
	}
	if _, _, err := a.SignIn(t.Context(), "ola", "another long one", "", ""); err != nil {
		t.Errorf("sign-in with the new password: %v", err)
	}
}

func TestKeys(t *testing.T) {
	a, m, c := newAuth(t)
	expires := c.at.Add(time.Hour)
	text, key, err := a.NewKey(t.Context(), auth.Identity{User: "ola"}, bine.Key{Name: "nb", Scopes: []bine.Scope{bine.ScopeRun}, Project: "demo", ExpiresAt: &expires})
	if err != nil || !strings.HasPrefix(text, "bine_"+key.ID+"_") || len(text) != len("bine_")+10+1+43 {
		t.Fatalf("NewKey = %q, %+v, %v", text, key, err)
	}
	if strings.Contains(fmt.Sprint(m.keys, m.secrets), strings.Split(text, "_")[2]) {
		t.Error("the store holds the secret of the key")
	}
	who, err := a.IdentifyToken(t.Context(), text)
	if err != nil || who.User != "ola" || who.Via != auth.ViaKey || who.Project != "demo" || m.touched != 1 {
		t.Errorf("IdentifyToken = %+v, %v; touched %d times", who, err, m.touched)
	}
	if a.IdentifyToken(t.Context(), text); m.touched != 1 {
		t.Errorf("used again at once the key was touched %d times, want 1", m.touched)
	}
	for name, bad := range map[string]string{"another secret": text[:len(text)-1] + "!", "another id": "bine_aaaaaaaaaa_" + strings.Split(text, "_")[2], "nonsense": "bine_x", "empty": ""} {
		if _, err := a.IdentifyToken(t.Context(), bad); !bine.IsKind(err, bine.Unauthenticated) {
			t.Errorf("a key with %s answers %v, want Unauthenticated", name, err)
		}
	}
	c.forward(time.Hour)
	if _, err := a.IdentifyToken(t.Context(), text); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("an expired key answers %v, want Unauthenticated", err)
	}
}

func TestWrongKeysAreLimitedAndGoodOnesAreNot(t *testing.T) {
	a, _, c := newAuth(t)
	good, _, err := a.NewKey(t.Context(), auth.Identity{User: "ola"}, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	if err != nil {
		t.Fatal(err)
	}
	try := func(key, address string) error {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = address
		r.Header.Set("Authorization", "Bearer "+key)
		_, err := a.Identify(r, auth.PlainCookie)
		return err
	}
	wrong := good[:len(good)-1] + "!"
	for i := range 10 {
		if err := try(wrong, fmt.Sprintf("1.2.3.4:%d", 1000+i)); !bine.IsKind(err, bine.Unauthenticated) {
			t.Fatalf("wrong key %d answers %v, want Unauthenticated", i+1, err)
		}
	}
	limited, ok := errors.AsType[*auth.Limited](try(wrong, "1.2.3.4:1"))
	if !ok || limited.Wait <= 0 || !bine.IsKind(limited, bine.NoQuota) {
		t.Fatalf("the 11th wrong key answers %v, want a limit with the time to wait", limited)
	}
	if err := try(good, "1.2.3.4:1"); err != nil {
		t.Errorf("a good key from the same address: %v, want no limit", err)
	}
	if err := try("bine_nonsense", "5.6.7.8:1"); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("a wrong key from another address: %v, want no limit", err)
	}
	c.forward(limited.Wait)
	if err := try(wrong, "1.2.3.4:1"); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("a wrong key after the wait: %v, want no limit", err)
	}
}

func TestKeysThatMustNotBeMade(t *testing.T) {
	a, _, c := newAuth(t)
	past := c.at
	for name, want := range map[string]struct {
		key  bine.Key
		kind bine.Kind
	}{
		"without a scope":           {bine.Key{}, bine.Invalid},
		"with an unknown scope":     {bine.Key{Scopes: []bine.Scope{"everything"}}, bine.Invalid},
		"expired":                   {bine.Key{Scopes: []bine.Scope{bine.ScopeAll}, ExpiresAt: &past}, bine.Invalid},
		"for agents, by any person": {bine.Key{Scopes: []bine.Scope{bine.ScopeAgent}}, bine.Forbidden},
	} {
		if _, _, err := a.NewKey(t.Context(), auth.Identity{User: "ola"}, want.key); !bine.IsKind(err, want.kind) {
			t.Errorf("a key %s answers %v, want %s", name, err, want.kind)
		}
	}
}

func TestAJobTokenEndsWithItsAttempt(t *testing.T) {
	a, m, _ := newAuth(t)
	token, err := a.JobToken(t.Context(), "a1", "eva")
	if err != nil || !strings.HasPrefix(token, "binejob_") {
		t.Fatalf("JobToken = %q, %v", token, err)
	}
	who, err := a.IdentifyToken(t.Context(), token)
	if err != nil || who.Via != auth.ViaJob || who.Project != "demo" || who.Attempt != "a1" || who.Admin {
		t.Errorf("IdentifyToken = %+v, %v; want the job of a1, never an administrator", who, err)
	}
	m.ended["a1"] = true
	if _, err := a.IdentifyToken(t.Context(), token); !bine.IsKind(err, bine.Fenced) || !strings.Contains(err.Error(), "attempt 2 of step train of run r-1 has ended, it is lost") {
		t.Errorf("after the attempt has ended: %v, want Fenced, and what ended", err)
	}
	if _, err := a.IdentifyToken(t.Context(), token+"x"); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("a token that nobody has: %v, want Unauthenticated", err)
	}
}

func TestARequestIsIdentifiedByHeaderBeforeCookie(t *testing.T) {
	a, _, _ := newAuth(t)
	id, _, _ := a.SignIn(t.Context(), "ola", password, "", "")
	r := httptest.NewRequest("GET", "/", nil)
	if who, err := a.Identify(r, auth.PlainCookie); err != nil || who.Known() {
		t.Errorf("a request with nothing is %+v, %v; want nobody", who, err)
	}
	r.AddCookie(&http.Cookie{Name: auth.PlainCookie, Value: id})
	if who, err := a.Identify(r, auth.PlainCookie); err != nil || who.User != "ola" {
		t.Errorf("a request with a session is %+v, %v; want ola", who, err)
	}
	if who, _ := a.Identify(r, auth.SecureCookie); who.Known() {
		t.Errorf("where the cookie is the secure one, the plain one gives %+v", who)
	}
	for _, header := range []string{"Basic b2xhOng=", "Bearer", "Bearer bine_x_y", "bine_x"} {
		r.Header.Set("Authorization", header)
		if _, err := a.Identify(r, auth.PlainCookie); !bine.IsKind(err, bine.Unauthenticated) {
			t.Errorf("Authorization: %s answers %v, want Unauthenticated whatever the cookie is", header, err)
		}
	}
}

func TestASealedSecretOpensForItsPlaceOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	s, err := auth.OpenSealer(path)
	if err != nil {
		t.Fatal(err)
	}
	if about, err := os.Stat(path); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v, %v; want 0600", about.Mode(), err)
	}
	sealed, err := s.Seal("secret", "route/demo/delay")
	if err != nil || strings.Contains(sealed, "secret") {
		t.Fatalf("Seal = %q, %v", sealed, err)
	}
	again, err := auth.OpenSealer(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, "route/demo/delay"); err != nil || got != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	parts := strings.Split(sealed, ".")
	other, _ := s.Seal("other", "route/demo/delay")
	for name, c := range map[string][2]string{
		"another place":      {sealed, "route/demo/other"},
		"the key of another": {parts[0] + "." + strings.Split(other, ".")[1] + "." + parts[2], "route/demo/delay"},
		"a changed letter":   {sealed[:len(sealed)-2] + "AA", "route/demo/delay"},
		"nonsense":           {"v1.x", "route/demo/delay"},
	} {
		if got, err := s.Open(c[0], c[1]); err == nil {
			t.Errorf("Open of %s = %q, want an error", name, got)
		}
	}
}

func TestAKeyFileThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	if err := os.WriteFile(path, make([]byte, 32), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenSealer(path); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("OpenSealer = %v, want what to do", err)
	}
}

func TestSealersThatStartAtOnceUseOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	sealed := make([]string, 8)
	var all sync.WaitGroup
	for i := range sealed {
		all.Go(func() {
			if s, err := auth.OpenSealer(path); err == nil {
				sealed[i], _ = s.Seal("x", "p")
			}
		})
	}
	all.Wait()
	s, err := auth.OpenSealer(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range sealed {
		if got, err := s.Open(text, "p"); got != "x" {
			t.Errorf("what sealer %d sealed opens as %q, %v", i, got, err)
		}
	}
}
