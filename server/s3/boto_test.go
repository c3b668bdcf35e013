package s3_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine"
)

// TestBoto has Amazon's own client for Python, and DuckDB where its extension can
// be had, use the door. deploy/test-python.sh makes the environment.
func TestBoto(t *testing.T) {
	python, err := filepath.Abs("../../bin/python-test/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if given := os.Getenv("BINE_TEST_PYTHON"); given != "" {
		python = given
	}
	if exec.Command(python, "-c", "import boto3, pytest").Run() != nil {
		if os.Getenv("CI") != "" && os.Getenv("BINE_TEST_PYTHON") != "" {
			t.Fatal("CI needs a Python with boto3 and pytest")
		}
		t.Skip("left out: no Python with boto3 and pytest; deploy/test-python.sh makes one, after which the tests of e2e run this")
	}
	w := newWorld(t)
	key, _, err := w.auth.NewKey(t.Context(), w.identity("olga"), bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	w.ok(err)
	c := exec.CommandContext(t.Context(), python, "-m", "pytest", "-q", "-rs", "--durations=5", "-o", "faulthandler_timeout=15", "-p", "no:cacheprovider", "tests/test_s3.py")
	c.Dir = "../../python"
	c.Env = append(os.Environ(), "PYTHONPATH=src", "BINE_TEST_API="+w.url, "BINE_TEST_KEY="+key, "BINE_TEST_PROJECT=demo", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	w.ok(err)
}
