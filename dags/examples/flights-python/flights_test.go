package flights_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/bine-ml/bine/dags"
)

// TestSamePipelineAsTheYAML runs the Python builder and compares what it gives.
func TestSamePipelineAsTheYAML(t *testing.T) {
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	cmd := exec.Command(program, "flights.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH=../../../python/src", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3 flights.py: %v", err)
	}
	got, err := dags.Parse(text)
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, text)
	}
	text, err = os.ReadFile("../flights/pipeline.yml")
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
}
