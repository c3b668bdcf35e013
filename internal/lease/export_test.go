package lease

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Drain asks who uses a device to leave it, as Heard does some seconds after a fault.
func Drain(ctx context.Context, l *Ledger, id bine.DeviceID) error {
	return l.write(ctx, func(t *tx) error { return t.drain(id) })
}

// SetClock makes a ledger take its time from now.
func SetClock(l *Ledger, now func() time.Time) { l.now = now }

// Promised gives for whom a place is kept, and for when; zero is a moment that is not known.
func Promised(ctx context.Context, l *Ledger) (id bine.AttemptID, at time.Time, err error) {
	var r text[*reservation]
	err = l.db.Reader(ctx).QueryRowContext(ctx, "SELECT reserved FROM lease_ledger WHERE id = 1").Scan(&r)
	if r.V != nil {
		id = r.V.Attempt
		if r.V.At > 0 {
			at = database.Time(r.V.At)
		}
	}
	return id, at, err
}
