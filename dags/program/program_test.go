package program_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/program"
)

const text = `
name: parts
params:
  n: {type: int, default: 3}
steps:
  split:
    go: {program: parts, func: split}
    with: {n: "${{ params.n }}"}
    outputs: {half: float, table: artifact}
`

func build() (dags.DAG, error) { return dags.Parse([]byte(text)) }

// run calls the program with arguments and gives what it wrote.
func run(t *testing.T, funcs program.Funcs, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = program.Run(t.Context(), args, build, funcs, &o, &e)
	return o.String(), e.String(), err
}

func nothing(context.Context, *program.Step) error { return nil }

func TestAPipelineThatNamesAFunctionThatIsNotThereIsRefused(t *testing.T) {
	_, _, err := run(t, program.Funcs{"splt": nothing}, "check")
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), `step split: this program has no function "split"; it has splt`) {
		t.Errorf("check = %v", err)
	}
	if _, errs, err := run(t, program.Funcs{"split": nothing}, "check"); err != nil || errs != "pipeline parts with 1 steps is well-formed\n" {
		t.Errorf("check = %v, %q", err, errs)
	}
	out, _, err := run(t, program.Funcs{"split": nothing}, "json")
	if dag, wrong := dags.Decode([]byte(out)); err != nil || wrong != nil || dag.Name != "parts" {
		t.Errorf("json = %v, %v, %s", err, wrong, out)
	}
	for _, args := range [][]string{nil, {"jump"}, {"run", "-P", "n"}, {"store", "--colour"}, {"--bine-func"}} {
		if _, _, err := run(t, program.Funcs{"split": nothing}, args...); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("%q = %v, want Invalid", args, err)
		}
	}
}

