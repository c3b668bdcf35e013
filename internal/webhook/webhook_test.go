package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/webhook"
)

func TestCheckAddressRefusesWhatIsNotPublic(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:80", "[::1]:80", "10.1.2.3:80", "192.168.0.1:443", "172.16.0.1:1", "169.254.169.254:80",
		"0.0.0.0:80", "[::ffff:127.0.0.1]:80", "[fe80::1]:80", "[fc00::1]:80", "[64:ff9b::7f00:1]:80", "100.64.0.1:80", "224.0.0.1:80",
	} {
		if err := webhook.CheckAddress(address); !bine.IsKind(err, bine.Forbidden) {
			t.Errorf("CheckAddress(%s) = %v, want forbidden", address, err)
		}
	}
	for _, address := range []string{"93.184.216.34:443", "[2606:2800:220:1::1]:443"} {
		if err := webhook.CheckAddress(address); err != nil {
			t.Errorf("CheckAddress(%s) = %v, want nil", address, err)
		}
	}
}

func TestPostSaysHowItWent(t *testing.T) {
	status, got := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	open := webhook.New(true)
	if err := open.Post(t.Context(), server.URL, []byte(`{"text":"x"}`)); err != nil || got != `{"text":"x"}` {
		t.Errorf("Post: %v, the server got %q", err, got)
	}
	for code, kind := range map[int]bine.Kind{500: bine.Unavailable, 429: bine.Unavailable, 404: bine.Invalid, 302: bine.Invalid} {
		status = code
		if err := open.Post(t.Context(), server.URL, nil); !bine.IsKind(err, kind) {
			t.Errorf("Post answered %d: %v, want kind %s", code, err, kind)
		}
	}
	if err := webhook.New(false).Post(t.Context(), server.URL, nil); err == nil {
		t.Error("Post to loopback succeeded, want it refused")
	}
}

func TestASignedPostCanBeCheckedByWhoGetsIt(t *testing.T) {
	const secret = "whsec_x"
	var right bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		stamp := r.Header.Get(webhook.TimestampHeader)
		right = stamp != "" && r.Header.Get(webhook.SignatureHeader) == webhook.Sign(secret, stamp, body) && r.Header.Get("Content-Type") == "application/json"
	}))
	defer server.Close()
	if err := webhook.New(true).PostSigned(t.Context(), server.URL, []byte(`{"text":"x"}`), secret); err != nil || !right {
		t.Errorf("a signed post: %v, its signature was right: %v", err, right)
	}
	// The same as: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_x
	if got, want := webhook.Sign(secret, "1700000000", []byte(`{"a":1}`)), "sha256=b3438763ab46d9634b9844c8722818eaf523f803db1327484c6067462a5fd6d1"; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestDoGivesTheAnswerUpToItsBound(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("X-A")+" "+string(body))
		}
	}))
	defer server.Close()
	client := webhook.New(true)
	status, answer, err := client.Do(t.Context(), http.MethodPut, server.URL, http.Header{"X-A": {"b"}}, []byte("c"), 7)
	if err != nil || status != http.StatusOK || string(answer) != "PUT b c" {
		t.Errorf("Do = %d %q %v", status, answer, err)
	}
	if _, _, err = client.Do(t.Context(), http.MethodPut, server.URL, nil, []byte("cc"), 6); !bine.IsKind(err, bine.TooLarge) {
		t.Errorf("an answer that is too long: %v", err)
	}
	if status, answer, err = client.Do(t.Context(), http.MethodGet, server.URL, nil, nil, 0); err != nil || status != http.StatusOK || answer != nil {
		t.Errorf("a look at the status: %d %q %v", status, answer, err)
	}
	if status, _, err = client.Do(t.Context(), http.MethodGet, server.URL+"/away", nil, nil, 100); err != nil || status != http.StatusFound {
		t.Errorf("a redirect: %d %v, want it not to be followed", status, err)
	}
	if _, _, err = client.Do(t.Context(), http.MethodGet, server.URL+"/cut", nil, nil, 100); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("an answer that broke off: %v", err)
	}
}

func TestNoFaultTellsMoreOfAnAddressThanItsHost(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	for address, kind := range map[string]bine.Kind{
		closed.URL + "/secret":                   bine.Unavailable,
		"http://127.0.0.1:1/secret":              bine.Unavailable,
		"ftp://chat.example.com/secret":          bine.Invalid,
		"/secret":                                bine.Invalid,
		"http://chat.example.com\r\n/secret":     bine.Invalid,
		"http://name.that.is.not.there./?secret": bine.Unavailable,
	} {
		_, _, err := webhook.New(true).Do(t.Context(), http.MethodGet, address, nil, nil, 10)
		if !bine.IsKind(err, kind) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Do(%q): %v, want an error of kind %s without the address", address, err, kind)
		}
	}
	if _, _, err := webhook.New(false).Do(t.Context(), http.MethodGet, "http://localhost:1/secret", nil, nil, 10); !bine.IsKind(err, bine.Forbidden) {
		t.Errorf("a name of this machine: %v, want it forbidden", err)
	}
}
