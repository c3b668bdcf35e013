package uv_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
	"github.com/bine-ml/bine/internal/environment/environmenttest"
	"github.com/bine-ml/bine/internal/environment/uv"
)

// program gives a uv, got once for all tests of this process.
var program = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.TempDir(), "bine-test-uv")
	return uv.Ensure(context.Background(), dir, os.Stderr)
})

// needUV gives a uv, or skips the test where this machine has no Python, no pip
// or no index; in CI that is a failure.
func needUV(t *testing.T) string {
	t.Helper()
	path, err := program()
	if bine.IsKind(err, bine.Unavailable) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// config describes a builder that finds the packages of the suite, and no index.
func config(t *testing.T) uv.Config {
	t.Helper()
	wheels := t.TempDir()
	environmenttest.WriteWheels(t, wheels, environmenttest.Packages())
	return uv.Config{
		Program: needUV(t),
		Cache:   filepath.Join(t.TempDir(), "cache"),
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PIP_FIND_LINKS=/nowhere " + wheels, "PIP_NO_INDEX=1"},
		Verify:  4 * time.Second,
	}
}

func TestBuilder(t *testing.T) {
	environmenttest.Run(t, func(t *testing.T) environment.Builder { return uv.New(config(t)) })
}

func TestEachProjectHasACacheOfItsOwn(t *testing.T) {
	c := config(t)
	c.Cache = ""
	b := uv.New(c)
	lock, err := b.Lock(t.Context(), environment.Spec{Requires: []string{"alpha"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	for _, project := range []string{"one", "two"} {
		if err := b.Install(t.Context(), lock, filepath.Join(base, project, "1"), t.Output()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(base, project, ".cache")); err != nil {
			t.Error(err)
		}
	}
}

func TestEnsureTwiceInstallsOnce(t *testing.T) {
	first := needUV(t)
	second, err := uv.Ensure(t.Context(), filepath.Join(os.TempDir(), "bine-test-uv"), t.Output())
	if err != nil || second != first {
		t.Errorf("Ensure = %q, %v, want %q", second, err, first)
	}
}

func TestEnsureWithoutPythonSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		t.Skip("this machine has /usr/bin/python3, which is looked at whatever the PATH says")
	}
	_, err := uv.Ensure(t.Context(), t.TempDir(), t.Output())
	if !bine.IsKind(err, bine.Unavailable) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("Ensure = %v, want what to install", err)
	}
}

func TestAnIndexThatDoesNotAnswerIsUnavailableAndNamed(t *testing.T) {
	c := config(t)
	c.Environ = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"PIP_INDEX_URL=http://user:sesame@127.0.0.1:9/simple", "UV_HTTP_RETRIES=0"}
	var log bytes.Buffer
	_, err := uv.New(c).Lock(t.Context(), environment.Spec{Requires: []string{"alpha"}}, &log)
	if !bine.IsKind(err, bine.Unavailable) || !strings.Contains(err.Error(), "127.0.0.1:9") {
		t.Errorf("Lock = %v, want an Unavailable error that names the index", err)
	}
	if strings.Contains(log.String()+err.Error(), "sesame") {
		t.Errorf("the password of the index is told:\n%s\n%v", log.String(), err)
	}
}

func TestNothingOfThePlatformReachesTheTools(t *testing.T) {
	c := config(t)
	c.Environ = append(c.Environ, "BINE_TOKEN=secret", "AWS_SECRET_ACCESS_KEY=secret")
	c.Prepare = func(cmd *exec.Cmd) error {
		for _, entry := range cmd.Env {
			if strings.Contains(entry, "secret") {
				t.Errorf("%s is started with %s", cmd.Path, entry)
			}
		}
		return nil
	}
	b := uv.New(c)
	lock, err := b.Lock(t.Context(), environment.Spec{Requires: []string{"alpha"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Install(t.Context(), lock, filepath.Join(t.TempDir(), "1"), t.Output()); err != nil {
		t.Fatal(err)
	}
}

// TestInstallSurvivesKill kills a process in the middle of Install, at moments
// spread over its time, and installs again.
func TestInstallSurvivesKill(t *testing.T) {
	c := config(t)
	b := uv.New(c)
	lock, err := b.Lock(t.Context(), environment.Spec{Requires: []string{"beta"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "demo", "1")
	file := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(file, []byte(lock.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	killed := 0
	for after := 5 * time.Millisecond; after < 600*time.Millisecond; after = after * 3 / 2 {
		child := exec.Command(os.Args[0], "-test.run=^TestHelperInstall$")
		child.Env = append(os.Environ(), "UV_TEST_LOCK="+file, "UV_TEST_DIR="+dir, "UV_TEST_CACHE="+c.Cache,
			"UV_TEST_PROGRAM="+c.Program, "UV_TEST_ENV="+strings.Join(c.Environ, "\n"))
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
		if child.Wait() != nil {
			killed++
		}
		timer.Stop()
		if _, err := os.Stat(dir); err == nil && !b.Installed(dir) {
			t.Fatalf("killed after %v, the environment is there and not whole", after)
		}
		if b.Installed(dir) {
			if err := b.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	if killed == 0 {
		t.Error("no Install was killed: the test shows nothing")
	}
	if err := b.Install(t.Context(), lock, dir, t.Output()); err != nil {
		t.Fatalf("Install after %d kills: %v", killed, err)
	}
	out, err := exec.Command(b.PythonPath(dir), "-c", "import beta").CombinedOutput()
	if err != nil {
		t.Errorf("import beta: %v\n%s", err, out)
	}
}

// TestHelperInstall is the process that TestInstallSurvivesKill kills.
func TestHelperInstall(t *testing.T) {
	file := os.Getenv("UV_TEST_LOCK")
	if file == "" {
		t.Skip("only for TestInstallSurvivesKill")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := uv.New(uv.Config{Program: os.Getenv("UV_TEST_PROGRAM"), Cache: os.Getenv("UV_TEST_CACHE"),
		Environ: strings.Split(os.Getenv("UV_TEST_ENV"), "\n")})
	if err := b.Install(t.Context(), environment.Lock{Text: string(text)}, os.Getenv("UV_TEST_DIR"), t.Output()); err != nil {
		t.Fatal(err)
	}
}
