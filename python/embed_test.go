package python_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine/python"
)

func TestExtractGivesAPackageThatImports(t *testing.T) {
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	dir := t.TempDir()
	for range 2 { // the second time changes nothing
		if err := python.Extract(dir); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-S", "-c", "import bine, sys; print(bine.__version__, 'httpx' in sys.modules)")
	cmd.Env = []string{"PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("import bine: %v\n%s", err, out)
	}
	if got, want := string(out), "0.1.0 False\n"; got != want {
		t.Errorf("python printed %q, want %q", got, want)
	}
}

func TestExtractRepairsAFileThatWasChanged(t *testing.T) {
	dir := t.TempDir()
	if err := python.Extract(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bine", "step.py")
	if err := os.WriteFile(path, []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := python.Extract(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fs.ReadFile(python.Files(), "bine/step.py")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("step.py is not as it was embedded")
	}
}

func TestFilesHoldSourcesOnly(t *testing.T) {
	err := fs.WalkDir(python.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) != ".py" && filepath.Base(path) != "py.typed" {
			t.Errorf("%s is carried, which is no source", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(python.Version()) != 16 {
		t.Errorf("Version() = %q, want 16 digits", python.Version())
	}
}
