package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// turmoil has a bit of everything that holds something while it waits: fan-outs
// whose items go on one by one, pools, keys, approvals, waits, runs of other
// pipelines, retries, and steps for the end. Its outputs depend on nothing but
// its params.
const turmoil = `
name: turmoil
concurrency: 3
steps:
  list:
    values: {items: "${{ range(6) }}"}
  make:
    foreach: {items: "${{ steps.list.items }}", max_parallel: 4}
    pools: scarce
    command: |
      set -e
      sleep 0.3
      echo "made $BINE_ITEM" > "$BINE_OUTPUTS/part"
      echo "{\"n\": $BINE_ITEM}" > "$BINE_OUTPUTS/values.json"
    outputs: {part: artifact, n: int}
    retry: {attempts: 30, backoff: 100ms, factor: 1}
  next:
    foreach: {per: make}
    concurrency: {key: next, limit: 2}
    python: |
      import time, bine
      time.sleep(0.2)
      bine.outputs.path("copy").write_bytes(bine.inputs["part"].read_bytes())
    inputs: {part: make.part}
    outputs: {copy: artifact}
    retry: {attempts: 30, backoff: 100ms, factor: 1}
  double:
    foreach: {per: make}
    values: {n: "${{ steps.make.n * 2 }}"}
  pause:
    wait: {for: 500ms}
  ask:
    needs: [pause]
    approval: {message: "Go on?", by: [data_owner]}
  child:
    foreach: {items: [a, b], max_parallel: 2}
    pipeline: {name: small, params: {word: "${{ item }}"}}
  join:
    needs: [ask, child]
    python: |
      import bine
      bine.outputs.path("all").write_text("".join(p.read_text() for p in sorted(bine.inputs["copies"].iterdir())))
      bine.outputs["total"] = bine.params["total"]
    with: {total: "${{ sum(values(steps.double.n)) }}"}
    inputs: {copies: next.copy}
    outputs: {all: artifact, total: int}
    retry: {attempts: 30, backoff: 100ms, factor: 1}
finally:
  end:
    values: {was: "${{ run.state }}"}
outputs:
  total: ${{ steps.join.total }}
`

const small = `
name: small
params: {word: {type: string}}
steps:
  say:
    command: |
      set -e
      sleep 0.2
      echo "{\"word\": \"$WORD\"}" > "$BINE_OUTPUTS/values.json"
    env: {WORD: "${{ params.word }}"}
    outputs: {word: string}
    pools: scarce
    retry: {attempts: 30, backoff: 100ms, factor: 1}
outputs: {word: "${{ steps.say.word }}"}
`

// kills is how many kill -9 TestTurmoil makes; BINE_E2E_KILLS says otherwise.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("BINE_E2E_KILLS")); err == nil {
		return n
	}
	if long() {
		return 1000
	}
	return 50
}

// TestTurmoil keeps several runs going while server, worker, agent and
// processes of steps are killed at random moments.
func TestTurmoil(t *testing.T) {
	r := startRoles(t)
	p := r.project("turmoil")
	r.mustCLI("pool", "set", "scarce", "--slots", "3", "-p", "turmoil")
	for name, text := range map[string]string{"small": small, "turmoil": turmoil} {
		r.mustCLI("pipeline", "store", r.pipeline(name, text, nil), "-p", "turmoil")
	}
	answering, stop := context.WithCancel(t.Context())
	defer stop()
	go r.answerAll(answering, p)
	calm, steps := r.run(p, "turmoil", client.NewRun{NoCache: true})
	if calm.State != bine.Succeeded {
		t.Fatalf("the undisturbed run is %s: %s; %s", calm.State, calm.Reason, reasons(steps))
	}
	want := anonymous(outputs(t, r.client(), p, calm.ID), calm.ID)

	var going []bine.RunID
	ended := 0
	finish := func(id bine.RunID) {
		end, steps := r.follow(p, id)
		if end.State != bine.Succeeded {
			t.Fatalf("run %s is %s: %s; %s", id, end.State, end.Reason, reasons(steps))
		}
		if got := anonymous(outputs(t, r.client(), p, id), id); got != want {
			t.Fatalf("outputs of %s are\n%s\nwant\n%s", id, got, want)
		}
		ended++
	}
	for made := 0; made < kills(); made++ {
		if len(going) == 4 {
			finish(going[0])
			going = going[1:]
		}
		if made%3 == 0 {
			run, err := r.client().StartRun(t.Context(), p, "turmoil", client.NewRun{NoCache: true, Key: fmt.Sprint("turmoil-", made)})
			if err != nil {
				t.Fatal(err)
			}
			going = append(going, run.ID)
		}
		time.Sleep(time.Duration(rand.IntN(1200)) * time.Millisecond) // the moment of the kill is the point
		r.killSomething()
	}
	for _, id := range going {
		finish(id)
	}
	t.Logf("%d runs outlived %d kills", ended, kills())
	checkLedger(t, r.system)
	r.checkNothingIsHeld(p)
	page, err := r.client().Runs(t.Context(), p, client.RunFilter{Pipeline: "small"}, client.List{Limit: 1000})
	if err != nil || len(page.Items) != 2*(ended+1) {
		t.Errorf("%d runs of the small pipeline were made (%v), want %d: one for each item that asked for one", len(page.Items), err, 2*(ended+1))
	}
}

// anonymous takes out of outputs what names runs and times.
func anonymous(text string, run bine.RunID) string {
	var all []map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		return text
	}
	for _, step := range all {
		if values, ok := step["Values"].(map[string]any); ok {
			delete(values, "run")   // of the step child
			delete(values, "until") // of the step pause
		}
	}
	out, _ := json.Marshal(all)
	return strings.ReplaceAll(string(out), string(run), "RUN")
}

// killSomething kills a role, which is started again, or the process of a step.
func (r *roles) killSomething() {
	switch role := []string{"server", "worker", "agent", "process"}[rand.IntN(4)]; role {
	case "process":
		for _, pid := range r.leftovers() {
			if line := strings.Join(commandLines([]int{pid}), ""); strings.Contains(line, "sleep") && !strings.Contains(line, "shim") {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				return
			}
		}
	default:
		r.killRole(role)
		r.startRole(role)
		if role == "server" {
			r.ready(60 * time.Second)
		}
	}
}

// answerAll approves whatever is asked, for as long as ctx lasts. An answer
// that is lost with the server is given again.
func (r *roles) answerAll(ctx context.Context, p bine.ProjectName) {
	c, err := client.New(client.Options{URL: r.url, Key: r.key(), Patience: time.Minute})
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		page, err := c.Approvals(ctx, p, bine.ApprovalWaiting, client.List{Limit: 100})
		if err == nil {
			for _, a := range page.Items {
				_, _ = c.AnswerApproval(ctx, p, client.ApprovalRef{Run: a.Run, Step: a.Step, Item: a.Item}, client.Answer{Approve: true})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// checkNothingIsHeld fails where a slot, a lease or a question outlives its run.
func (s *system) checkNothingIsHeld(p bine.ProjectName) {
	s.t.Helper()
	eventually(s.t, 60*time.Second, "nothing is held or waited for", func() bool {
		pools, err := s.client().Pools(s.t.Context(), p)
		if err != nil {
			return false
		}
		for _, pool := range pools {
			if pool.Used+pool.Waiting > 0 {
				return false
			}
		}
		page, err := s.client().Approvals(s.t.Context(), p, bine.ApprovalWaiting, client.List{})
		if err != nil || len(page.Items) > 0 {
			return false
		}
		queue, err := s.client().Leases(s.t.Context())
		return err == nil && len(queue) == 0
	})
}
