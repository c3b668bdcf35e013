package api

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
)

// eventsKept is how long a client may be away and still catch up.
const eventsKept = 24 * time.Hour

// grantsKept is how long is known who had a device.
const grantsKept = 90 * 24 * time.Hour

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
	events := time.NewTicker(eventsKept / 24)
	defer events.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-hosts.C:
			err = a.CheckHosts(ctx)
		case <-events.C:
			_, err = a.Store.PruneEvents(ctx, a.now().Add(-eventsKept).UTC())
			if err == nil {
				err = a.Ledger.PruneGrants(ctx, a.now().Add(-grantsKept).UTC())
			}
		}
		if err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "watching hosts and events", "error", err)
		}
	}
}

// CheckHosts takes silent hosts for lost, and tells the ledger which hosts are
// up: also those that came back, and what a crash kept from being told.
func (a *API) CheckHosts(ctx context.Context) error {
	lost, err := a.Store.MarkLost(ctx, a.now().Add(-a.Grace).UTC())
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
		if err != nil {
			return err
		}
		a.granted(ctx, grants)
	}
	return nil
}
