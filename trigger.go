package bine

import (
	"encoding/json"
	"time"
)

// Trigger starts a pipeline when something happens. It belongs to the
// pipeline's newest version: storing a version replaces the pipeline's triggers.
type Trigger struct {
	Pipeline PipelineName    `json:"pipeline" doc:"that is started"`
	Number   int             `json:"number" doc:"place in the pipeline's list, from 1"`
	Kind     TriggerKind     `json:"kind"`
	Source   string          `json:"source" doc:"a path of the project's files, a pipeline, or a topic"`
	On       State           `json:"on,omitempty" doc:"of a pipeline: the end that starts; succeeded if absent"`
	Settle   float64         `json:"settle_seconds,omitempty" doc:"how long a path must be quiet before the run starts"`
	Params   json.RawMessage `json:"params,omitempty" doc:"params of the run, whose texts may hold expressions over event"`
	Paused   bool            `json:"paused,omitempty"`
	Position string          `json:"position,omitempty" doc:"how far the source has been read"`
	FiredAt  *time.Time      `json:"fired_at,omitempty"`
	LastRun  RunID           `json:"last_run,omitempty"`
	Reason   string          `json:"reason,omitempty" doc:"why it cannot be read or started, if so"`
}

// TriggerKind is what a trigger listens to.
type TriggerKind string

// The kinds of trigger.
const (
	TriggerDataset  TriggerKind = "dataset"
	TriggerPipeline TriggerKind = "pipeline"
	TriggerTopic    TriggerKind = "topic"
)
