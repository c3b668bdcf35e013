package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// WaitAction waits, without holding a worker, until something is so: exactly
// one of its conditions is set.
type WaitAction struct {
	For       string   `json:"for,omitempty"`       // a duration, or an expression for one
	Until     string   `json:"until,omitempty"`     // a time as RFC 3339, or an expression for one
	File      string   `json:"file,omitempty"`      // path of the project's files that must exist; may hold expressions
	Partition string   `json:"partition,omitempty"` // directory that must hold the file _SUCCESS; may hold expressions
	HTTP      *Request `json:"http,omitempty"`      // that must be answered as expected
	Run       *WaitRun `json:"run,omitempty"`
	Every     float64  `json:"every_seconds,omitempty"` // between two looks; 30 if 0
}

// WaitRun waits for a run of another pipeline that has succeeded.
type WaitRun struct {
	Pipeline bine.PipelineName `json:"pipeline"`
	Tick     string            `json:"tick,omitempty"`           // expression for the planned time that the run must have
	Within   float64           `json:"within_seconds,omitempty"` // how old its end may be; 0 is any
}

// Request is an HTTP request to an address outside. Texts may hold expressions.
type Request struct {
	Method  string            `json:"method,omitempty"` // GET if empty
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`   // a text is sent as it is, anything else as JSON
	Expect  []int             `json:"expect,omitempty"` // statuses; any 2xx if empty
}
