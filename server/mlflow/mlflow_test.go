package mlflow_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// TestClient has MLflow's own client use the door, and Bine's track runs. deploy/test-python.sh makes
// the environment.
func TestClient(t *testing.T) {
	python, err := filepath.Abs("../../bin/python-test/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if given := os.Getenv("BINE_TEST_PYTHON"); given != "" {
		python = given
	}
	if exec.Command(python, "-c", "import mlflow, pytest").Run() != nil {
		if os.Getenv("CI") != "" && os.Getenv("BINE_TEST_PYTHON") != "" {
			t.Fatal("CI needs a Python with mlflow-skinny and pytest")
		}
		t.Skip("left out: no Python with mlflow-skinny and pytest; deploy/test-python.sh makes one, after which deploy/test.sh runs this")
	}
	w := newWorld(t)
	c := exec.CommandContext(t.Context(), python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/test_mlflow.py", "tests/test_track.py")
	c.Dir = "../../python"
	c.Env = append(os.Environ(), "PYTHONPATH=src", "BINE_TEST_MLFLOW="+w.url+"/mlflow/demo", "BINE_TEST_OWNER="+w.key("olga", bine.ScopeAll), "BINE_TEST_SCIENTIST="+w.key("sven", bine.ScopeRun),
		"BINE_TEST_API="+w.url, "BINE_TEST_KEY="+w.key("sven", bine.ScopeRun), "BINE_TEST_PROJECT=demo", "BINE_CONFIG=/dev/null")
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	w.ok(err)
}

// call sends a request as a client of MLflow does.
func (w *world) call(key, method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(body)
	w.ok(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/mlflow/demo/api/2.0/mlflow"+path, strings.NewReader(string(text)))
	w.ok(err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	w.ok(err)
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	w.ok(err)
	var out map[string]any
	if json.Unmarshal(all, &out) != nil {
		w.t.Fatalf("%s %s answers %d %s", method, path, res.StatusCode, all)
	}
	return res.StatusCode, out
}

type object = map[string]any

func TestWhoMayLog(t *testing.T) {
	w := newWorld(t)
	for _, x := range []struct {
		name, key, method, path, code string
	}{
		{"nobody", "", "POST", "/runs/create", "UNAUTHENTICATED"},
		{"a stranger", w.key("mallory", bine.ScopeAll), "POST", "/runs/create", "RESOURCE_DOES_NOT_EXIST"},
		{"a key that reads", w.key("sven", bine.ScopeRead), "POST", "/runs/create", "PERMISSION_DENIED"},
		{"a Data Scientist who registers", w.key("sven", bine.ScopeAll), "POST", "/registered-models/create", "PERMISSION_DENIED"},
		{"an operation that is not there", w.key("sven", bine.ScopeAll), "GET", "/gateway/routes", "ENDPOINT_NOT_FOUND"},
	} {
		if _, out := w.call(x.key, x.method, x.path, object{"name": "m", "experiment_id": "0"}); out["error_code"] != x.code {
			t.Errorf("%s: %v, want %s", x.name, out, x.code)
		}
	}
	if status, out := w.call(w.key("sven", bine.ScopeRead), "GET", "/experiments/get?experiment_id=0", nil); status != 200 {
		t.Errorf("a key that reads: %v", out)
	}
}

func TestNumbersMayBeTexts(t *testing.T) {
	w := newWorld(t)
	key := w.key("sven", bine.ScopeRun)
	_, out := w.call(key, "POST", "/runs/create", object{"experiment_id": "0", "start_time": "1700000000000"})
	id := out["run"].(object)["info"].(object)["run_id"].(string)
	if status, out := w.call(key, "POST", "/runs/log-batch", object{"run_id": id, "metrics": []object{{"key": "loss", "value": "NaN", "timestamp": "5", "step": "1"}, {"key": "loss", "value": 2, "timestamp": 6, "step": 2}}}); status != 200 {
		t.Fatal(out)
	}
	_, out = w.call(key, "GET", "/metrics/get-history?metric_key=loss&run_id="+id, nil)
	if got := fmt.Sprint(out["metrics"]); !strings.Contains(got, "value:NaN") || !strings.Contains(got, "step:2") {
		t.Errorf("history: %s", got)
	}
}

func TestArtifactsStayBelowExperiments(t *testing.T) {
	w := newWorld(t)
	put := func(key, path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "PUT", w.url+"/mlflow/demo/api/2.0/mlflow-artifacts/artifacts/"+path, strings.NewReader("x"))
		w.ok(err)
		r.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(r)
		w.ok(err)
		res.Body.Close()
		return res.StatusCode
	}
	sven := w.key("sven", bine.ScopeRun)
	if got := put(sven, "0/r/artifacts/a.txt"); got != 200 {
		t.Errorf("an artifact: %d", got)
	}
	for _, path := range []string{"..%2f..%2fother/x", "%2e%2e/README.md", "../README.md"} {
		if got := put(sven, path); got == 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if _, err := w.files.Stat(t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Experiments/0/r/artifacts/a.txt")); err != nil {
		t.Error(err)
	}
}
