package e2e_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// roles are server, worker and agent as processes of their own, beside a
// workflow engine of its own.
type roles struct {
	*system
	connect []string // flags that reach the workflow engine
}

// startRoles starts them, with more of the environment where it is given.
func startRoles(t *testing.T, more ...string) *roles {
	t.Helper()
	s := newSystem(t)
	engine := s.start("temporal", "--data", filepath.Join(s.dir, "engine"), "--port", "0")
	eventually(t, 30*time.Second, "the workflow engine answers", func() bool { return strings.Contains(engine.out.String(), "--temporal ") })
	for _, line := range strings.Split(engine.out.String(), "\n") {
		if strings.HasPrefix(line, "--temporal ") {
			s.env = append(append(s.env, "BINE_GRACE=60s", "BINE_LOG_LEVEL=warn"), more...)
			r := &roles{system: s, connect: strings.Fields(line)}
			r.startRole("server")
			s.ready(30 * time.Second)
			r.startRole("worker")
			key := strings.TrimSpace(s.mustCLI("key", "create", "e2e", "--scope", "agent", "-o", "name"))
			s.env = append(s.env, "BINE_AGENT_KEY="+key, "BINE_URL="+s.url)
			r.startRole("agent")
			return r
		}
	}
	t.Fatal("the workflow engine did not say how to reach it")
	return nil
}

func (r *roles) startRole(role string) *process {
	r.t.Helper()
	return r.start(append([]string{role}, r.connect...)...)
}

// TestRolesApart runs a pipeline with server, worker and agent as three
// processes, and kills each of them in the middle of runs.
func TestRolesApart(t *testing.T) {
	r := startRoles(t)
	p := r.project("apart")
	r.mustCLI("pipeline", "store", r.pipeline("shaky", shaky, shakyFiles), "-p", "apart")
	calm, _ := r.run(p, "shaky", client.NewRun{NoCache: true})
	if calm.State != bine.Succeeded {
		t.Fatalf("the undisturbed run is %s: %s", calm.State, calm.Reason)
	}
	want := outputs(t, r.client(), p, calm.ID)

	victims := []string{"server", "worker", "agent"}
	for long() && len(victims) < rounds() {
		victims = append(victims, victims[rand.IntN(3)])
	}
	for _, role := range victims {
		run, err := r.client().StartRun(t.Context(), p, "shaky", client.NewRun{NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+rand.IntN(2500)) * time.Millisecond) // the moment of the kill is the point
		r.killRole(role)
		r.startRole(role)
		r.ready(30 * time.Second)
		end, _ := r.follow(p, run.ID)
		if end.State != bine.Succeeded {
			t.Fatalf("after kill -9 of the %s, run %s is %s: %s", role, end.ID, end.State, end.Reason)
		}
		if got := outputs(t, r.client(), p, run.ID); got != want {
			t.Fatalf("after kill -9 of the %s outputs are\n%s\nwant\n%s", role, got, want)
		}
	}
	checkLedger(t, r.system)
}

func (r *roles) killRole(role string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.live {
		if p.cmd.Args[1] == role && p.cmd.ProcessState == nil {
			p.kill()
		}
	}
}

// TestAnAgentThatSleepsBeyondTheGracePeriod is stopped for longer than the
// grace period: its shims end their processes, and the next attempt succeeds.
func TestAnAgentThatSleepsBeyondTheGracePeriod(t *testing.T) {
	if !long() {
		t.Skip("takes minutes: part of make test-all")
	}
	s := newSystem(t)
	up := s.start("up", "--grace", "12s", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("sleepy")
	s.mustCLI("pipeline", "store", s.pipeline("slow", "name: slow\nsteps:\n  wait:\n    command: sleep 20\n", nil), "-p", "sleepy")
	run, err := s.client().StartRun(t.Context(), p, "slow", client.NewRun{})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	up.signal(syscall.SIGSTOP)
	eventually(t, 60*time.Second, "the shim ended its process", func() bool {
		line := strings.Join(commandLines(s.leftovers()), "\n")
		return !strings.Contains(line, "sleep 20")
	})
	up.signal(syscall.SIGCONT)
	end, steps := s.follow(p, run.ID)
	if end.State != bine.Succeeded || steps[0].Attempts != 2 {
		t.Errorf("run is %s (%s) after %d attempts, want succeeded after 2", end.State, end.Reason, steps[0].Attempts)
	}
	checkLedger(t, s)
}

// What prefect issue 7239 is about: a run stays running for ever after its
// worker died. Here the attempt is lost when the grace period is over, the step
// says what it waits for, and the next host that comes takes it.
func TestARunWhoseHostDiedDoesNotStayRunning(t *testing.T) {
	r := startRoles(t, "BINE_GRACE=6s")
	p := r.project("orphans")
	r.mustCLI("pipeline", "store", r.pipeline("orphan", "name: orphan\nsteps:\n  work:\n    command: |\n      [ \"$BINE_ATTEMPT\" = 1 ] && sleep 300\n      exit 0\n", nil), "-p", "orphans")
	run, err := r.client().StartRun(t.Context(), p, "orphan", client.NewRun{})
	if err != nil {
		t.Fatal(err)
	}
	step := func() bine.Step {
		steps, err := r.client().Steps(t.Context(), p, run.ID)
		if err != nil || len(steps) != 1 {
			return bine.Step{}
		}
		return steps[0]
	}
	eventually(t, 30*time.Second, "the process runs", func() bool { return step().State == bine.Running && step().Attempts == 1 })
	r.killRole("agent")
	eventually(t, 90*time.Second, "the step waits for a host", func() bool { s := step(); return s.State == bine.Waiting && s.Reason != "" })
	attempts, err := r.client().Attempts(t.Context(), p, run.ID, client.StepRef{Step: "work"})
	if err != nil || attempts[0].State != bine.Lost {
		t.Errorf("the first attempt is %+v (%v), want it lost", attempts, err)
	}
	r.startRole("agent")
	if end, _ := r.follow(p, run.ID); end.State != bine.Succeeded {
		t.Errorf("the run is %s: %s", end.State, end.Reason)
	}
}
