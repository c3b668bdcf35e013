package bine

import (
	"encoding/json"
	"time"
)

// State is where a run, a step, an item of a fan-out or an attempt stands.
type State string

// The states. Pending: accepted, nothing has begun; Waiting: for resources;
// Running; then one of the ends. A step is Skipped when its when is false or
// something it needs did not succeed, and Cached when its outputs were taken
// from an earlier run.
const (
	Pending   State = "pending"
	Waiting   State = "waiting"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Skipped   State = "skipped"
	Cached    State = "cached"
	Lost      State = "lost" // of an attempt: its host or process vanished, or it was interrupted
)

// Ended reports whether the state is final.
func (s State) Ended() bool {
	return s != Pending && s != Waiting && s != Running
}

// OK reports whether what needs something in state s may go on.
func (s State) OK() bool { return s == Succeeded || s == Cached }

// PipelineKind tells pipelines from jobs.
type PipelineKind string

// A job is stored as a pipeline of one step, and an execution of it is a run.
const (
	KindPipeline PipelineKind = "pipeline"
	KindJob      PipelineKind = "job"
)

// Pipeline is a pipeline or job as stored.
type Pipeline struct {
	Name        PipelineName `json:"name"`
	Kind        PipelineKind `json:"kind"`
	Description string       `json:"description,omitempty"`
	Latest      int          `json:"latest" doc:"number of the newest version, from 1"`
	Runs        int          `json:"runs" doc:"runs started so far"`
	LastRun     *Run         `json:"last_run,omitempty"`
	CreatedBy   UserName     `json:"created_by"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

// PipelineVersion is one immutable version of a pipeline.
type PipelineVersion struct {
	Pipeline  PipelineName    `json:"pipeline"`
	Version   int             `json:"version"`
	Hash      Hash            `json:"hash" doc:"of the checked definition and the code together"`
	Code      Hash            `json:"code,omitempty" doc:"artifact that holds the files of the steps"`
	Source    string          `json:"source" doc:"the text as it was stored: YAML, or JSON from a builder"`
	DAG       json.RawMessage `json:"dag" doc:"the checked definition in canonical JSON"`
	CreatedBy UserName        `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
}

// Run is one execution of one version of a pipeline.
type Run struct {
	ID        RunID           `json:"id"`
	Project   ProjectName     `json:"project"`
	Pipeline  PipelineName    `json:"pipeline"`
	Kind      PipelineKind    `json:"kind"`
	Version   int             `json:"version"`
	Hash      Hash            `json:"hash"`
	Number    int             `json:"number" doc:"counts from 1 for each pipeline"`
	State     State           `json:"state"`
	Reason    string          `json:"reason,omitempty" doc:"why it failed, or what it waits for"`
	Params    json.RawMessage `json:"params" doc:"every parameter with the value it has in this run"`
	NoCache   bool            `json:"no_cache,omitempty" doc:"no step of this run is taken from the cache"`
	Continues RunID           `json:"continues,omitempty" doc:"the run whose outputs this one goes on from"`
	From      []StepName      `json:"from,omitempty" doc:"of a continuation: the steps that were to run again"`
	Parent    *StepPointer    `json:"parent,omitempty" doc:"the step that started it"`
	Backfill  BackfillID      `json:"backfill,omitempty"`
	Trigger   string          `json:"trigger,omitempty" doc:"what started it, for a run that a trigger started"`
	Priority  Priority        `json:"priority,omitempty"`
	Schedule  ScheduleName    `json:"schedule,omitempty"`
	Tick      *time.Time      `json:"tick,omitempty" doc:"the planned time, for a run that a schedule started"`
	StartedBy UserName        `json:"started_by"`
	CreatedAt time.Time       `json:"created_at"`
	StartedAt *time.Time      `json:"started_at,omitempty"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"`
	Steps     map[State]int   `json:"steps,omitempty" doc:"number of steps in each state"`
	// DeadlineAt is when the run is late; Late is set when that has passed before its end.
	DeadlineAt *time.Time                 `json:"deadline_at,omitempty"`
	Late       bool                       `json:"late,omitempty"`
	Outputs    map[string]json.RawMessage `json:"outputs,omitempty" doc:"what the pipeline's outputs came to"`
}

