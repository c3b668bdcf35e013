package lease

import (
	"context"

	"github.com/bine-ml/bine"
)

// DrainDevice asks who has a device to leave it, and says how many were asked.
// That nobody comes back to it is for Cordon to see to.
func (l *Ledger) DrainDevice(ctx context.Context, id bine.DeviceID) (asked int, err error) {
	return l.drainAll(ctx, func(t *tx) error {
		if _, err := t.device(id); err != nil {
			return err
		}
		return t.drain(id)
	})
}

// DrainHost asks all that runs on a host to leave it, gangs as a whole, and says
// how many were asked.
func (l *Ledger) DrainHost(ctx context.Context, host bine.HostName) (asked int, err error) {
	return l.drainAll(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE leases SET asked_back = ? WHERE asked_back IS NULL AND attempt IN (SELECT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END FROM (SELECT attempt, gang, host FROM leases) l WHERE l.host = ?)", t.now, host)
		return err
	})
}

// drainAll counts those that were asked to leave by f.
func (l *Ledger) drainAll(ctx context.Context, f func(t *tx) error) (asked int, err error) {
	const count = "SELECT COUNT(*) FROM leases WHERE asked_back IS NOT NULL"
	err = l.write(ctx, func(t *tx) error {
		before := 0
		if err := t.row(count).Scan(&before); err != nil {
			return err
		}
		if err := f(t); err != nil {
			return err
		}
		err := t.row(count).Scan(&asked)
		asked -= before
		return err
	})
	return asked, err
}
