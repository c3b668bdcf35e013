package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheProgramRunsItsFunctions builds the program and runs a function as a host does.
func TestTheProgramRunsItsFunctions(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, executable)
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	outputs := filepath.Join(dir, "outputs")
	files := map[string]string{
		"with.json": `{"number": 360}`, "inputs.json": `{"counts": "` + filepath.Join(dir, "counts") + `"}`,
		"counts": `{"key":"12","value":3}` + "\n" + `{"key":"360","value":6}` + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(outputs, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(function string) (string, error) {
		cmd := exec.Command(binary, "--bine-func", function)
		cmd.Env = []string{"BINE_STEP=" + function, "BINE_OUTPUTS=" + outputs, "BINE_WITH=" + filepath.Join(dir, "with.json"), "BINE_INPUTS=" + filepath.Join(dir, "inputs.json")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("factor"); err != nil || !strings.Contains(out, "number=360 factors=6") {
		t.Errorf("factor: %v\n%s", err, out)
	}
	if got, _ := os.ReadFile(filepath.Join(outputs, "factors")); string(got) != "2\n2\n2\n3\n3\n5\n" {
		t.Errorf("the factors of 360 are %q", got)
	}
	if out, err := run("sum"); err != nil {
		t.Errorf("sum: %v\n%s", err, out)
	}
	if got, _ := os.ReadFile(filepath.Join(outputs, "values.json")); string(got) != `{"count":6,"total":9}` {
		t.Errorf("the values are %s", got)
	}
	if out, err := run("product"); err == nil || !strings.Contains(out, `no function "product"; it has factor, sum`) {
		t.Errorf("product: %v\n%s", err, out)
	}
}
