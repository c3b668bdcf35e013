package activities

import (
	"context"

	"github.com/bine-ml/bine"
)

// StartAttemptInput asks for the n-th attempt of a process.
type StartAttemptInput struct {
	Owner    bine.Owner      `json:"owner"`
	Number   int             `json:"number"`
	Workflow string          `json:"workflow"` // id of the workflow to signal when resources are granted
	Avoid    []bine.HostName `json:"avoid,omitempty"`
}

// Granted says where an attempt may run. Host is empty while it waits.
type Granted struct {
	Attempt bine.AttemptID `json:"attempt"`
	Host    bine.HostName  `json:"host,omitempty"`
	// Others are the hosts of the other processes of a gang, by their ranks from 1.
	Others  []bine.HostName `json:"others,omitempty"`
	Refused string          `json:"refused,omitempty"` // why no host can ever run it
}

// EndAttemptInput ends an attempt from the side of the workflow.
type EndAttemptInput struct {
	Attempt bine.AttemptID `json:"attempt"`
	End     Outcome        `json:"end"`
}

// AttemptEngine keeps the ledger of attempts and of their leases.
type AttemptEngine interface {
	Start(ctx context.Context, in StartAttemptInput) (Granted, error)
	End(ctx context.Context, attempt bine.AttemptID, end Outcome) (Outcome, error)
}

// Attempts groups the activities of attempts; all are local.
type Attempts struct{ engine AttemptEngine }

// NewAttempts makes the activities of attempts.
func NewAttempts(e AttemptEngine) *Attempts { return &Attempts{e} }

// StartAttempt writes an attempt's row and asks for its resources. Asked again,
// it answers whether they are granted by now.
func (a *Attempts) StartAttempt(ctx context.Context, in StartAttemptInput) (Granted, error) {
	out, err := a.engine.Start(ctx, in)
	return out, forTemporal(err)
}

// EndAttempt ends an attempt that its host did not end, and gives its
// resources back. One that has ended already keeps its end, which is answered.
func (a *Attempts) EndAttempt(ctx context.Context, in EndAttemptInput) (Outcome, error) {
	out, err := a.engine.End(ctx, in.Attempt, in.End)
	return out, forTemporal(err)
}