// server is an installation that keeps what it is sent.
type server struct {
	files    map[string][]byte
	manifest []bine.ArtifactEntry
	params   string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/api/v1/projects/demo/")
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Header.Get("Authorization") != "Bearer bine_k":
		w.WriteHeader(http.StatusUnauthorized)
	case path == "artifacts/missing":
		w.Write(body) // all of them
	case path == "artifacts/manifests":
		_ = json.Unmarshal(body, &s.manifest)
		reply(bine.ArtifactRef{Hash: "c0de"})
	case strings.HasPrefix(path, "artifacts/"):
		s.files[strings.TrimPrefix(path, "artifacts/")] = body
		reply(bine.ArtifactRef{})
	case path == "pipelines" && r.URL.Query().Get("code") == "c0de":
		reply(bine.PipelineVersion{Pipeline: "parts", Version: 2})
	case path == "pipelines/parts/runs":
		s.params = string(body)
		reply(bine.Run{ID: "parts-7"})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestStoringUploadsTheProgramItself(t *testing.T) {
	s := &server{files: map[string][]byte{}}
	h := httptest.NewServer(s)
	defer h.Close()
	config := filepath.Join(t.TempDir(), "config.json")
	t.Setenv("BINE_CONFIG", config)
	for _, name := range []string{"BINE_API", "BINE_API_KEY", "BINE_PROJECT"} {
		t.Setenv(name, "")
	}
	if _, _, err := run(t, program.Funcs{"split": nothing}, "store"); !bine.IsKind(err, bine.Unauthenticated) {
		t.Errorf("without a server, store = %v", err)
	}
	if err := os.WriteFile(config, []byte(`{"current":"here","contexts":{"here":{"url":"`+h.URL+`","key":"bine_k","project":"demo"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, err := run(t, program.Funcs{"split": nothing}, "run", "-P", "n=5", "-P", "shop=graz")
	if err != nil || out != "parts-7\n" || errs != "pipeline parts is version 2\n" {
		t.Fatalf("run = %v, %q, %q", err, out, errs)
	}
	if !strings.Contains(s.params, `"params":{"n":5,"shop":"graz"}`) || !strings.Contains(s.params, `"version":2`) {
		t.Errorf("the run was started with %s", s.params)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.manifest) != 1 || s.manifest[0].Path != "parts" || !s.manifest[0].Executable {
		t.Fatalf("the code is %+v", s.manifest)
	}
	if got := s.files[string(s.manifest[0].Hash)]; !bytes.Equal(got, want) {
		t.Errorf("%d bytes were uploaded, not this program's %d", len(got), len(want))
	}
	// A key is for its own server.
	if _, _, err := run(t, program.Funcs{"split": nothing}, "store", "--url", strings.Replace(h.URL, "127.0.0.1", "localhost", 1)); err == nil {
		t.Errorf("the key was sent to another address")
	}
	if _, _, err := run(t, program.Funcs{"split": nothing}, "store", "--program", "/nowhere"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a program that is not there = %v", err)
	}
}

// asStep makes this process look like a step; it gives the directory of its outputs.
func asStep(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"BINE_WITH": `{"n": 3}`, "BINE_INPUTS": `{"rows": "` + dir + `/rows", "bad": "` + dir + `/bad"}`, "BINE_ITEM_VALUE": `{"name": "graz"}`,
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		t.Setenv(name, path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"rows": `{"key":"a","value":1}` + "\n" + `{"key":"b","value":[2]}` + "\n", "bad": `{"key":"a","value":1}` + "\n{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("BINE_OUTPUTS", dir)
	t.Setenv("BINE_STEP", "split")
	t.Setenv("BINE_ATTEMPT", "2")
	return dir
}

func TestAFunctionReadsAndGivesWhatAStepDoes(t *testing.T) {
	dir := asStep(t)
	split := func(_ context.Context, s *program.Step) error {
		var with struct{ N int }
		var item struct{ Name string }
		if err := errors.Join(s.With(&with), s.Item(&item)); err != nil {
			return err
		}
		if with.N != 3 || item.Name != "graz" || s.Name != "split" || s.Attempt != 2 {
			t.Errorf("with = %+v, item = %+v, step = %s, attempt %d", with, item, s.Name, s.Attempt)
		}
		var keys []string
		for row, err := range s.Rows("rows") {
			if err != nil {
				return err
			}
			keys = append(keys, row.Key+string(row.Value))
		}
		if got := strings.Join(keys, " "); got != "a1 b[2]" {
			t.Errorf("rows = %s", got)
		}
		s.Log.Info("half way")
		return errors.Join(s.Set("half", 1.5), s.Set("name", "graz"), s.Metric("loss", 0.5, 3))
	}
	out, _, err := run(t, program.Funcs{"split": split}, "--bine-func", "split")
	if err != nil || !strings.Contains(out, "half way") {
		t.Fatalf("%v, %q", err, out)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "values.json")); string(got) != `{"half":1.5,"name":"graz"}` {
		t.Errorf("values = %s", got)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); !strings.HasPrefix(string(got), `{"name":"loss","value":0.5,"step":3,`) {
		t.Errorf("metrics = %s", got)
	}
}

func TestAFunctionIsToldWhatIsWrong(t *testing.T) {
	asStep(t)
	wrong := func(_ context.Context, s *program.Step) error {
		var with struct{ M int }
		if err := s.With(&with); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("With of a struct without the param = %v", err)
		}
		if _, err := s.Input("table"); !bine.IsKind(err, bine.NotFound) || !strings.Contains(err.Error(), "it has bad, rows") {
			t.Errorf("Input = %v", err)
		}
		var last error
		for _, last = range s.Rows("bad") {
		}
		if last == nil {
			t.Error("half a row was taken for one")
		}
		for _, name := range []string{"", "../x", "a b"} {
			if _, err := s.Path(name); !bine.IsKind(err, bine.Invalid) {
				t.Errorf("Path(%q) = %v", name, err)
			}
		}
		if err := s.Set("f", func() {}); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Set of a function = %v", err)
		}
		if err := s.Metric("loss", math.NaN(), 0); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Metric of no number = %v", err)
		}
		return errors.New("and it fails")
	}
	if _, _, err := run(t, program.Funcs{"split": wrong}, "--bine-func", "split"); err == nil || err.Error() != "and it fails" {
		t.Errorf("the function's error = %v", err)
	}
	if _, _, err := run(t, program.Funcs{"split": wrong}, "--bine-func", "spilt"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("an unknown function = %v", err)
	}
	t.Setenv("BINE_OUTPUTS", "")
	if _, _, err := run(t, program.Funcs{"split": wrong}, "--bine-func", "split"); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("outside of a step = %v", err)
	}
}
