package dags

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
)

// DefaultResources is what a process gets that asks for nothing.
func DefaultResources() bine.Resources { return bine.Resources{CPU: 0.5, Memory: 512 << 20} }

func defaultRetry() Retry { return Retry{Backoff: 10, Factor: 2} }

func defaultSchedule() Schedule {
	return Schedule{TimeZone: "UTC", Overlap: "skip", CatchUp: DefaultCatchUp}
}

// finish completes and checks what a front door has read. known are the faults
// found so far; a check whose place lies at, below or above one of them is left
// out, because it would only repeat it. All faults come back, known ones first.
func finish(d DAG, known []bine.Detail) (DAG, []bine.Detail) {
	c := &checker{dag: &d, known: known}
	d.Steps = slices.Clone(d.Steps)
	slices.SortStableFunc(d.Steps, func(a, b Step) int { return phaseRank(a.Phase) - phaseRank(b.Phase) })
	d.Params = slices.Clone(d.Params)
	for i := range d.Params {
		c.completeParam(&d.Params[i])
	}
	d.Triggers = slices.Clone(d.Triggers)
	for i := range d.Triggers {
		if d.Triggers[i].Params != nil {
			d.Triggers[i].Params = c.canonical(place("triggers", i, "params"), d.Triggers[i].Params)
		}
	}
	d.Outputs = maps.Clone(d.Outputs)
	for _, name := range sortedKeys(d.Outputs) {
		d.Outputs[name] = c.canonical(place("outputs", name), d.Outputs[name])
	}
	for i := range d.Steps {
		c.completeStep(&d.Steps[i])
	}
	c.check()
	return d, append(slices.Clone(known), c.faults...)
}

func (c *checker) completeParam(p *Param) {
	at := place("params", p.Name)
	if p.Default != nil {
		p.Default = c.canonical(place(at, "default"), p.Default)
	}
	for i := range p.Choices {
		p.Choices[i] = c.canonical(place(at, "choices", i), p.Choices[i])
	}
}

func (c *checker) completeStep(s *Step) {
	if s.Retry.Attempts <= 1 && len(s.Retry.Or) == 0 {
		s.Retry = Retry{}
	}
	if s.Action == nil {
		return
	}
	k, _ := kindOf(s.Action)
	if k.Process && slices.Contains(k.Takes, "resources") {
		fallback := DefaultResources()
		if s.Resources.CPU == 0 {
			s.Resources.CPU = fallback.CPU
		}
		if s.Resources.Memory == 0 {
			s.Resources.Memory = fallback.Memory
		}
	}
	if s.Foreach != nil {
		f := *s.Foreach
		if f.Batch == 1 {
			f.Batch = 0
		}
		s.Foreach = &f
	}
	full, err := s.rewrite(func(at string, _ want, tree json.RawMessage) (json.RawMessage, error) {
		return c.canonical(s.at(at), tree), nil
	})
	if err == nil {
		*s = full
	}
	dropEmpty(s)
}

// dropEmpty makes absent what is empty, so that both are one value.
func dropEmpty(s *Step) {
	if len(s.Inputs) == 0 {
		s.Inputs = nil
	}
	if len(s.Outputs) == 0 {
		s.Outputs = nil
	}
	if len(s.Env) == 0 {
		s.Env = nil
	}
	if len(s.Concurrency) == 0 {
		s.Concurrency = nil
	}
	if len(s.Pools) == 0 {
		s.Pools = nil
	}
	if len(s.Cache.Ignore) == 0 {
		s.Cache.Ignore = nil
	}
	if string(s.With) == "{}" {
		s.With = nil
	}
}

func (c *checker) canonical(at string, raw json.RawMessage) json.RawMessage {
	out, err := canonical(raw)
	if err != nil {
		c.faultf(at, "%s", err)
		return json.RawMessage("null")
	}
	return out
}
