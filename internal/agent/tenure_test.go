package agent_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/agent"
)

// tenureOf is the grace period of the tests here: the agent's sign of life, to
// which shims listen too, comes every second.
const tenureOf = 2400 * time.Millisecond

// cutOff lets the server be away and gives when the last heartbeat was answered, at the latest.
func cutOff(s *server) time.Time {
	s.set(func() { s.away = true })
	return time.Now()
}

func TestAnAgentThatIsCutOffEndsItsProcessesOnDevices(t *testing.T) {
	s := newServer(t)
	s.welcome.GraceSeconds = tenureOf.Seconds()
	a, _ := startAgent(t, s, with(devicesOf(t, four)))
	held := beginWith(t, s, a, "held", shell("trap '' TERM; echo up; setsid sleep 1000 & while :; do sleep 0.05; done"), grant(0, 1000, 1))
	plain := beginWith(t, s, a, "plain", shell("echo up; exec sleep 1000"))
	eventually(t, "both are up", func() bool { return s.log(held) == "up\n" && s.log(plain) == "up\n" })
	time.Sleep(tenureOf) // heartbeats keep what was granted good
	if len(marked(t, held)) == 0 {
		t.Fatal("the process ended while the server was heard of")
	}
	last := cutOff(s)
	eventually(t, "no process is on the device", func() bool { return len(marked(t, held)) == 0 })
	if took := time.Since(last); took > tenureOf {
		t.Errorf("it was there for %s, longer than what was granted is good, %s", took, tenureOf)
	}
	if len(marked(t, plain)) == 0 {
		t.Error("a process without devices was ended too")
	}
	s.set(func() { s.away = false })
	if got := end(t, s, held); got.State != bine.Lost || got.Failure != bine.FailureLost || !strings.Contains(got.Reason, "the server was not heard of") {
		t.Errorf("result = %+v, want lost", got)
	}
}

func TestAProcessThatIsPausedWithItsShimIsKilledWhenItLosesItsDevices(t *testing.T) {
	s := newServer(t)
	s.welcome.GraceSeconds = tenureOf.Seconds()
	a, dir := startAgent(t, s, with(devicesOf(t, four)))
	held := beginWith(t, s, a, "paused", shell("echo up; while :; do sleep 0.05; done"), grant(0, 1000, 1))
	eventually(t, "it is up", func() bool { return s.log(held) == "up\n" })
	for _, one := range append([]string{strconv.Itoa(shimOf(t, dir, held))}, marked(t, held)...) {
		pid, err := strconv.Atoi(one)
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(pid, syscall.SIGSTOP) // a child may have ended meanwhile
	}
	last := cutOff(s)
	eventually(t, "no process is on the device", func() bool { return len(marked(t, held)) == 0 })
	if took := time.Since(last); took > tenureOf {
		t.Errorf("it was there for %s, longer than what was granted is good, %s", took, tenureOf)
	}
	s.set(func() { s.away = false })
	if got := end(t, s, held); got.State != bine.Lost {
		t.Errorf("result = %+v, want lost", got)
	}
}

func TestAnAgentThatStartsAnewKnowsHowLongItsGrantsAreGood(t *testing.T) {
	s := newServer(t)
	s.welcome.GraceSeconds = tenureOf.Seconds()
	dir := agentDir(t)
	a := startAgentIn(t, s, dir, with(devicesOf(t, four)))
	held := beginWith(t, s, a, "anew", shell("echo up; exec sleep 1000"), grant(0, 1000, 1))
	eventually(t, "it is up", func() bool { return s.log(held) == "up\n" })
	last := cutOff(s)
	if err := a.Close(t.Context(), agent.KeepProcesses); err != nil {
		t.Fatal(err)
	}
	startAgentIn(t, s, dir, with(devicesOf(t, four)))
	eventually(t, "no process is on the device", func() bool { return len(marked(t, held)) == 0 })
	if took := time.Since(last); took > tenureOf {
		t.Errorf("it was there for %s, longer than what was granted is good, %s", took, tenureOf)
	}
	s.set(func() { s.away = false })
	end(t, s, held)
}

func TestAnAgentSaysWhenNoProcessIsLeft(t *testing.T) {
	s := newServer(t)
	s.welcome.HeartbeatSeconds = 0.3
	a, _ := startAgent(t, s, with(devicesOf(t, four)))
	held := beginWith(t, s, a, "left", shell("trap '' TERM; sleep 0.4; exit 0"), grant(0, 1000, 1))
	eventually(t, "it runs", func() bool { return len(marked(t, held)) > 0 })
	stray := exec.Command("sleep", "1000") // of an agent that had another directory
	stray.Env = []string{"BINE_ATTEMPT_ID=5712a9"}
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = stray.Wait() }()
	s.set(func() { s.leave = []bine.AttemptID{held, "5712a9"} })
	told := func(id bine.AttemptID) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, b := range s.beaten {
			if slices.Contains(b.Left, id) {
				return true
			}
		}
		return false
	}
	eventually(t, "the stray is told to be gone", func() bool { return told("5712a9") })
	if len(marked(t, "5712a9")) > 0 {
		t.Error("the stray is still there")
	}
	eventually(t, "the attempt is told to be gone", func() bool { return told(held) })
	if len(marked(t, held)) > 0 {
		t.Error("a process is still there that was told to be gone")
	}
}
