package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// example says how one of dags/examples is run and what must come of it.
type example struct {
	params  map[string]json.RawMessage
	prepare func(s *system, p bine.ProjectName)             // before the run
	during  func(s *system, p bine.ProjectName, r bine.Run) // while it goes on
	state   bine.State                                      // succeeded if empty
	outputs map[string]string                               // JSON of the run's outputs
	check   func(t *testing.T, s *system, p bine.ProjectName, r bine.Run, steps []bine.Step)
}

func raw(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// examples lists every directory of dags/examples but those that have tests of
// their own.
func examples(t *testing.T) map[string]example {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || !strings.Contains(string(body), `"graz"`) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"number": 41}`)
	}))
	t.Cleanup(service.Close)
	return map[string]example{
		"branch":   {outputs: map[string]string{"way": `"short"`}, check: states(map[string]bine.State{"long_way": bine.Skipped, "first": bine.Succeeded})},
		"per-item": {outputs: map[string]string{"best": `"salzburg"`}},
		"nested":   {outputs: map[string]string{"number": "5"}},
		"batch":    {outputs: map[string]string{"sum": "332833500"}},
		"failures": {outputs: map[string]string{"attempt": "3"}, check: states(map[string]bine.State{"blame": bine.Skipped, "cleanup": bine.Succeeded})},
		"failures:fail": {params: map[string]json.RawMessage{"fail": raw(true)}, state: bine.Failed,
			check: states(map[string]bine.State{"last": bine.Failed, "blame": bine.Succeeded, "cleanup": bine.Succeeded})},
		"limits": {prepare: func(s *system, p bine.ProjectName) {
			s.mustCLI("pool", "set", "warehouse", "--slots", "3", "-p", string(p))
		}},
		"approval": {during: approve, outputs: map[string]string{"text": `"deployed to 25 % for C-7, as admin said"`}},
		"wait":     {during: arrive, outputs: map[string]string{"hour": `"2026-01-01T05"`}},
		"parent":   {prepare: storeChildren, outputs: map[string]string{"ways": `["nothing","short","long"]`}},
		"sql":      {prepare: putOrders, outputs: map[string]string{"total": "28.0"}},
		"notebook": {outputs: map[string]string{"total": "10"}},
		"http":     {params: map[string]json.RawMessage{"url": raw(service.URL)}, outputs: map[string]string{"path": `"Resources/reports/http-1.txt"`}, check: filed},
		"lake":     {prepare: connectSea, outputs: map[string]string{"fetched": "2", "given": "1"}, check: reported},
		"cache":    {check: cachedAgain},
		"gpu":      {outputs: map[string]string{"devices": "2", "processes": "1"}},
		"nightly":  {outputs: map[string]string{"why": `"schedule"`}, check: triggered},
	}
}

// TestExamples runs every pipeline of dags/examples as a user would.
func TestExamples(t *testing.T) {
	s := newSystem(t)
	s.env = append(s.env, "BINE_DEVICES=dags/examples/gpu/node.yml", "BINE_CONNECTOR_DIRS="+s.outside())
	s.start("up", "--log-level", "warn", "--notify-allow-private", "true")
	s.ready(30 * time.Second)
	s.mustCLI("project", "create", "examples", "--requires", "duckdb==2.0.0,nbclient==0.11.0,nbconvert==7.17.2,ipykernel==7.4.0")
	p := bine.ProjectName("examples")
	all := examples(t)
	own := []string{"flights", "flights-go", "flights-python", "go-steps", "python"}
	dirs, err := filepath.Glob("../dags/examples/*/")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if name := filepath.Base(dir); !slices.Contains(own, name) && all[name].check == nil && all[name].outputs == nil && all[name].prepare == nil {
			t.Errorf("dags/examples/%s is not run by any test", name)
		}
	}
	for _, name := range sortedNames(all) {
		t.Run(name, func(t *testing.T) { runExample(t, s, p, name, all[name]) })
	}
}

func sortedNames(all map[string]example) []string {
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func runExample(t *testing.T, s *system, p bine.ProjectName, name string, e example) {
	dir, _, _ := strings.Cut(name, ":")
	if e.prepare != nil {
		e.prepare(s, p)
	}
	s.mustCLI("pipeline", "store", "dags/examples/"+dir, "-p", string(p))
	run, err := s.client().StartRun(t.Context(), p, bine.PipelineName(dir), client.NewRun{Params: e.params})
	if err != nil {
		t.Fatal(err)
	}
	if e.during != nil {
		e.during(s, p, run)
	}
	run, steps := s.follow(p, run.ID)
	want := e.state
	if want == "" {
		want = bine.Succeeded
	}
	if run.State != want {
		t.Fatalf("run %s is %s (%s), want %s; its steps: %s", run.ID, run.State, run.Reason, want, reasons(steps))
	}
	for output, value := range e.outputs {
		if string(run.Outputs[output]) != value {
			t.Errorf("output %s is %s, want %s", output, run.Outputs[output], value)
		}
	}
	if e.check != nil {
		e.check(t, s, p, run, steps)
	}
}

func reasons(steps []bine.Step) string {
	var all []string
	for _, s := range steps {
		all = append(all, fmt.Sprintf("%s %s %s", s.Name, s.State, s.Reason))
	}
	return strings.Join(all, "; ")
}

// states checks the states of some steps.
func states(want map[string]bine.State) func(*testing.T, *system, bine.ProjectName, bine.Run, []bine.Step) {
	return func(t *testing.T, _ *system, _ bine.ProjectName, _ bine.Run, steps []bine.Step) {
		t.Helper()
		for _, step := range steps {
			if is, named := want[string(step.Name)]; named && is != step.State {
				t.Errorf("step %s is %s (%s), want %s", step.Name, step.State, step.Reason, is)
			}
		}
	}
}

// approve answers the approval as its form asks, after an answer that does not fit.
func approve(s *system, p bine.ProjectName, r bine.Run) {
	eventually(s.t, 20*time.Second, "the approval is asked", func() bool {
		page, err := s.client().Approvals(s.t.Context(), p, bine.ApprovalWaiting, client.List{})
		return err == nil && slices.ContainsFunc(page.Items, func(a bine.Approval) bool { return a.Run == r.ID })
	})
	if out, err := s.cli("approval", "approve", string(r.ID), "ask", "-F", "share=500", "-F", "ticket=C-7", "-p", string(p)); err == nil || !strings.Contains(out, "100") {
		s.t.Errorf("a share of 500 %% was not refused with its limit: %v %s", err, out)
	}
	s.mustCLI("approval", "approve", string(r.ID), "ask", "-F", "share=25", "-F", "ticket=C-7", "--note", "fine", "-p", string(p))
}

// arrive puts the files there that the run waits for.
func arrive(s *system, p bine.ProjectName, r bine.Run) {
	eventually(s.t, 20*time.Second, "two steps wait", func() bool {
		steps, err := s.client().Steps(s.t.Context(), p, r.ID)
		waits := 0
		for _, step := range steps {
			if step.State == bine.Waiting {
				waits++
			}
		}
		return err == nil && waits >= 2
	})
	s.put(p, "Resources/arrivals/2026-01-01T05.csv", "a,b\n")
	s.put(p, "Resources/hours/2026-01-01T05/_SUCCESS", "")
}

// connectSea makes a connector to a directory with the readings of a day.
func connectSea(s *system, p bine.ProjectName) {
	for _, name := range []string{"north.csv", "south.csv"} {
		path := filepath.Join(s.outside(), "readings/2026-01-31", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("at,level\n"), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.mustCLI("connector", "set", "sea", "--kind", "directory", "--root", s.outside(), "--access", "owners", "-p", string(p))
}

// reported looks at what came out of the lake and into it.
func reported(t *testing.T, s *system, p bine.ProjectName, _ bine.Run, _ []bine.Step) {
	t.Helper()
	if out := s.mustCLI("fs", "cat", "Resources/readings/2026-01-31/north.csv", "-p", string(p)); out != "at,level\n" {
		t.Errorf("the imported file reads %q", out)
	}
	if text, err := os.ReadFile(filepath.Join(s.outside(), "reports/2026-01-31.txt")); err != nil || string(text) != "2 files\n" {
		t.Errorf("the exported report reads %q, %v", text, err)
	}
}

// put writes a file of the project.
func (s *system) put(p bine.ProjectName, path, text string) {
	s.t.Helper()
	local := filepath.Join(s.dir, "upload")
	if err := os.WriteFile(local, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if dir := filepath.Dir(path); dir != "Resources" {
		s.mustCLI("fs", "mkdir", dir, "-p", string(p))
	}
	s.mustCLI("fs", "put", local, path, "-p", string(p))
}

func storeChildren(s *system, p bine.ProjectName) {
	s.mustCLI("pipeline", "store", "dags/examples/branch", "-p", string(p))
	job := client.NewJob{Name: "greet", Command: []string{"echo", "hello"}, Params: raw(map[string]any{"who": map[string]string{"type": "string", "default": "you"}})}
	if _, err := s.client().StoreJob(s.t.Context(), p, job); err != nil {
		s.t.Fatal(err)
	}
}

func putOrders(s *system, p bine.ProjectName) {
	s.put(p, "Resources/orders.csv", "amount,currency\n10,eur\n20,usd\n")
}

// filed looks into the file that the http example leaves.
func filed(t *testing.T, s *system, p bine.ProjectName, _ bine.Run, _ []bine.Step) {
	t.Helper()
	if out := s.mustCLI("fs", "cat", "Resources/reports/http-1.txt", "-p", string(p)); !strings.Contains(out, "the number is 41") {
		t.Errorf("the report says %q", out)
	}
}

// cachedAgain runs the cache example again with another seed.
func cachedAgain(t *testing.T, s *system, p bine.ProjectName, _ bine.Run, _ []bine.Step) {
	t.Helper()
	_, steps := s.run(p, "cache", client.NewRun{Params: map[string]json.RawMessage{"seed": raw(2)}})
	states(map[string]bine.State{"always": bine.Succeeded, "usual": bine.Cached, "seedless": bine.Cached, "refreshed": bine.Succeeded})(t, s, p, bine.Run{}, steps)
	for _, step := range steps {
		if step.CacheNote == "" {
			t.Errorf("step %s does not say why it was or was not taken from the cache", step.Name)
		}
	}
}

// triggered makes both of the things that start the nightly example.
func triggered(t *testing.T, s *system, p bine.ProjectName, _ bine.Run, _ []bine.Step) {
	t.Helper()
	branch, _ := s.run(p, "branch", client.NewRun{})
	s.put(p, "Resources/incoming/today.csv", "x\n")
	want := []string{`"files"`, string(raw(branch.ID))}
	var got []string
	defer func() { t.Log("why the runs started:", got) }()
	eventually(t, 60*time.Second, "a run for the file and one for the pipeline", func() bool {
		page, err := s.client().Runs(t.Context(), p, client.RunFilter{Pipeline: "nightly"}, client.List{Limit: 50})
		if err != nil {
			return false
		}
		got = nil
		for _, r := range page.Items {
			got = append(got, string(r.Outputs["why"]))
		}
		return slices.Contains(got, want[0]) && slices.Contains(got, want[1])
	})
}
