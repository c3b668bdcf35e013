package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// SubRun is what a step starts that runs another pipeline or a job.
type SubRun struct {
	Name    bine.PipelineName `json:"name"`
	Version int               `json:"version,omitempty"` // 0 is the newest
	Params  json.RawMessage   `json:"params,omitempty"`  // an object whose texts may hold expressions
}

// PipelineAction starts a run of another pipeline of the project and waits for
// its end, without holding a worker. Its outputs are run, the run's id, and
// outputs, the run's outputs by name.
type PipelineAction struct{ SubRun }

// JobAction is PipelineAction for a stored job.
type JobAction struct{ SubRun }

// Kind gives pipeline.
func (PipelineAction) Kind() string { return "pipeline" }

// Kind gives job.
func (JobAction) Kind() string { return "job" }

func (SubRun) outputs() map[string]Type { return map[string]Type{"run": String, "outputs": JSON} }
func (SubRun) refs() []Ref              { return nil }

func (a PipelineAction) check(c *checker, s *Step) { a.SubRun.check(c, s, "pipeline") }
func (a JobAction) check(c *checker, s *Step)      { a.SubRun.check(c, s, "job") }

func (r SubRun) check(c *checker, s *Step, key string) {
	c.name(s.at(key, "name"), r.Name)
	if r.Version < 0 {
		c.faultf(s.at(key, "version"), "a version is a number from 1")
	}
	if len(r.Params) > 0 && r.Params[0] != '{' {
		if _, only := isExpression(r.Params); !only {
			c.faultf(s.at(key, "params"), "params are a mapping, or an expression for one")
		}
	}
}

func (a PipelineAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Params, err = f.tree(place("pipeline", "params"), wantAnything, a.Params)
	return a, err
}

func (a JobAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Params, err = f.tree(place("job", "params"), wantAnything, a.Params)
	return a, err
}

// Given gives the params of an action that Step.Evaluate gave.
func (r SubRun) Given() (map[string]json.RawMessage, error) {
	if len(r.Params) == 0 {
		return nil, nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(r.Params, &given); err != nil {
		return nil, bine.Errorf(bine.Invalid, "the params of %s are %s: a mapping is expected", r.Name, shorten(string(r.Params)))
	}
	return given, nil
}

func subRunFields(what string) []field[SubRun] {
	return []field[SubRun]{
		{name: "name", required: true, doc: "Name of the " + what + ".", schema: textSchema,
			read: func(v value, r *SubRun) { r.Name = bine.PipelineName(v.text()) }},
		{name: "version", doc: "Its version; the newest if absent.", schema: countSchema,
			read: func(v value, r *SubRun) { r.Version = v.positive() }},
		{name: "params", doc: "Params of its run; texts may hold expressions.", schema: schema{"type": []any{"object", "string"}},
			read: func(v value, r *SubRun) { r.Params = v.mappingOrExpression() }},
	}
}

// subRunKind makes a kind whose action is a SubRun.
func subRunKind[A Action](name, doc string, make func(SubRun) A) Kind {
	return wrappedKind(Kind{Name: name, Doc: doc, Waits: true}, subRunFields(name), make)
}

func pipelineKind() Kind {
	return subRunKind("pipeline", "Runs another pipeline of the project, as a run of its own; its outputs are run and outputs.", func(r SubRun) PipelineAction { return PipelineAction{r} })
}

func jobKind() Kind {
	return subRunKind("job", "Runs a stored job, as a run of its own; its outputs are run and outputs.", func(r SubRun) JobAction { return JobAction{r} })
}
