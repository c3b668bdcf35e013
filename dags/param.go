package dags

import (
	"encoding/json"
)

// Param is a parameter of a pipeline, set when a run starts.
type Param struct {
	Name        string            `json:"name"`
	Type        Type              `json:"type"` // string, int, float, bool, list or map
	Description string            `json:"description,omitempty"`
	Default     json.RawMessage   `json:"default,omitempty"` // absent: a run must give a value
	Min         *float64          `json:"min,omitempty"`     // of int and float
	Max         *float64          `json:"max,omitempty"`     // of int and float
	Choices     []json.RawMessage `json:"choices,omitempty"` // the only values allowed
}

// Required reports whether a run must give the param a value.
func (p Param) Required() bool { return p.Default == nil }
