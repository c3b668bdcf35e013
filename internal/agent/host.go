package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/shim"
)

const (
	touchEvery = time.Second
	tidyEvery  = time.Hour
	keepDone   = 48 * time.Hour
	// ledgerLimit is when the ledger of process starts is put aside for a new one.
	ledgerLimit = 64 << 20
)

// touch gives the sign of life that shims look for.
func (a *Agent) touch() error {
	path := filepath.Join(a.o.Dir, aliveFile)
	if err := os.WriteFile(path, []byte(strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600); err != nil {
		return fmt.Errorf("give a sign of life: %w", err)
	}
	return nil
}

func (a *Agent) keepAlive() {
	every(a.ctx, touchEvery, func() {
		if err := a.touch(); err != nil {
			a.log.Error("shims see no sign of life and will end their processes", "error", err)
		}
	})
}

// every calls do at every tick until ctx ends.
func every(ctx context.Context, d time.Duration, do func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// report makes the host known and tells that it lives; at once, where a device
// has failed or there are others.
func (a *Agent) report() {
	a.devices.discover(a.ctx)
	if !a.register() {
		return
	}
	close(a.registered)
	for pause := a.pause(); ; {
		select {
		case <-a.ctx.Done():
			return
		case <-a.devices.changed:
			a.register()
			continue
		case <-a.devices.urgent:
		case <-time.After(pause):
		}
		if pause = a.pause(); len(a.devices.holders()) > 0 {
			pause = min(pause, holderPause) // who is asked to make room hears of it by the answer
		}
		if pressing := a.beat(); pressing {
			pause = min(pause, time.Second)
		}
	}
}

// holderPause is how long at most, while processes hold devices.
const holderPause = 10 * time.Second

// pause is how long to wait between heartbeats.
func (a *Agent) pause() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.welcome.HeartbeatSeconds <= 0 {
		return 10 * time.Second
	}
	return time.Duration(a.welcome.HeartbeatSeconds * float64(time.Second))
}

// register makes the host known; false: the agent ended before.
func (a *Agent) register() bool {
	host := bine.Host{Name: a.o.Host, State: bine.HostUp, Address: a.o.Address, Capacity: a.o.Capacity, Free: a.o.Capacity,
		Labels: a.o.Labels, Devices: a.devices.list(), Confine: a.confined, Python: a.python, Version: a.o.Version}
	var welcome client.Welcome
	var sent time.Duration
	err := a.persist(a.ctx, "register host", func(ctx context.Context) (err error) {
		host.Devices = a.devices.list()
		a.endTenure()
		sent = a.tenure.clock()
		welcome, err = a.o.API.RegisterHost(ctx, host)
		return err
	}, always)
	if err != nil {
		return false
	}
	a.mu.Lock()
	a.welcome = welcome
	a.mu.Unlock()
	a.renew(sent)
	a.log.Info("host is registered", "host", a.o.Host, "cpu", host.Capacity.CPU, "memory", host.Capacity.Memory, "devices", len(host.Devices), "confine", a.confined)
	return true
}

// renew notes that the server heard of the host, by what was sent at a time.
func (a *Agent) renew(sent time.Duration) {
	if err := a.tenure.renew(sent, time.Duration(a.grace()*float64(time.Second))); err != nil {
		a.log.Warn("the next agent will not know how long the grants of this host are good", "error", err)
	}
}

// beat sends one heartbeat and does what it is answered. pressing says that the
// server must hear soon of what it did not.
func (a *Agent) beat() (pressing bool) {
	ctx, done := context.WithTimeout(a.ctx, callWithin)
	defer done()
	var beat client.Heartbeat
	a.mu.Lock()
	for id := range a.attempts {
		beat.Attempts = append(beat.Attempts, id)
	}
	a.mu.Unlock()
	news := a.devices.fill(&beat)
	a.endTenure()
	sent := a.tenure.clock()
	orders, err := a.o.API.BeatHost(ctx, a.o.Host, beat)
	if err == nil {
		a.devices.told(news)
		a.renew(sent)
	} else {
		pressing = a.devices.restore(news) || len(a.devices.holders()) > 0
	}
	switch {
	case bine.IsKind(err, bine.NotFound):
		a.register()
	case err != nil && a.ctx.Err() == nil:
		a.log.Warn("heartbeat of the host got no answer; processes go on", "error", err)
	}
	for _, id := range orders.Preempt {
		if t := a.find(id); t != nil {
			t.stop(shim.Stop{Cause: shim.Preempted, Reason: "it made room for a process that goes before it", Seconds: preemptSeconds})
		}
	}
	for _, id := range orders.Stop {
		if t := a.find(id); t != nil {
			t.stop(shim.Stop{Cause: shim.Cancelled, Reason: "the server ended this attempt", Seconds: stopSeconds})
		}
	}
	for _, id := range orders.Leave {
		a.leave(id)
	}
	for _, id := range orders.Test {
		a.devices.test(a.ctx, id, a.work.Go)
	}
	return pressing
}

// tidy forgets what nobody asks for any more.
func (a *Agent) tidy() {
	a.forget()
	every(a.ctx, tidyEvery, a.forget)
}

func (a *Agent) forget() {
	old, _ := filepath.Glob(filepath.Join(a.o.Dir, doneDir, "*")) // the pattern is well-formed
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > keepDone {
			_ = os.Remove(path)
		}
	}
	ledger := filepath.Join(a.o.Dir, ledgerFile)
	if info, err := os.Stat(ledger); err == nil && info.Size() > ledgerLimit {
		_ = os.Rename(ledger, ledger+".1")
	}
	if err := a.cache.prune(a.inUse()); err != nil {
		a.log.Warn("cache of code and inputs was not pruned", "error", err)
	}
}

// inUse lists the paths that attempts of this host read.
func (a *Agent) inUse() map[string]bool {
	specs, _ := filepath.Glob(filepath.Join(a.o.Dir, attemptsDir, "*", shim.SpecFile)) // the pattern is well-formed
	used := map[string]bool{}
	for _, path := range specs {
		if spec, err := shim.ReadSpec(filepath.Dir(path)); err == nil {
			for _, read := range spec.Read {
				used[read] = true
			}
		}
	}
	return used
}
