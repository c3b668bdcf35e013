package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// ModelAction registers a version of a model.
type ModelAction struct {
	Name        bine.ModelName  `json:"name"`
	Artifact    Ref             `json:"artifact"`
	Metrics     json.RawMessage `json:"metrics,omitempty"` // numbers by name, or an expression for them
	Description string          `json:"description,omitempty"`
}

// Kind gives model.
func (ModelAction) Kind() string { return "model" }

// Numbers gives the metrics of an action that Step.Evaluate gave.
func (a ModelAction) Numbers() (map[string]float64, error) {
	if a.Metrics == nil {
		return nil, nil
	}
	var out map[string]float64
	if err := json.Unmarshal(a.Metrics, &out); err != nil {
		return nil, bine.Errorf(bine.Invalid, "the metrics of model %s are not numbers by name: %s", a.Name, a.Metrics)
	}
	return out, nil
}

func (ModelAction) outputs() map[string]Type { return map[string]Type{"version": Int} }
func (a ModelAction) refs() []Ref            { return []Ref{a.Artifact} }

func (a ModelAction) check(c *checker, s *Step) {
	c.name(s.at("model", "name"), a.Name)
	if a.Artifact != (Ref{}) {
		c.artifact(s, s.at("model", "artifact"), a.Artifact)
	} else {
		c.faultf(s.at("model"), "artifact is missing: name the output that is the model, for example train.model")
	}
}

func (a ModelAction) rewrite(f rewriter) (Action, error) {
	var err error
	if a.Metrics, err = f.tree(place("model", "metrics"), wantAnything, a.Metrics); err != nil {
		return nil, err
	}
	a.Description, err = f.text(place("model", "description"), a.Description)
	return a, err
}

func modelFields() []field[ModelAction] {
	return []field[ModelAction]{
		{name: "name", required: true, doc: "Name of the model.", schema: schema{"type": "string"},
			read: func(v value, a *ModelAction) { a.Name = bine.ModelName(v.text()) }},
		{name: "artifact", required: true, doc: "The output that is the model, as step.output.", schema: schema{"type": "string"},
			read: func(v value, a *ModelAction) { a.Artifact = v.ref() }},
		{name: "metrics", doc: "Numbers by name, or an expression for such a mapping.", schema: schema{"type": []any{"object", "string"}},
			read: func(v value, a *ModelAction) { a.Metrics = v.mappingOrExpression() }},
		{name: "description", doc: "What is to be known about this version.", schema: schema{"type": "string"},
			read: func(v value, a *ModelAction) { a.Description = v.text() }},
	}
}

func modelKind() Kind {
	return mappingKind(Kind{
		Name: "model",
		Doc:  "Registers a new version of a model; its output is version.",
	}, modelFields())
}
