package bine

import (
	"encoding/json"
	"strconv"
	"time"
)

// BackfillID names a backfill within its project: the pipeline's name, -b and a
// number that counts from 1 for each pipeline.
type BackfillID string

// NewBackfillID gives the id of the n-th backfill of a pipeline.
func NewBackfillID(pipeline PipelineName, n int) BackfillID {
	return BackfillID(string(pipeline) + "-b" + strconv.Itoa(n))
}

// Backfill runs a pipeline for many planned times or partitions of the past.
type Backfill struct {
	ID        BackfillID      `json:"id"`
	Project   ProjectName     `json:"project"`
	Pipeline  PipelineName    `json:"pipeline"`
	Version   int             `json:"version" doc:"fixed when it was made"`
	Mode      BackfillMode    `json:"mode"`
	Order     string          `json:"order" doc:"oldest or newest first; partitions in the order given, or reversed"`
	Cap       int             `json:"cap" doc:"runs at a time"`
	From      *time.Time      `json:"from,omitempty"`
	To        *time.Time      `json:"to,omitempty" doc:"not included"`
	Cron      string          `json:"cron,omitempty" doc:"what the planned times are made from"`
	TimeZone  string          `json:"time_zone,omitempty"`
	Param     string          `json:"param,omitempty" doc:"the param that gets the partition's name; empty for planned times"`
	Params    json.RawMessage `json:"params,omitempty" doc:"other params, the same for all runs"`
	State     BackfillState   `json:"state"`
	Reason    string          `json:"reason,omitempty"`
	Slots     map[State]int   `json:"slots,omitempty" doc:"number of slots in each state"`
	CreatedBy UserName        `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"`
}

// BackfillMode says which planned times or partitions are run.
type BackfillMode string

// The modes. Missing leaves out those that have a run which succeeded or goes
// on; Failed takes only those whose newest run did not succeed.
const (
	BackfillAll     BackfillMode = "all"
	BackfillMissing BackfillMode = "missing"
	BackfillFailed  BackfillMode = "failed"
)

// BackfillState is where a backfill stands.
type BackfillState string

// The states of a backfill. Cancelling lasts until its last run has ended.
const (
	BackfillRunning    BackfillState = "running"
	BackfillPaused     BackfillState = "paused"
	BackfillCancelling BackfillState = "cancelling"
	BackfillCancelled  BackfillState = "cancelled"
	BackfillSucceeded  BackfillState = "succeeded"
	BackfillFailedEnd  BackfillState = "failed"
)

// Ended reports whether the state is final.
func (s BackfillState) Ended() bool {
	return s == BackfillCancelled || s == BackfillSucceeded || s == BackfillFailedEnd
}

// BackfillSlot is one planned time or partition of a backfill. It is Pending
// until its run starts, and then in the state of that run; one that the mode
// leaves out is Skipped.
type BackfillSlot struct {
	Key    string     `json:"key" doc:"the planned time as RFC 3339, or the partition"`
	Tick   *time.Time `json:"tick,omitempty"`
	State  State      `json:"state"`
	Run    RunID      `json:"run,omitempty"`
	Reason string     `json:"reason,omitempty"`
}
