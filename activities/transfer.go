package activities

import (
	"context"

	"github.com/bine-ml/bine"
)

// TransferRef names a transfer.
type TransferRef struct {
	Project  bine.ProjectName `json:"project"`
	Transfer bine.TransferID  `json:"transfer"`
}

// Moved says how far a transfer is.
type Moved struct {
	State bine.TransferState `json:"state"`
	bine.Progress
}

// GaveUp says why a transfer does not go on.
type GaveUp struct {
	TransferRef
	Reason string `json:"reason"`
}

// TransferEngine copies files.
type TransferEngine interface {
	// Move copies for some minutes, or to the end, from where the transfer is.
	Move(ctx context.Context, in TransferRef) (Moved, error)
	// GiveUp ends a transfer that cannot go on.
	GiveUp(ctx context.Context, in GaveUp) (Moved, error)
}

// Transfers groups the activities of transfers.
type Transfers struct{ engine TransferEngine }

// NewTransfers makes the activities of transfers.
func NewTransfers(e TransferEngine) *Transfers { return &Transfers{e} }

// MoveTransfer copies for a while. Its place is kept in the rows, not in the history.
func (t *Transfers) MoveTransfer(ctx context.Context, in TransferRef) (Moved, error) {
	defer beat(ctx)()
	m, err := t.engine.Move(ctx, in)
	return m, unlessStopped(ctx, err)
}

// GiveUpTransfer ends a transfer that cannot go on.
func (t *Transfers) GiveUpTransfer(ctx context.Context, in GaveUp) (Moved, error) {
	m, err := t.engine.GiveUp(ctx, in)
	return m, forTemporal(err)
}
