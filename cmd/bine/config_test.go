package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/cli"
)

// program runs bine with a configuration file and arguments.
func program(t *testing.T, file string, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Setenv("BINE_CONFIG", filepath.Join(t.TempDir(), "config.json"))
	if file != "" {
		path := filepath.Join(t.TempDir(), "bine.yml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestConfigIsDefaultsThenFileThenEnvironmentThenFlags(t *testing.T) {
	t.Setenv("BINE_LISTEN", "127.0.0.1:2")
	t.Setenv("BINE_GRACE", "30s")
	code, out, errs := program(t, "listen: 127.0.0.1:1\ndata: /tmp/of-the-file\nlog: {level: warn}\n", "config", "--listen", "127.0.0.1:3", "--files-inline", "128KiB")
	if code != cli.ExitDone {
		t.Fatalf("bine config ended with %d: %s", code, errs)
	}
	for _, want := range []string{"listen: 127.0.0.1:3", "data: /tmp/of-the-file", "grace: 30s", "level: warn", "format: text", "inline: 128KiB", "sqlite:///tmp/of-the-file/bine.db"} {
		if !strings.Contains(out, want) {
			t.Errorf("the configuration lacks %q:\n%s", want, out)
		}
	}
}

func TestConfigHidesWhatIsSecret(t *testing.T) {
	_, out, _ := program(t, "database: mysql://root:hidden1@db:3306/bine\nagent: {key: hidden2}\ns3: {access_key: shown, secret_key: hidden4}\ntemporal: {store: \"mysql://root:hidden3@db:3306/t\"}\n", "config")
	for _, secret := range []string{"hidden1", "hidden2", "hidden3", "hidden4"} {
		if strings.Contains(out, secret) {
			t.Errorf("bine config shows %s:\n%s", secret, out)
		}
	}
}

func TestConfigRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want string
	}{
		"unknown key": {"listn: 127.0.0.1:1\n", "listn"},
		"no duration": {"grace: soon\n", "soon"},
		"too short":   {"grace: 1s\n", "grace"},
		"no address":  {"listen: here\n", "listen"},
		"no database": {"database: postgres://x\n", "postgres"},
		"no level":    {"log: {level: loud}\n", "loud"},
		"no size":     {"host: {memory: much}\n", "much"},
		"too large":   {"files: {inline: 2MiB}\n", "2MiB"},
		"no host":     {"host: {name: \"a b\"}\n", "a b"},
	} {
		code, _, errs := program(t, c.file, "config")
		if code != cli.ExitUsage || !strings.Contains(errs, c.want) || strings.Contains(errs, "main.") {
			t.Errorf("%s: ended with %d and said %q, want %d and %q", name, code, errs, cli.ExitUsage, c.want)
		}
	}
	if code, _, errs := program(t, "", "config", "--config", "/nowhere.yml"); code != cli.ExitNotFound {
		t.Errorf("a file that is not there: %d %s", code, errs)
	}
}

func TestRolesSayWhatTheyLack(t *testing.T) {
	dir := t.TempDir()
	for role, want := range map[string]string{"agent": "scope agent", "worker": "payload.key", "server": "--temporal"} {
		code, _, errs := program(t, "", role, "--data", dir)
		if code == cli.ExitDone || !strings.Contains(errs, want) {
			t.Errorf("bine %s ended with %d and said %q, want it to name %q", role, code, errs, want)
		}
		if err := os.RemoveAll(filepath.Join(dir, "keys")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResetAsksAndKeepsWhatIsNotBines(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "precious")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := program(t, "", "reset", "--yes", "--data", dir); code != cli.ExitDone || !strings.Contains(errs, "nothing was removed") {
		t.Errorf("reset of a directory without data of Bine: %d %s", code, errs)
	}
	unlock, err := lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := program(t, "", "reset", "--yes", "--data", dir); code != cli.ExitConflict {
		t.Errorf("reset of a directory in use: %d %s", code, errs)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := program(t, "", "reset", "--data", dir); code != cli.ExitDone || !strings.Contains(errs, "nothing was removed") {
		t.Errorf("reset without an answer: %d %s", code, errs)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("reset without an answer removed something: %v", err)
	}
	if code, _, errs := program(t, "", "reset", "--yes", "--data", dir); code != cli.ExitDone {
		t.Errorf("reset: %d %s", code, errs)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after reset the directory is still there: %v", err)
	}
}
