package templates

import (
	"encoding/json"
	"strings"

	"github.com/bine-ml/bine"
)

// Definition is what the pages show of a checked pipeline; it is read from the
// canonical JSON (see package dags).
type Definition struct {
	Description string           `json:"description"`
	Params      []Param          `json:"params"`
	Steps       []DefinitionStep `json:"steps"`
	Schedule    *struct {
		Cron     string `json:"cron"`
		TimeZone string `json:"time_zone"`
		Overlap  string `json:"overlap"`
	} `json:"schedule"`
}

// DefinitionStep is a step as written.
type DefinitionStep struct {
	Name        bine.StepName   `json:"name"`
	Description string          `json:"description"`
	Kind        string          `json:"kind"`
	Needs       []bine.StepName `json:"needs"`
	When        string          `json:"when"`
	Foreach     json.RawMessage `json:"foreach"`
	Resources   *bine.Resources `json:"resources"`
}

// Param is a param as written.
type Param struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Min         *float64          `json:"min"`
	Max         *float64          `json:"max"`
	Choices     []json.RawMessage `json:"choices"`
}

// ReadDefinition reads canonical JSON; of what it cannot read it gives nothing.
func ReadDefinition(dag json.RawMessage) Definition {
	var d Definition
	if json.Unmarshal(dag, &d) != nil {
		return Definition{}
	}
	return d
}

// Value is the default as it stands in a field: strings without quotes.
func (p Param) Value() string { return Plain(p.Default) }

// Required reports whether a run must give a value.
func (p Param) Required() bool { return len(p.Default) == 0 }

// Options are the choices as they stand in a field.
func (p Param) Options() []string {
	if p.Type == "bool" {
		return []string{"true", "false"}
	}
	var all []string
	for _, c := range p.Choices {
		all = append(all, Plain(c))
	}
	return all
}

// Numeric reports whether the value is a number.
func (p Param) Numeric() bool { return p.Type == "int" || p.Type == "float" }

// Structured reports whether the value is written as JSON.
func (p Param) Structured() bool { return p.Type == "list" || p.Type == "map" || p.Type == "json" }

// Hint says what is allowed.
func (p Param) Hint() string {
	parts := []string{p.Type}
	if p.Min != nil {
		parts = append(parts, "from "+number(*p.Min))
	}
	if p.Max != nil {
		parts = append(parts, "to "+number(*p.Max))
	}
	return strings.Join(parts, " ")
}

// Plain gives JSON as people write it: strings without quotes.
func Plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
