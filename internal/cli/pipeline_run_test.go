package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/cli"
)

func TestRunRefusesBadInputBeforeAnythingStarts(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml")
	for path, text := range map[string]string{good: "name: a\nsteps: {s: {values: {x: 1}}}\n", bad: "name: a\nsteps: {s: {valus: {x: 1}}}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a file with faults":       {[]string{"pipeline", "run", bad, "--local"}, cli.ExitUsage, "did you mean values?"},
		"no file":                  {[]string{"pipeline", "run", filepath.Join(dir, "none.yml"), "--local"}, cli.ExitNotFound, "no pipeline to read"},
		"a param without a value":  {[]string{"pipeline", "run", good, "--local", "-P", "x"}, cli.ExitUsage, "write name=value"},
		"packages without --local": {[]string{"pipeline", "run", good, "--requires", "pandas"}, cli.ExitUsage, "--local"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := command(t, nil, c.args...)
			var said strings.Builder
			cli.Explain(&said, err)
			if cli.ExitCode(err) != c.code || !strings.Contains(said.String(), c.says) {
				t.Errorf("bine %s: code %d, said %q; want code %d and %q", strings.Join(c.args, " "), cli.ExitCode(err), said.String(), c.code, c.says)
			}
		})
	}
}
