package activities

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/plan"
)

// RunRef names a run.
type RunRef struct {
	Project bine.ProjectName `json:"project"`
	Run     bine.RunID       `json:"run"`
}

// StepRef names a step of a run, one item of a fan-out, or a batch of items.
type StepRef struct {
	RunRef
	Step  bine.StepName `json:"step"`
	Item  string        `json:"item,omitempty"`
	Items []string      `json:"items,omitempty"` // keys of a batch; Item is then its own key
	// Environment is the version that steps which name none use, fixed when the run began.
	Environment int `json:"environment,omitempty"`
	// SoFar is how the run stands, for steps that run at its end.
	SoFar Outcome `json:"so_far,omitzero"`
}

// Begun answers BeginRun.
type Begun struct {
	// State is Running, the end that the run has reached already, or Waiting: for
	// its turn among runs. Then a signal says when to ask again.
	State       bine.State `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Environment int        `json:"environment,omitempty"`
	DeadlineAt  int64      `json:"deadline_at,omitempty"` // microseconds since 1970 UTC; 0 is none
}

// Resolved says what is left to do for a step whose needs are met.
type Resolved struct {
	// State is Pending when the step is to be done now; Waiting when its turn
	// must come first (see Awaits), after which it is resolved again; Skipped,
	// Cached, Succeeded or Failed when nothing is left to do.
	State  bine.State `json:"state"`
	Items  int        `json:"items,omitempty"` // of a fan-out: how many
	Reason string     `json:"reason,omitempty"`
}

// Outcome is how a step or run ended.
type Outcome struct {
	State   bine.State   `json:"state"`
	Failure bine.Failure `json:"failure,omitempty"`
	Reason  string       `json:"reason,omitempty"`
}

// Finished answers FinishRun. Notify is set where somebody wants to hear of the end.
type Finished struct {
	Outcome
	Notify bool `json:"notify,omitempty"`
}

// RunEngine keeps the ledger of runs and decides what a step has to do: it
// evaluates expressions, resolves inputs and looks into the cache.
type RunEngine interface {
	Begin(ctx context.Context, in RunRef) (Begun, error)
	Finish(ctx context.Context, in RunRef, end Outcome) (Finished, error)
	Notify(ctx context.Context, in RunRef) error
	Resolve(ctx context.Context, in StepRef) (Resolved, error)
	ItemKeys(ctx context.Context, in StepRef, from, count int) ([]string, error)
	Settle(ctx context.Context, in StepRef, end Outcome) (Outcome, error)
	Gather(ctx context.Context, in StepRef) (Outcome, error)
	Perform(ctx context.Context, in StepRef) (Outcome, error)
	// Late marks a run that has not ended at its deadline.
	Late(ctx context.Context, in RunRef) (Finished, error)
}

// Runs groups the activities of runs and their steps. All but PerformStep are
// local activities: short transactions on the ledger.
type Runs struct{ engine RunEngine }

// NewRuns makes the activities of runs.
func NewRuns(e RunEngine) *Runs { return &Runs{e} }

// BeginRun moves a run from pending to running and fixes its environment.
func (r *Runs) BeginRun(ctx context.Context, in RunRef) (Begun, error) {
	out, err := r.engine.Begin(ctx, in)
	return out, forTemporal(err)
}

// FinishRunInput says how a run ended.
type FinishRunInput struct {
	RunRef
	End Outcome `json:"end"`
}

// FinishRun moves a run to its end, and with it every step that has none.
func (r *Runs) FinishRun(ctx context.Context, in FinishRunInput) (Finished, error) {
	out, err := r.engine.Finish(ctx, in.RunRef, in.End)
	return out, forTemporal(err)
}

// NotifyRun sends the notices of a run that have not been sent.
func (r *Runs) NotifyRun(ctx context.Context, in RunRef) error {
	return forTemporal(r.engine.Notify(ctx, in))
}

// ResolveStep finds out what is left to do for a step, an item or a batch, and
// writes its row.
func (r *Runs) ResolveStep(ctx context.Context, in StepRef) (Resolved, error) {
	out, err := r.engine.Resolve(ctx, in)
	return out, forTemporal(err)
}

// ListItemsInput asks for the keys of some items of a fan-out.
type ListItemsInput struct {
	StepRef
	From  int `json:"from"`
	Count int `json:"count"`
}

// ListItems gives the keys of items in the order in which the fan-out's
// expression gave them.
func (r *Runs) ListItems(ctx context.Context, in ListItemsInput) ([]string, error) {
	out, err := r.engine.ItemKeys(ctx, in.StepRef, in.From, in.Count)
	return out, forTemporal(err)
}

// SettleStepInput says how a step ended that did not succeed.
type SettleStepInput struct {
	StepRef
	End Outcome `json:"end"`
}

// SettleStep moves a step that failed, was cancelled or is skipped to its end.
// A step that has ended already keeps its state, which is answered.
func (r *Runs) SettleStep(ctx context.Context, in SettleStepInput) (Outcome, error) {
	out, err := r.engine.Settle(ctx, in.StepRef, in.End)
	return out, forTemporal(err)
}

// GatherItems sums the items of a fan-out up in the row of the step.
func (r *Runs) GatherItems(ctx context.Context, in StepRef) (Outcome, error) {
	out, err := r.engine.Gather(ctx, in)
	return out, forTemporal(err)
}

// MarkLate marks a run that has not ended at its deadline, and says whether
// somebody wants to hear of it.
func (r *Runs) MarkLate(ctx context.Context, in RunRef) (Finished, error) {
	out, err := r.engine.Late(ctx, in)
	return out, forTemporal(err)
}

// PerformStep does a light step: one that is no process.
func (r *Runs) PerformStep(ctx context.Context, in StepRef) (Outcome, error) {
	stop := beat(ctx)
	defer stop()
	out, err := r.engine.Perform(ctx, in)
	return out, unlessStopped(ctx, err)
}

// TickInput names a planned time of a schedule.
type TickInput struct {
	Project  bine.ProjectName  `json:"project"`
	Schedule bine.ScheduleName `json:"schedule"`
	At       int64             `json:"at"` // microseconds since 1970 UTC
}

// Accepted is a run that is to be started.
type Accepted struct {
	RunRef
	Plan     plan.Plan     `json:"plan"`
	Priority bine.Priority `json:"priority,omitempty"`
}

// TickEngine turns ticks into runs.
type TickEngine interface {
	Accept(ctx context.Context, in TickInput) (Accepted, error)
}

// Ticks groups the activities of schedules.
type Ticks struct{ engine TickEngine }

// NewTicks makes the activities of schedules.
func NewTicks(e TickEngine) *Ticks { return &Ticks{e} }

// AcceptTick makes the run of a tick, or answers the one that is there.
func (t *Ticks) AcceptTick(ctx context.Context, in TickInput) (Accepted, error) {
	out, err := t.engine.Accept(ctx, in)
	return out, forTemporal(err)
}
