package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tenureFile keeps until when the host's grants are good, for the next agent.
const tenureFile = "tenure.json"

// tenure is how long what a host was granted of its devices is good: the grace
// period from the last heartbeat that was answered, counted from when it was
// sent. By the time the server grants the devices again, it is over here.
//
// It goes by a clock that no one sets and that runs while the machine sleeps.
type tenure struct {
	dir   string
	boot  string
	clock func() time.Duration // since the machine was started

	mu    sync.Mutex
	until time.Duration
	grace time.Duration
}

// standing says how a tenure stands.
type standing int

const (
	good   standing = iota
	ending          // processes are to end by themselves, now
	over            // processes are killed
)

// What is left of the grace period when processes are told to end; in half of it
// they are killed, the rest is for that, and for clocks of servers that differ.
const (
	tenureMargin = 0.25 // of the grace period
	leastMargin  = 2 * time.Second
)

// unheardTenure is what processes have that were left by an agent that kept no
// tenure.
const unheardTenure = time.Minute

// tenureOnDisk is a tenure on disk.
type tenureOnDisk struct {
	Boot  string        `json:"boot"` // which start of the machine the clock counts from
	Until time.Duration `json:"until"`
	Grace time.Duration `json:"grace"`
}

// newTenure reads what an earlier agent left in dir.
func newTenure(dir, boot string, clock func() time.Duration) *tenure {
	t := &tenure{dir: dir, boot: boot, clock: clock}
	var was tenureOnDisk
	if readJSON(filepath.Join(dir, tenureFile), &was) == nil && was.Boot == boot {
		t.until, t.grace = was.Until, was.Grace
	} else {
		t.until, t.grace = clock()+unheardTenure, unheardTenure
	}
	return t
}

// bootID names this start of the machine.
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty where it is not known
	return strings.TrimSpace(string(text))
}

// renew notes that a heartbeat was answered that was sent at a time of the clock.
func (t *tenure) renew(sent, grace time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if grace <= 0 || sent+grace <= t.until && grace == t.grace {
		return nil
	}
	t.until, t.grace = sent+grace, grace
	return writeSynced(t.dir, tenureFile, tenureOnDisk{t.boot, t.until, t.grace})
}

func (t *tenure) at() standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	margin := t.margin()
	switch now := t.clock(); {
	case now < t.until-margin:
		return good
	case now < t.until-margin/2:
		return ending
	}
	return over
}

func (t *tenure) margin() time.Duration {
	return min(t.grace/2, max(leastMargin, time.Duration(float64(t.grace)*tenureMargin)))
}

// notice is what a process has to end by itself.
func (t *tenure) notice() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.until-t.margin()/2-t.clock())
}
