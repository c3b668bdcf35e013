package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

// sent keeps what a request carried and gives an answer.
func sent(to *string, answer any) asked {
	return func(body string) any { *to = body; return answer }
}

func shows(t *testing.T, what, out string, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err != nil || !strings.Contains(out, word) {
			t.Errorf("%s: %v, lacks %q:\n%s", what, err, word, out)
		}
	}
}

func TestConnectorsAreMadeTriedAndListed(t *testing.T) {
	sea := bine.Connector{Name: "sea", Kind: bine.ConnectorS3, Bucket: "raw", Root: "2026", Endpoint: "https://s3.example.com", Access: bine.ConnectorOwners, HasSecret: true}
	host := bine.Connector{Name: "host", Kind: bine.ConnectorDirectory, Root: "/srv/data", Access: bine.ConnectorRead, Description: "what comes"}
	var body string
	routes := map[string]any{
		"GET projects/demo/connectors": []bine.Connector{host, sea}, "GET projects/demo/connectors/sea": sea, "PUT projects/demo/connectors/sea": sent(&body, sea),
		"POST projects/demo/connectors/sea/test": client.ConnectorTest{OK: true, Wrote: true}, "DELETE projects/demo/connectors/sea": map[string]any{},
		"POST projects/demo/connectors/host/test": client.ConnectorTest{Kind: bine.Forbidden, Reason: "it may not be read"},
	}
	out, _, err := command(t, routes, "connector", "list")
	shows(t, "list", out, err, "/srv/data", "s3://raw/2026 at https://s3.example.com", "Data Owners", "nobody", "what comes")
	out, _, err = command(t, routes, "connector", "show", "sea", "-o", "json")
	shows(t, "show", out, err, `"has_secret": true`)
	out, _, err = command(t, routes, "connector", "test", "sea")
	shows(t, "test", out, err, "sea", "yes")
	if _, _, err = command(t, routes, "connector", "test", "host"); cli.ExitCode(err) != cli.ExitNotAllowed || !strings.Contains(err.Error(), "may not be read") {
		t.Errorf("a connector that does not work: %v", err)
	}
	if _, _, err = command(t, routes, "connector", "delete", "sea"); err != nil {
		t.Error(err)
	}

	t.Setenv("BINE_CONNECTOR_SECRET", "s3cret")
	args := []string{"connector", "set", "sea", "--bucket", "raw", "--root", "2026", "--endpoint", "https://s3.example.com", "--access-key", "AKIA", "--access", "owners"}
	out, _, err = command(t, routes, args...)
	shows(t, "set", out, err, "sea")
	shows(t, "what was sent", body, nil, `"kind":"s3"`, `"bucket":"raw"`, `"access":"owners"`, `"secret":"s3cret"`)
	if strings.Contains(out, "s3cret") {
		t.Errorf("the secret is shown:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = command(t, routes, append(args, "--secret-file", file)...)
	shows(t, "a secret of a file", body, err, `"secret":"of a file"`)
	if err := os.Unsetenv("BINE_CONNECTOR_SECRET"); err != nil {
		t.Fatal(err)
	}
	if _, _, err = command(t, routes, args...); err != nil || strings.Contains(body, "secret\"") {
		t.Errorf("without a secret the one that is kept stays: %v, sent %s", err, body)
	}
	if _, _, err = command(t, routes, append(args, "--secret-file", file+".gone")...); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestTransfersAreStartedWaitedForAndStopped(t *testing.T) {
	running := bine.Transfer{ID: "import-1", Direction: bine.Import, Connector: "sea", Path: "2026", Files: "sensors", State: bine.TransferRunning}
	done := running
	done.State, done.Copied, done.Bytes = bine.TransferSucceeded, 3, 2048
	failed := running
	failed.State, failed.Reason = bine.TransferFailed, "2 files were not copied"
	var body string
	routes := map[string]any{
		"POST projects/demo/transfers": sent(&body, running), "GET projects/demo/transfers/import-1": done,
		"GET projects/demo/transfers": client.Page[bine.Transfer]{Items: []bine.Transfer{running}}, "GET projects/demo/transfers/import-1/faults": []bine.TransferFault{{Path: "a.csv", Reason: "somebody changed it"}},
		"POST projects/demo/transfers/import-1/cancel": running, "POST projects/demo/transfers/import-1/retry": running,
	}
	out, errs, err := command(t, routes, "connector", "import", "sea:2026", "sensors", "--wait")
	shows(t, "import", out, err, "succeeded", "2.0 KiB")
	shows(t, "its progress", errs, err, "import-1: 0 files")
	shows(t, "what was sent", body, nil, `"direction":"import"`, `"connector":"sea"`, `"path":"2026"`, `"files":"sensors"`)
	_, _, err = command(t, routes, "connector", "export", "Models/best", "sea:", "--key", "k")
	shows(t, "export", body, err, `"direction":"export"`, `"files":"Models/best"`, `"key":"k"`)
	out, _, err = command(t, routes, "transfer", "list")
	shows(t, "list", out, err, "sea:2026", "running")
	out, _, err = command(t, routes, "transfer", "faults", "import-1")
	shows(t, "faults", out, err, "a.csv", "somebody changed it")
	for _, verb := range []string{"cancel", "retry", "show"} {
		out, _, err = command(t, routes, "transfer", verb, "import-1")
		shows(t, verb, out, err, "import-1")
	}
	routes["GET projects/demo/transfers/import-1"] = failed
	if out, _, err = command(t, routes, "connector", "import", "sea:2026", "sensors", "--wait"); cli.ExitCode(err) != cli.ExitConflict || !strings.Contains(out, "2 files were not copied") {
		t.Errorf("an import that fails: %v\n%s", err, out)
	}
	if _, _, err = command(t, routes, "connector", "import", "sea", "sensors"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("without a path: %v", err)
	}
}

func TestAProjectIsSandboxed(t *testing.T) {
	var body string
	routes := map[string]any{"PUT projects/demo/sandboxed": sent(&body, bine.Project{Name: "demo", Sandboxed: true})}
	out, _, err := command(t, routes, "project", "sandbox", "demo")
	shows(t, "sandbox", out, err, "demo", "yes")
	on := body
	if _, _, err = command(t, routes, "project", "sandbox", "demo", "--off"); err != nil || on == body {
		t.Errorf("on sends %s, off %s (%v)", on, body, err)
	}
}
