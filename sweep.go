package bine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SweepState is where a sweep stands.
type SweepState string

// The states of a sweep. A paused one begins no segment; one that is stopping
// waits for the processes that it asked to end.
const (
	SweepRunning   SweepState = "running"
	SweepPaused    SweepState = "paused"
	SweepStopping  SweepState = "stopping"
	SweepSucceeded SweepState = "succeeded"
	SweepFailed    SweepState = "failed"
	SweepCancelled SweepState = "cancelled"
)

// Ended reports whether the state is final.
func (s SweepState) Ended() bool {
	return s == SweepSucceeded || s == SweepFailed || s == SweepCancelled
}

// SweepRef names a sweep: a step of a run is one.
type SweepRef struct {
	Project ProjectName `json:"project"`
	Run     RunID       `json:"run"`
	Step    StepName    `json:"step"`
}

func (r SweepRef) String() string { return string(r.Run) + "/" + string(r.Step) }

// Sweep is a search for the configuration with the best metric.
type Sweep struct {
	SweepRef
	State     SweepState         `json:"state"`
	Reason    string             `json:"reason,omitempty"`
	Spec      json.RawMessage    `json:"spec" doc:"what is searched and how, as it was written"`
	Seed      int64              `json:"seed"`
	Metric    string             `json:"metric"`
	Goal      string             `json:"goal" doc:"minimize or maximize"`
	Parallel  int                `json:"parallel" doc:"processes at a time"`
	Trials    map[TrialState]int `json:"trials,omitempty" doc:"how many there are in each state"`
	Best      *BestTrial         `json:"best,omitempty"`
	Events    int64              `json:"events" doc:"how many there were"`
	Decisions int64              `json:"decisions" doc:"how many there were"`
	CreatedAt time.Time          `json:"created_at"`
	EndedAt   *time.Time         `json:"ended_at,omitempty"`
}

// BestTrial is the best of a sweep so far.
type BestTrial struct {
	Trial   int             `json:"trial"`
	Segment int             `json:"segment" doc:"the last one of it that succeeded: its outputs are those of the step"`
	Value   float64         `json:"value"`
	Config  json.RawMessage `json:"config"`
}

// TrialState is where a trial stands.
type TrialState string

// The states of a trial. One that waits got through a rung and may go on; one
// that is queued goes on with the next free place; one that is through has come to its end; one
// that is invalid said that its configuration can't be, and does not count.
const (
	TrialAdded    TrialState = "added" // by hand, and has not begun
	TrialRunning  TrialState = "running"
	TrialStopping TrialState = "stopping"
	TrialQueued   TrialState = "queued"
	TrialWaiting  TrialState = "waiting"
	TrialThrough  TrialState = "through"
	TrialStopped  TrialState = "stopped"
	TrialFailed   TrialState = "failed"
	TrialInvalid  TrialState = "invalid"
)

// Ended reports whether the trial does not go on.
func (s TrialState) Ended() bool {
	return s == TrialThrough || s == TrialStopped || s == TrialFailed || s == TrialInvalid
}

// SweepTrial is one configuration of a sweep.
type SweepTrial struct {
	Trial     int             `json:"trial" doc:"from 1"`
	State     TrialState      `json:"state"`
	Reason    string          `json:"reason,omitempty" doc:"of its last decision"`
	Config    json.RawMessage `json:"config"`
	Bracket   int             `json:"bracket,omitempty"`
	Rung      int             `json:"rung"`
	Resource  int64           `json:"resource" doc:"up to which it was trained"`
	Value     *float64        `json:"value,omitempty" doc:"its metric; none before the first, and where it is no number"`
	Segment   int             `json:"segment" doc:"its last process, counted from 1; 0 before the first"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"`
}

// SegmentKey names the n-th process of a trial, counted from 1: an item of the step.
func SegmentKey(trial, segment int) string { return fmt.Sprintf("%d.%d", trial, segment) }

// ParseSegment takes the key of a segment apart.
func ParseSegment(key string) (trial, segment int, err error) {
	left, right, _ := strings.Cut(key, ".")
	trial, err = strconv.Atoi(left)
	if err == nil {
		segment, err = strconv.Atoi(right)
	}
	if err != nil || SegmentKey(trial, segment) != key {
		return 0, 0, Errorf(Invalid, "%.60q is no segment of a trial: trial.segment is expected, for example 12.1", key)
	}
	return trial, segment, nil
}

// TrialSegment is what the process of a segment gets: the value of its item.
type TrialSegment struct {
	Trial   int             `json:"trial"`
	Segment int             `json:"segment"`
	Bracket int             `json:"bracket,omitempty"`
	Rung    int             `json:"rung"`
	From    int64           `json:"from,omitempty" doc:"resource that the segment before reached"`
	Budget  int64           `json:"budget,omitempty" doc:"resource in all up to which it trains; 0 is until it ends by itself"`
	Config  json.RawMessage `json:"config"`
	Metric  string          `json:"metric" doc:"name of what is to be best"`
}

// SweepEvent is what happened to a sweep: its decisions follow from its events,
// in their order, and from nothing else.
type SweepEvent struct {
	Seq  int64           `json:"seq" doc:"from 1"`
	Key  string          `json:"key" doc:"the same event is taken once"`
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"event"`
}

// SweepDecision is what a sweep decided.
type SweepDecision struct {
	Seq   int64           `json:"seq" doc:"from 1"`
	Event int64           `json:"event" doc:"the event that it follows from"`
	At    time.Time       `json:"at"`
	Kind  string          `json:"kind"`
	Trial int             `json:"trial,omitempty"`
	Body  json.RawMessage `json:"decision" doc:"with its reason"`
}

// ConfigExit is the exit code by which a process says that its configuration
// can't be: its trial is replaced and does not count. (EX_CONFIG of sysexits.h.)
const ConfigExit = 78

// TrialAnswer answers a report of a trial.
type TrialAnswer struct {
	Do     Order  `json:"do" doc:"continue or stop"`
	Reason string `json:"reason,omitempty"`
	Next   int64  `json:"next,omitempty" doc:"the least resource at which the next report decides anything; 0 where none does"`
}
