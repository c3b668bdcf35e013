package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
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
