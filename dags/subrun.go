package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// PipelineAction starts a run of another pipeline of the project and waits for
// its end, without holding a worker. Its outputs are run, the run's id, and
// outputs, the run's outputs by name.
type PipelineAction struct {
	Name    bine.PipelineName `json:"name"`
	Version int               `json:"version,omitempty"` // 0 is the newest
	Params  json.RawMessage   `json:"params,omitempty"`  // an object whose texts may hold expressions
}

// JobAction is PipelineAction for a stored job.
type JobAction struct {
	Name    bine.PipelineName `json:"name"`
	Version int               `json:"version,omitempty"`
	Params  json.RawMessage   `json:"params,omitempty"`
}
