package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestEncryptionOfAProject(t *testing.T) {
	e := client.Encryption{On: true, Keys: []client.KeyVersion{{Version: 2, Used: true, CreatedAt: time.Now()}, {Version: 1, CreatedAt: time.Now()}}}
	routes := map[string]any{"GET projects/demo/encryption": client.Encryption{}, "PUT projects/demo/encryption": e}
	for _, args := range [][]string{{"demo"}, {"demo", "--rotate"}, {"demo", "--off"}} {
		out, _, err := command(t, routes, append([]string{"project", "encrypt"}, args...)...)
		if err != nil || !strings.Contains(out, "now") || !strings.Contains(out, "before") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, _, err := command(t, routes, "project", "encrypt", "demo", "--show"); err != nil || !strings.Contains(out, "no") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "project", "encrypt", "demo", "--rotate", "--off"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("two at once: %v, want a usage error", err)
	}
}

func TestFilesAreBroughtToTheirPlace(t *testing.T) {
	t.Setenv("BINE_PROJECT", "demo")
	done := bine.Transfer{ID: "relocate-1", Direction: bine.Relocate, Files: "Resources", State: bine.TransferSucceeded, Progress: bine.Progress{Copied: 7}}
	routes := map[string]any{"POST projects/demo/transfers": done, "GET projects/demo/transfers/relocate-1": done}
	for _, args := range [][]string{{"Resources"}, {":Resources", "--wait"}, {":"}, {}} {
		out, _, err := command(t, routes, append([]string{"fs", "policy", "satisfy"}, args...)...)
		if err != nil || !strings.Contains(out, "relocate-1") || !strings.Contains(out, "7") || strings.Contains(out, " : ") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
