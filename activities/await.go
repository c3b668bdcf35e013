package activities

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
)

// AwaitInput asks whether what a step waits for has come.
type AwaitInput struct {
	StepRef
	// Turn is set while the step has not begun: it waits for slots, or for
	// another step that is making the same outputs.
	Turn     bool   `json:"turn,omitempty"`
	Workflow string `json:"workflow"` // id of the workflow that waits, to be woken by a signal
}

// Awaited says how a wait stands.
type Awaited struct {
	// State is Waiting; Pending when a turn has come; or the end of the step,
	// which its row says already.
	State  bine.State `json:"state"`
	Reason string     `json:"reason,omitempty"`
	// Again is when to ask again at the latest, in seconds from now: a signal may come before.
	Again  float64 `json:"again,omitempty"`
	Notify bool    `json:"notify,omitempty"` // notices of the run are to be sent
}

// AwaitEngine knows what steps wait for.
type AwaitEngine interface {
	Check(ctx context.Context, in AwaitInput) (Awaited, error)
	// Abandon gives up what a step waits for, after a cancel or a timeout: an
	// approval is withdrawn, a run that it started is cancelled, slots are given back.
	Abandon(ctx context.Context, in AwaitInput) error
}

// Awaits groups the activities of steps that wait.
type Awaits struct{ engine AwaitEngine }

// NewAwaits makes the activities of steps that wait.
func NewAwaits(e AwaitEngine) *Awaits { return &Awaits{e} }

// CheckAwait looks once whether what a step waits for has come.
func (a *Awaits) CheckAwait(ctx context.Context, in AwaitInput) (Awaited, error) {
	out, err := a.engine.Check(ctx, in)
	return out, unlessStopped(ctx, err)
}

// AbandonAwait gives up what a step waits for.
func (a *Awaits) AbandonAwait(ctx context.Context, in AwaitInput) error {
	return unlessStopped(ctx, a.engine.Abandon(ctx, in))
}

// BackfillRef names a backfill.
type BackfillRef struct {
	Project  bine.ProjectName `json:"project"`
	Backfill bine.BackfillID  `json:"backfill"`
}

// Advanced says how a backfill stands.
type Advanced struct {
	State bine.BackfillState `json:"state"`
	Again float64            `json:"again,omitempty"` // seconds until to advance it again at the latest; a signal may come before
}

// BackfillEngine moves backfills on.
type BackfillEngine interface {
	// Advance sees how the runs of a backfill ended, and starts or cancels as
	// many as its state and cap say.
	Advance(ctx context.Context, in BackfillRef) (Advanced, error)
}

// Backfills groups the activities of backfills.
type Backfills struct{ engine BackfillEngine }

// NewBackfills makes the activities of backfills.
func NewBackfills(e BackfillEngine) *Backfills { return &Backfills{e} }

// AdvanceBackfill moves a backfill on as far as it can go now.
func (b *Backfills) AdvanceBackfill(ctx context.Context, in BackfillRef) (Advanced, error) {
	out, err := b.engine.Advance(ctx, in)
	return out, unlessStopped(ctx, err)
}

// Seconds gives a number of seconds as a duration.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
