package bine

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Experiment groups tracked runs of a project. The experiment 0 is called
// Default and takes what names no other.
type Experiment struct {
	ID        int               `json:"id" doc:"number in the project, from 0"`
	Name      string            `json:"name"`
	Tags      map[string]string `json:"tags,omitempty"`
	Removed   bool              `json:"removed,omitempty" doc:"it can be restored"`
	Runs      int               `json:"runs" doc:"tracked runs in it that are not removed"`
	CreatedBy UserName          `json:"created_by"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

// DefaultExperiment is the name of experiment 0.
const DefaultExperiment = "Default"

// TrackedID names a tracked run in its project: 32 hexadecimal digits.
type TrackedID string

// TrackedIDOf gives the id under which what the processes of a step or item
// report is kept, whichever attempt it is.
func TrackedIDOf(o Owner) TrackedID {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(o.Project), o.Name, string(o.Step), o.Item}, "\x00")))
	return TrackedID(hex.EncodeToString(sum[:16]))
}

// Check says whether id has the form of one.
func (id TrackedID) Check() error {
	if _, err := hex.DecodeString(string(id)); err != nil || len(id) != 32 || strings.ToLower(string(id)) != string(id) {
		return Errorf(Invalid, "%.80q is not the id of a tracked run: 32 hexadecimal digits are expected", string(id))
	}
	return nil
}

// TrackedRun is one execution of something that reports what it was given and
// what came of it: a step of a run, a trial, a notebook, or a program outside.
type TrackedRun struct {
	ID         TrackedID         `json:"id"`
	Experiment int               `json:"experiment"`
	Name       string            `json:"name"`
	Kind       TrackedKind       `json:"kind"`
	State      State             `json:"state" doc:"running, succeeded, failed, cancelled, lost; of a step, that of the step"`
	Reason     string            `json:"reason,omitempty"`
	Run        RunID             `json:"run,omitempty" doc:"of a step, with step and item"`
	Step       StepName          `json:"step,omitempty"`
	Item       string            `json:"item,omitempty"`
	Fence      int64             `json:"fence" doc:"who reports with a lower number was replaced; of a step the number of the attempt"`
	Patience   float64           `json:"patience_seconds,omitempty" doc:"one that runs and does not report for so long is lost; 0 waits for ever"`
	Params     map[string]string `json:"params,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Metrics    map[string]Latest `json:"metrics,omitempty"`
	Inputs     []TrackedInput    `json:"inputs,omitempty" doc:"data that went in"`
	Removed    bool              `json:"removed,omitempty" doc:"it can be restored"`
	CreatedBy  UserName          `json:"created_by"`
	StartedAt  time.Time         `json:"started_at"`
	EndedAt    *time.Time        `json:"ended_at,omitempty"`
	HeardAt    time.Time         `json:"heard_at" doc:"when it last reported"`
}

// TrackedKind says what a tracked run is of.
type TrackedKind string

// The kinds of tracked runs. The state of a step's is the step's; any other's is
// as it was told, or lost.
const (
	TrackedStep     TrackedKind = "step"
	TrackedTrial    TrackedKind = "trial"
	TrackedNotebook TrackedKind = "notebook"
	TrackedClient   TrackedKind = "client"
)

// Latest is what is known of a metric without its curve. The last point is the
// one of the highest step, and of several of these the latest.
type Latest struct {
	Last   Number    `json:"last"`
	Step   int64     `json:"step"`
	At     time.Time `json:"at"`
	Min    Number    `json:"min" doc:"of what is a number"`
	Max    Number    `json:"max"`
	Points int64     `json:"points"`
}

// TrackedInput is data that a tracked run used, as MLflow knows it.
type TrackedInput struct {
	Name       string            `json:"name"`
	Digest     string            `json:"digest"`
	SourceType string            `json:"source_type"`
	Source     string            `json:"source"`
	Schema     string            `json:"schema,omitempty"`
	Profile    string            `json:"profile,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// Report is what a tracked run tells: numbers, and what it was given. Sent
// again it changes nothing. An empty one says that the run lives.
type Report struct {
	// Fence must not be lower than the run's; a higher one replaces it.
	Fence int64 `json:"fence,omitempty"`
	// Source is who counts with Seq: the metrics of one source are taken in
	// their order, each once.
	Source string `json:"source,omitempty" maxLength:"64" doc:"who counts with seq, for example a process"`
	// Seq is the number of the first of Metrics at its source, from 1; 0 where
	// they are not numbered, and points that are there already are left out.
	Seq     int64             `json:"seq,omitempty" minimum:"0" doc:"number of the first of metrics at its source, from 1; 0 does not count"`
	Metrics []Metric          `json:"metrics,omitempty" maxItems:"10000"`
	Params  map[string]string `json:"params,omitempty" doc:"set once: another value for the same name is a conflict"`
	Tags    map[string]string `json:"tags,omitempty"`
	Inputs  []TrackedInput    `json:"inputs,omitempty"`
}

// ReportAnswer answers a report.
type ReportAnswer struct {
	Do     Order  `json:"do" doc:"continue, stop or pause"`
	Reason string `json:"reason,omitempty"`
	Acked  int64  `json:"acked" doc:"number of the last metric of the source that is on disk"`
}

// Order is what a tracked run is to do next.
type Order string

// The orders. One that is to pause leaves a checkpoint and ends.
const (
	Continue Order = "continue"
	Stop     Order = "stop"
	Pause    Order = "pause"
)

// Curve is a metric of a tracked run over its steps, by Step and At.
type Curve struct {
	Run    TrackedID `json:"run"`
	Metric string    `json:"metric"`
	Points []Point   `json:"points"`
	Of     int       `json:"of" doc:"how many points there are; points has fewer where they were too many to draw"`
}

// Point is one of a curve.
type Point struct {
	Step  int64     `json:"step"`
	At    time.Time `json:"at"`
	Value Number    `json:"value"`
}
