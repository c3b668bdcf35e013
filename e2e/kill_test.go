package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// shaky is a pipeline with values, artifacts and a fan-out, slow enough to be
// killed in the middle, whose outputs depend on its inputs alone.
const shaky = `
name: shaky
params:
  n: {type: int, default: 4}
steps:
  make:
    python: make.py
    with: {n: "${{ params.n }}"}
    outputs: {list: artifact, count: int}
  square:
    python: square.py
    needs: [make]
    foreach:
      items: [a, b, c, d]
      max_parallel: 3
    inputs: {list: make.list}
    outputs: {part: artifact, sum: int}
  join:
    python: join.py
    inputs: {parts: square.part}
    with: {sums: "${{ steps.square.sum }}"}
    outputs: {all: artifact, total: int}
`

var shakyFiles = map[string]string{
	"make.py": `
import time, bine
time.sleep(0.4)
n = bine.params["n"]
bine.outputs.path("list").write_text("\n".join(str(i) for i in range(n)))
bine.outputs["count"] = n
`,
	"square.py": `
import os, time, bine
for i in range(8):
    print("working", i, flush=True)
    time.sleep(0.1)
numbers = [int(x) for x in bine.inputs["list"].read_text().split()]
bine.outputs.path("part").write_text(os.environ["BINE_ITEM"] + str([x * x for x in numbers]))
bine.outputs["sum"] = sum(x * x for x in numbers)
`,
	"join.py": `
import time, bine
time.sleep(0.4)
parts = bine.inputs["parts"]
bine.outputs.path("all").write_text("".join(p.read_text() for p in sorted(parts.iterdir())))
bine.outputs["total"] = sum(bine.params["sums"].values())
`,
}

