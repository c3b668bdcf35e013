package ui_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestAnAccessListIsReplacedByThatOfTheForm(t *testing.T) {
	api := newFakeAPI()
	w := post(newUI(api), "/projects/demo/file-actions/access?path=raw", url.Values{"entries": {"user::rwx\r\nuser:grace:rwx #effective:r-x\r\ngroup::r-x\r\nother::---"}})
	if w.Code >= 400 {
		t.Fatalf("answers %d %s", w.Code, w.Body)
	}
	want := `{"entries":[{"type":"user","perm":"rwx"},{"type":"user","name":"demo__grace","perm":"rwx"},{"type":"group","perm":"r-x"},{"type":"other","perm":"---"}]}`
	if got := strings.TrimSpace(api.body("PUT /projects/demo/acls/raw")); got != want {
		t.Errorf("sends\n%s\nwant\n%s", got, want)
	}
	// The form has no default entries, and there were some.
	if asked := strings.Join(api.asked, " "); !strings.Contains(asked, "/acls/raw?default=true") {
		t.Errorf("the default list stays: %s", asked)
	}
}
