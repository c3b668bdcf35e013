package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

// asked is an answer that depends on what was sent.
type asked func(body string) any

// command runs the CLI against a server that answers what routes say, by method and path.
func command(t *testing.T, routes map[string]any, args ...string) (out, errs string, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, found := routes[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1/")]
		if !found {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"kind": "not_found", "title": "Not Found", "detail": "there is no " + r.URL.Path}
		}
		if ask, depends := answer.(asked); depends {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			answer = ask(string(body))
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("BINE_CONFIG", filepath.Join(t.TempDir(), "config.json"))
	t.Setenv("BINE_API", server.URL)
	t.Setenv("BINE_API_KEY", "bine_k_s")
	t.Setenv("BINE_PROJECT", "demo")
	var stdout, stderr bytes.Buffer
	root := &cobra.Command{Use: "bine", SilenceErrors: true, SilenceUsage: true}
	cli.New(root, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, nil)
	root.SetArgs(args)
	root.SetOut(&stdout)
	err = root.ExecuteContext(context.Background())
	return stdout.String(), stderr.String(), err
}

func TestListsAreTablesJSONYAMLOrNames(t *testing.T) {
	routes := map[string]any{"GET projects": []bine.Project{{Name: "demo", State: bine.ProjectReady}, {Name: "other", State: bine.ProjectFailed, Reason: "disk full"}}}
	for form, want := range map[string]string{
		"table": "disk full", "json": `"reason": "disk full"`, "yaml": "reason: disk full", "name": "demo\nother\n",
	} {
		out, _, err := command(t, routes, "project", "list", "-o", form)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("project list -o %s: %v\n%s\nwant it to contain %q", form, err, out, want)
		}
	}
	if _, _, err := command(t, routes, "project", "list", "-o", "xml"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("-o xml: %v, want a usage error", err)
	}
}

func TestAnEmptyListIsAnEmptyListInJSON(t *testing.T) {
	out, _, err := command(t, map[string]any{"GET projects": []bine.Project{}}, "project", "list", "-o", "json")
	if err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("got %q, %v, want []", out, err)
	}
}

func TestExitCodesSayWhatKindOfErrorItWas(t *testing.T) {
	_, _, err := command(t, nil, "run", "show", "flights-1")
	if cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("a run that is not there: exit code %d (%v), want %d", cli.ExitCode(err), err, cli.ExitNotFound)
	}
	for kind, want := range map[bine.Kind]int{
		bine.Invalid: cli.ExitUsage, bine.Forbidden: cli.ExitNotAllowed, bine.Unauthenticated: cli.ExitNotAllowed,
		bine.Conflict: cli.ExitConflict, bine.Internal: cli.ExitFailed,
	} {
		if got := cli.ExitCode(bine.Errorf(kind, "x")); got != want {
			t.Errorf("ExitCode(%s) = %d, want %d", kind, got, want)
		}
	}
	if _, _, err := command(t, nil, "run", "show"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a missing argument: %v, want a usage error", err)
	}
}

func TestCheckNeedsNoServerAndNamesEveryFaultWithItsPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pipeline.yml")
	if err := os.WriteFile(file, []byte("name: p\nsteps:\n  a:\n    comand: echo\n  b:\n    command: echo\n    needs: [c]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := command(t, nil, "pipeline", "check", file)
	var text bytes.Buffer
	cli.Explain(&text, err)
	for _, want := range []string{"4:", "comand", "command", "7:"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the explanation lacks %q:\n%s", want, text.String())
		}
	}
}

func TestCheckNamesAFileThatAStepNeedsAndIsNotThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pipeline.yml")
	if err := os.WriteFile(file, []byte("name: p\nsteps:\n  a:\n    python: a.py\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := command(t, nil, "pipeline", "check", file); err == nil || !strings.Contains(err.Error(), "a.py") {
		t.Errorf("got %v, want an error that names a.py", err)
	}
}

func TestContextsAreKeptForTheirOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bine", "config.json")
	if err := cli.Remember(path, "local", client.Context{URL: "http://127.0.0.1:1", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	about, err := os.Stat(path)
	if err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v (%v), want 0600", about.Mode(), err)
	}
	all, err := client.ReadContexts(path)
	if err != nil || all.Current != "local" || all.Contexts["local"].Key != "k" {
		t.Errorf("read back %+v, %v", all, err)
	}
}