// outputs sums up everything that a run gave.
func outputs(t *testing.T, c *client.Client, p bine.ProjectName, run bine.RunID) string {
	t.Helper()
	steps, err := c.Steps(t.Context(), p, run)
	if err != nil {
		t.Fatal(err)
	}
	var all []bine.Step
	for _, step := range steps {
		all = append(all, step)
		if step.Items == 0 {
			continue
		}
		items, err := c.Items(t.Context(), p, run, step.Name, client.List{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items.Items...)
	}
	type gave struct {
		Name, Item string
		State      bine.State
		Values     map[string]json.RawMessage
		Artifacts  map[string]bine.Hash
	}
	var sum []gave
	for _, s := range all {
		if !s.State.OK() {
			t.Errorf("step %s %s of %s is %s", s.Name, s.Item, run, s.State)
		}
		g := gave{Name: string(s.Name), Item: s.Item, State: s.State, Values: s.Values, Artifacts: map[string]bine.Hash{}}
		for name, ref := range s.Artifacts {
			g.Artifacts[name] = ref.Hash
		}
		sum = append(sum, g)
	}
	text, err := json.Marshal(sum)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkLedger fails where the shims' ledger says that an attempt's process was
// started more than once.
func checkLedger(t *testing.T, s *system) {
	t.Helper()
	f, err := os.Open(filepath.Join(s.dir, "data", "agent", "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	starts := map[string]map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		if starts[fields[0]] == nil {
			starts[fields[0]] = map[string]bool{}
		}
		starts[fields[0]][strings.Join(fields[1:], " ")] = true
	}
	for attempt, lines := range starts {
		if len(lines) > 1 {
			t.Errorf("the process of attempt %s was started %d times: %v", attempt, len(lines), lines)
		}
	}
}

func rounds() int {
	if long() {
		return 50
	}
	return 4
}

// TestKillEverythingAtRandom kills the whole program again and again in the
// middle of runs. Every run must succeed with the outputs of the undisturbed
// one, each process must have been started once for each attempt, and nothing
// may be left over.
func TestKillEverythingAtRandom(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("shaky")
	s.mustCLI("pipeline", "store", s.pipeline("shaky", shaky, shakyFiles), "-p", "shaky")
	s.killAtRandom(p, "shaky", nil, 2500*time.Millisecond)
}

// TestKillFlights does the same to the flights pipeline, models, deployment and
// all.
func TestKillFlights(t *testing.T) {
	if !long() {
		t.Skip("takes many minutes: part of make test-all")
	}
	s := newSystem(t)
	demo := s.start("demo", "--exit", "--grace", "60s")
	if code := demo.wait(t, 10*time.Minute); code != 0 {
		t.Fatalf("the demo ended with %d:\n%s", code, demo.out)
	}
	s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.killAtRandom("demo", "flights", map[string]json.RawMessage{"sample": json.RawMessage("0.02")}, 12*time.Second)
}

// killAtRandom takes a pipeline through rounds of kill -9, each at a moment up
// to within after the start of a run.
func (s *system) killAtRandom(p bine.ProjectName, pipeline bine.PipelineName, params map[string]json.RawMessage, within time.Duration) {
	t := s.t
	calm, _ := s.run(p, pipeline, client.NewRun{NoCache: true, Params: params})
	if calm.State != bine.Succeeded {
		t.Fatalf("the undisturbed run is %s: %s", calm.State, calm.Reason)
	}
	want := outputs(t, s.client(), p, calm.ID)
	up := s.live[len(s.live)-1]
	for round := range rounds() {
		body := client.NewRun{NoCache: true, Params: params, Key: fmt.Sprintf("round-%d", round)}
		run, err := s.client().StartRun(t.Context(), p, pipeline, body)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for range 1 + rand.IntN(2) {
			time.Sleep(time.Duration(rand.Int64N(int64(within)))) // the moment of the kill is the point
			up.kill()
			up = s.start("up", "--grace", "60s", "--log-level", "warn")
			s.ready(60 * time.Second)
		}
		again, err := s.client().StartRun(t.Context(), p, pipeline, body)
		if err != nil || again.ID != run.ID {
			t.Fatalf("round %d: the same key gave run %s, then %s (%v)", round, run.ID, again.ID, err)
		}
		end, _ := s.follow(p, run.ID)
		if end.State != bine.Succeeded {
			t.Fatalf("round %d: run %s is %s: %s", round, end.ID, end.State, end.Reason)
		}
		if got := outputs(t, s.client(), p, run.ID); got != want {
			t.Fatalf("round %d: outputs are\n%s\nwant\n%s", round, got, want)
		}
		t.Logf("round %d: %s after %s", round, end.ID, end.EndedAt.Sub(end.CreatedAt).Round(100*time.Millisecond))
	}
	checkLedger(t, s)
	up.signal(syscall.SIGINT)
	if code := up.wait(t, 30*time.Second); code != 0 {
		t.Errorf("Ctrl-C ended with code %d", code)
	}
	eventually(t, 10*time.Second, "no process is left over", func() bool { return len(s.leftovers()) == 0 })
}

// TestCtrlCResumesAndSIGTERMAttaches: Ctrl-C ends user processes, which run
// again after the next start; SIGTERM leaves them running, and the next start
// attaches to them.
func TestCtrlCResumesAndSIGTERMAttaches(t *testing.T) {
	s := newSystem(t)
	up := s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("stops")
	s.mustCLI("pipeline", "store", s.pipeline("slow", "name: slow\nsteps:\n  wait:\n    command: sleep 6\n", nil), "-p", "stops")
	for name, want := range map[string]struct {
		signal   syscall.Signal
		attempts int
	}{"Ctrl-C": {syscall.SIGINT, 2}, "SIGTERM": {syscall.SIGTERM, 1}} {
		run, err := s.client().StartRun(t.Context(), p, "slow", client.NewRun{NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, "the process runs", func() bool {
			steps, err := s.client().Steps(context.Background(), p, run.ID)
			return err == nil && len(steps) == 1 && steps[0].State == bine.Running
		})
		up.signal(want.signal)
		up.wait(t, 30*time.Second)
		up = s.start("up", "--grace", "60s", "--log-level", "warn")
		s.ready(30 * time.Second)
		end, steps := s.follow(p, run.ID)
		if end.State != bine.Succeeded || steps[0].Attempts != want.attempts {
			t.Errorf("%s: run is %s (%s) after %d attempts, want succeeded after %d", name, end.State, end.Reason, steps[0].Attempts, want.attempts)
		}
	}
	checkLedger(t, s)
}
