package bine

import (
	"encoding/json"
	"time"
)

// Environment is one immutable version of a project's Python environment.
type Environment struct {
	Version   int                 `json:"version" doc:"from 1"`
	State     EnvironmentState    `json:"state"`
	Reason    string              `json:"reason,omitempty"`
	Base      int                 `json:"base,omitempty" doc:"the version it was made from; 0 is an empty one"`
	Python    string              `json:"python,omitempty" doc:"for example 3.11.7"`
	Add       []string            `json:"add,omitempty" doc:"requirements as pip writes them"`
	Remove    []string            `json:"remove,omitempty" doc:"package names"`
	Requires  []string            `json:"requires,omitempty" doc:"all requirements that were asked for, the base's included"`
	Packages  []Package           `json:"packages,omitempty" doc:"what is installed, by name"`
	Lock      string              `json:"lock,omitempty" doc:"requirements file with exact versions and hashes"`
	Hosts     map[HostName]string `json:"hosts,omitempty" doc:"state on each host: installing, ready, or why it failed"`
	Current   bool                `json:"current" doc:"whether runs that name no version use this one"`
	CreatedBy UserName            `json:"created_by"`
	CreatedAt time.Time           `json:"created_at"`
	ReadyAt   *time.Time          `json:"ready_at,omitempty"`
}

// EnvironmentState is where a version of an environment stands.
type EnvironmentState string

// The states of an environment version.
const (
	EnvironmentBuilding EnvironmentState = "building"
	EnvironmentReady    EnvironmentState = "ready"
	EnvironmentFailed   EnvironmentState = "failed"
)

// Package is an installed Python package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Model is a registered model: a name and its versions.
type Model struct {
	Name      ModelName     `json:"name"`
	Latest    int           `json:"latest"`
	Versions  int           `json:"versions"`
	Newest    *ModelVersion `json:"newest,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
}

// ModelVersion is one immutable version of a model, linked to what made it.
type ModelVersion struct {
	Model           ModelName              `json:"model"`
	Version         int                    `json:"version" doc:"from 1"`
	Artifact        ArtifactRef            `json:"artifact"`
	Framework       string                 `json:"framework,omitempty" doc:"sklearn, or python for anything that joblib loads"`
	Metrics         map[string]float64     `json:"metrics,omitempty"`
	Schema          json.RawMessage        `json:"schema,omitempty" doc:"{inputs: [{name, datatype}], outputs: […]} in Open Inference Protocol types"`
	Example         json.RawMessage        `json:"example,omitempty" doc:"one input row by name"`
	Description     string                 `json:"description,omitempty"`
	Run             RunID                  `json:"run,omitempty"`
	Step            StepName               `json:"step,omitempty"`
	Pipeline        PipelineName           `json:"pipeline,omitempty"`
	PipelineVersion int                    `json:"pipeline_version,omitempty"`
	Code            Hash                   `json:"code,omitempty"`
	Environment     int                    `json:"environment,omitempty"`
	Data            map[string]ArtifactRef `json:"data,omitempty" doc:"inputs of the step that made it"`
	CreatedBy       UserName               `json:"created_by"`
	CreatedAt       time.Time              `json:"created_at"`
}

// Deployment is a model version that answers requests.
type Deployment struct {
	Name      DeploymentName  `json:"name"`
	Project   ProjectName     `json:"project"`
	Model     ModelName       `json:"model"`
	Version   int             `json:"version" doc:"the version asked for"`
	Serving   int             `json:"serving,omitempty" doc:"the version that answers now; 0 while none does"`
	State     DeploymentState `json:"state"`
	Reason    string          `json:"reason,omitempty"`
	Resources Resources       `json:"resources"`
	Restarts  int             `json:"restarts"`
	Attempt   AttemptID       `json:"attempt,omitempty" doc:"the process that answers"`
	Address   string          `json:"-"`
	CreatedBy UserName        `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// DeploymentState is where a deployment stands.
type DeploymentState string

// The states of a deployment. Starting: no server of it answers; Ready;
// Updating: the old version answers until the new one is ready; Stopped;
// Failed: the last server asked for did not become ready.
const (
	DeploymentStarting DeploymentState = "starting"
	DeploymentReady    DeploymentState = "ready"
	DeploymentUpdating DeploymentState = "updating"
	DeploymentStopped  DeploymentState = "stopped"
	DeploymentFailed   DeploymentState = "failed"
)

// Schedule says when a pipeline runs by itself.
type Schedule struct {
	Name      ScheduleName    `json:"name"`
	Pipeline  PipelineName    `json:"pipeline"`
	Version   int             `json:"version,omitempty" doc:"0 is the newest at each tick"`
	Cron      string          `json:"cron" doc:"five fields, or @hourly and the like"`
	TimeZone  string          `json:"time_zone" doc:"IANA name; UTC if empty"`
	Overlap   string          `json:"overlap" doc:"skip, buffer_one, buffer_all, cancel_other, allow_all"`
	CatchUp   float64         `json:"catch_up_seconds" doc:"ticks missed for longer than this are dropped"`
	Jitter    float64         `json:"jitter_seconds,omitempty" doc:"a tick starts up to so much later, always by the same"`
	Params    json.RawMessage `json:"params,omitempty"`
	Paused    bool            `json:"paused"`
	Note      string          `json:"note,omitempty"`
	Next      []time.Time     `json:"next,omitempty" doc:"the next ticks"`
	Since     *time.Time      `json:"since,omitempty" doc:"since when it plans these times"`
	PausedAt  *time.Time      `json:"paused_at,omitempty" doc:"when it was last paused"`
	ResumedAt *time.Time      `json:"resumed_at,omitempty" doc:"when it was last resumed"`
	CreatedBy UserName        `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
}

// Event is one change that a live page or a client that follows hears of.
type Event struct {
	ID      int64       `json:"id"`
	At      time.Time   `json:"at"`
	Project ProjectName `json:"project"`
	Object  string      `json:"object" doc:"run, step, deployment, environment, project, backfill"`
	Name    string      `json:"name" doc:"id of the object; of a step: run/step/item"`
	State   string      `json:"state"`
}
