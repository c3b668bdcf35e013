package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/client"
)

func TestLeasesAreShownAndRecovered(t *testing.T) {
	f := newFiles(t)
	for _, name := range []string{"log", "free"} {
		f.put("demo/Resources/"+name, "", false).lease = client.FileLease{Path: "Resources/" + name}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.tree["demo/Resources/log"].lease = client.FileLease{Path: "Resources/log", Epoch: 7, Holder: "loader of olga", By: "demo__olga", Taken: at, Renewed: at, Yields: at.Add(time.Minute)}
	got := f.must("lease", "Resources/log", "Resources/free")
	for _, want := range []string{"loader of olga", "demo__olga", "Resources/free"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if got := f.must("recover", "Resources/log"); !strings.Contains(got, "loader of olga") {
		t.Errorf("recover does not say whose lease it was:\n%s", got)
	}
	if got := f.must("lease", "Resources/log"); strings.Contains(got, "loader") {
		t.Errorf("after recover:\n%s", got)
	}
	f.fails(3, "no such file", "recover", "Resources/none")
}