// StepPointer names a step, or an item of one, of a run of the same project.
type StepPointer struct {
	Run  RunID    `json:"run"`
	Step StepName `json:"step"`
	Item string   `json:"item,omitempty"`
}

// Step is a node of a run's graph as it went, or one item of a fan-out: then
// Item is its key. A fan-out has one row without an item, which sums its items up.
type Step struct {
	Run         RunID                      `json:"run"`
	Name        StepName                   `json:"name"`
	Item        string                     `json:"item,omitempty"`
	Kind        string                     `json:"kind" doc:"python, command, model …"`
	State       State                      `json:"state"`
	Reason      string                     `json:"reason,omitempty" doc:"why it failed, was skipped or waits"`
	Attempts    int                        `json:"attempts"`
	Items       int                        `json:"items,omitempty" doc:"of a fan-out: how many items"`
	ItemStates  map[State]int              `json:"item_states,omitempty"`
	With        json.RawMessage            `json:"with,omitempty" doc:"its parameters after evaluation"`
	Inputs      map[string]ArtifactRef     `json:"inputs,omitempty"`
	Values      map[string]json.RawMessage `json:"values,omitempty" doc:"outputs that are values, 16 KiB together at most"`
	Artifacts   map[string]ArtifactRef     `json:"artifacts,omitempty" doc:"outputs that are files or directories"`
	Metrics     map[string]float64         `json:"metrics,omitempty" doc:"last value of each metric"`
	CacheKey    Hash                       `json:"cache_key,omitempty"`
	CachedFrom  RunID                      `json:"cached_from,omitempty" doc:"the run whose outputs were taken"`
	CacheNote   string                     `json:"cache_note,omitempty" doc:"why outputs were taken, or why not"`
	SubRun      RunID                      `json:"sub_run,omitempty" doc:"the run that a pipeline or job step started"`
	Environment int                        `json:"environment,omitempty" doc:"version of the project's environment"`
	CreatedAt   time.Time                  `json:"created_at"`
	StartedAt   *time.Time                 `json:"started_at,omitempty"`
	EndedAt     *time.Time                 `json:"ended_at,omitempty"`
}

// ArtifactKind tells files from directories.
type ArtifactKind string

// A file's hash is that of its bytes; a directory's is that of its manifest,
// see ArtifactEntry.
const (
	ArtifactFile ArtifactKind = "file"
	ArtifactDir  ArtifactKind = "dir"
)

// ArtifactRef points to an artifact: a file or directory addressed by content.
type ArtifactRef struct {
	Hash Hash         `json:"hash"`
	Kind ArtifactKind `json:"kind"`
	Size int64        `json:"size" doc:"bytes; of a directory, of all its files"`
	Name string       `json:"name,omitempty" doc:"base name that the file had where it was made"`
	// Parts is set on an input that gathers one output of every item of a
	// fan-out: a directory whose entries are the items' artifacts by key.
	Parts map[string]ArtifactRef `json:"parts,omitzero"`
}

// ArtifactEntry is one file in the manifest of a directory artifact. A manifest
// is the JSON array of its entries ordered by path, without spaces.
type ArtifactEntry struct {
	Path       string `json:"path" doc:"relative, with slashes"`
	Hash       Hash   `json:"hash"`
	Size       int64  `json:"size"`
	Executable bool   `json:"executable,omitempty"`
}

// SubRunKey is the idempotency key of the run that a step starts.
func SubRunKey(run RunID, step StepName, item string) string {
	key := "step/" + string(run) + "/" + string(step)
	if item != "" {
		key += "/" + string(HashOf([]byte(item))[:16])
	}
	return key
}
