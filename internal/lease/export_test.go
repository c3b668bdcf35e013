package lease

import (
	"context"

	"github.com/bine-ml/bine"
)

// Drain asks who uses a device to leave it, as Heard does some seconds after a fault.
func Drain(ctx context.Context, l *Ledger, id bine.DeviceID) error {
	return l.write(ctx, func(t *tx) error { return t.drain(id) })
}
