package lease

import (
	"context"

	"github.com/bine-ml/bine"
)

// Standing says whether what an attempt asked for is granted now, and else what
// it waits for. One that asked for nothing, or gave it back, waits for nothing.
func (l *Ledger) Standing(ctx context.Context, attempt bine.AttemptID) (granted bool, reason string, err error) {
	var g Grant
	waits := false
	err = l.write(ctx, func(t *tx) (err error) {
		waits, err = t.lease(attempt, &g)
		return err
	})
	return !waits, "", err
}
