package python_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine/dags"
)

// TestThePythonBuilderGivesWhatTheYAMLDoes builds the examples in Python and
// compares their canonical form with that of the YAML.
func TestThePythonBuilderGivesWhatTheYAMLDoes(t *testing.T) {
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	cmd := exec.Command(program, "tests/language.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH=src", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3 tests/language.py: %v", err)
	}
	var built map[string]string
	if err := json.Unmarshal(out, &built); err != nil {
		t.Fatal(err)
	}
	for name, text := range built {
		t.Run(name, func(t *testing.T) {
			got, err := dags.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%v\nof\n%s", err, text)
			}
			text, err := os.ReadFile(filepath.Join("..", "dags", "examples", name, "pipeline.yml"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := dags.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.JSON(), want.JSON()) {
				t.Errorf("the Python pipeline is\n%s\nthe YAML is\n%s", got.JSON(), want.JSON())
			}
		})
	}
}
