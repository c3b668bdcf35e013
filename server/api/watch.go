package api

import (
	"context"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
)

// eventsKept is how long a client may be away and still catch up.
const eventsKept = 24 * time.Hour

// grantsKept is how long is known who had a device.
const grantsKept = 90 * 24 * time.Hour

// LeaseMargin is how much longer than the grace period a host may be silent
// before it is lost: clocks of servers that share a database may differ by so much.
const LeaseMargin = 1500 * time.Millisecond

// lookEvery is how often is looked for hosts that are silent.
const lookEvery = 500 * time.Millisecond

// heartbeat is how often an agent reports its host: three times in the grace
// period, but not for nothing.
func (a *API) heartbeat() time.Duration {
	return max(time.Second, min(30*time.Second, a.Grace/3))
}

// Watch takes hosts that were not heard of for the grace period for lost, and
// forgets old events, until ctx ends. Any number of servers may do so at once.
func (a *API) Watch(ctx context.Context) {
	hosts := time.NewTicker(a.heartbeat())
	defer hosts.Stop()
	silent := time.NewTicker(lookEvery)
	defer silent.Stop()
	idle := time.NewTicker(sweepEvery)
	defer idle.Stop()
	since := time.Now()
	events := time.NewTicker(eventsKept / 24)
	defer events.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			if time.Since(since) > a.heartbeat()+lookEvery { // those that are up had their turn to say so
				err = a.checkSilent(ctx)
			}
		case <-idle.C:
			err = a.SweepIdle(ctx)
		case <-hosts.C:
			err = a.CheckHosts(ctx)
		case <-events.C:
			_, err = a.Store.PruneEvents(ctx, a.now().Add(-eventsKept).UTC())
			if err == nil {
				err = a.Ledger.SumHours(ctx, a.now())
			}
			if err == nil {
				err = a.Ledger.PruneGrants(ctx, a.now().Add(-grantsKept).UTC())
			}
		}
		if err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "watching hosts and events", "error", err)
		}
	}
}

// checkSilent is CheckHosts where a host fell silent.
func (a *API) checkSilent(ctx context.Context) error {
	hosts, err := a.Store.SilentHosts(ctx, a.now().Add(-a.Grace-LeaseMargin).UTC())
	if err != nil || hosts == 0 {
		return err
	}
	return a.CheckHosts(ctx)
}

// CheckHosts takes silent hosts for lost, and tells the ledger which hosts are
// up: also those that came back, and what a crash kept from being told. With a
// lost host, its leases of devices end: its agent ended their processes before
// the grace period was over.
func (a *API) CheckHosts(ctx context.Context) error {
	lost, err := a.Store.MarkLost(ctx, a.now().Add(-a.Grace-LeaseMargin).UTC())
	if err != nil {
		return err
	}
	for _, name := range lost {
		a.Log.WarnContext(ctx, "a host is lost: its agent was not heard of for the grace period", "host", name, "grace", a.Grace)
	}
	hosts, err := a.Store.Hosts(ctx)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		grants, err := a.Ledger.SetHost(ctx, h.Name, h.Capacity, h.State == bine.HostUp)
		if err == nil && h.State != bine.HostUp {
			err = a.expire(ctx, h.Name)
		}
		if err != nil {
			return err
		}
		a.granted(ctx, grants)
	}
	return nil
}

// expire ends what had devices of a host that is lost. Its attempts end first,
// and with them their tokens: nothing is granted again while a process of
// theirs could still report.
func (a *API) expire(ctx context.Context, host bine.HostName) error {
	firsts, processes, err := a.Ledger.Expired(ctx, host)
	if err != nil {
		return err
	}
	end := bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost, Reason: fmt.Sprintf("its lease of accelerators ended: host %s was not heard of for %s", host, a.Grace)}
	for _, id := range processes {
		_, err := a.Store.EndAttempt(ctx, id, end)
		if err != nil && !bine.IsKind(err, bine.Fenced) && !bine.IsKind(err, bine.NotFound) {
			return err
		}
		if err := a.unroute(ctx, id); err != nil && !bine.IsKind(err, bine.NotFound) {
			return err
		}
	}
	grants, err := a.Ledger.Leave(ctx, firsts...)
	if err != nil {
		return err
	}
	a.granted(ctx, grants)
	grants, err = a.Ledger.Vacate(ctx, host)
	a.granted(ctx, grants)
	return err
}
