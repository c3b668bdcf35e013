package dags

import (
	"context"
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// Kind says what the trigger listens to, and Source to which of them.
func (t Trigger) Kind() bine.TriggerKind {
	switch {
	case t.Dataset != "":
		return bine.TriggerDataset
	case t.Pipeline != "":
		return bine.TriggerPipeline
	}
	return bine.TriggerTopic
}

// Source is the path, pipeline or topic that the trigger listens to.
func (t Trigger) Source() string {
	switch t.Kind() {
	case bine.TriggerDataset:
		return t.Dataset
	case bine.TriggerPipeline:
		return string(t.Pipeline)
	}
	return t.Topic
}

// EvaluateParams gives the params that a run gets because of an event, a JSON
// object: {path} of a dataset; {run, pipeline, state, params, outputs, tick} of
// a pipeline; {key, value, partition, offset} of a topic.
func EvaluateParams(ctx context.Context, params, event json.RawMessage) (map[string]json.RawMessage, error) {
	if len(params) == 0 {
		return nil, nil
	}
	raw, err := expr.EvalTree(ctx, params, expr.Scope{Event: event})
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, bine.Errorf(bine.Invalid, "the params of a trigger are %s: a mapping is expected", shorten(string(raw)))
	}
	return out, nil
}

func triggerEnds() []string {
	return []string{string(bine.Succeeded), string(bine.Failed), string(bine.Cancelled)}
}

func triggerFields() []field[Trigger] {
	return []field[Trigger]{
		{name: "dataset", doc: "Path of the project's files: a run starts when something at or below it has changed.", schema: textSchema,
			read: func(v value, t *Trigger) { t.Dataset = v.text() }},
		{name: "pipeline", doc: "Another pipeline: a run starts when a run of it has ended.", schema: textSchema,
			read: func(v value, t *Trigger) { t.Pipeline = bine.PipelineName(v.text()) }},
		{name: "topic", doc: "A Kafka topic: a run starts for each message.", schema: textSchema,
			read: func(v value, t *Trigger) { t.Topic = v.text() }},
		{name: "on", doc: "Of a pipeline: the end that counts; succeeded if absent.", schema: enum(triggerEnds()...),
			read: func(v value, t *Trigger) { t.On = bine.State(v.choice(triggerEnds())) }},
		{name: "settle", doc: "Of a dataset: how long nothing must have changed; 10s if absent.", schema: durationSchema,
			read: func(v value, t *Trigger) { t.Settle = v.duration() }},
		{name: "params", doc: "Params of the run; texts may be expressions over event.", schema: schema{"type": "object"},
			read: func(v value, t *Trigger) { t.Params = readWith(v) }},
	}
}

func readTriggers(v value) []Trigger {
	var list []Trigger
	for _, item := range v.items("a list of triggers") {
		var t Trigger
		readFields(item, "a trigger", triggerFields(), &t)
		list = append(list, t)
	}
	return list
}

func (c *checker) checkTriggers() {
	for i, t := range c.dag.Triggers {
		at := place("triggers", i)
		given := 0
		for _, set := range []bool{t.Dataset != "", t.Pipeline != "", t.Topic != ""} {
			if set {
				given++
			}
		}
		if given != 1 {
			c.faultf(at, "a trigger has exactly one of dataset, pipeline and topic")
			continue
		}
		if t.Pipeline != "" {
			c.name(place(at, "pipeline"), t.Pipeline)
		}
		if t.Pipeline == c.dag.Name {
			c.faultf(place(at, "pipeline"), "a pipeline that starts itself never ends")
		}
		if t.On != "" && t.Pipeline == "" {
			c.faultf(place(at, "on"), "on is for the end of a pipeline")
		}
		if t.Settle != 0 && t.Dataset == "" {
			c.faultf(place(at, "settle"), "settle is for a dataset")
		}
		c.checkTriggerParams(at, t)
	}
}

// checkTriggerParams checks that a run can start with what the trigger gives.
func (c *checker) checkTriggerParams(at string, t Trigger) {
	given := map[string]json.RawMessage{}
	if len(t.Params) > 0 && json.Unmarshal(t.Params, &given) != nil {
		c.faultf(place(at, "params"), "params are a mapping")
		return
	}
	for _, name := range sortedKeys(given) {
		p, found := c.dag.Param(name)
		if !found {
			c.faultf(place(at, "params", name), "%s", c.dag.noParam(name))
			continue
		}
		dynamic := false
		eachText(place(at, "params", name), given[name], func(at, text string) {
			dynamic = dynamic || expr.Has(text)
			if c.exprs != nil {
				c.expression(at, text, c.exprs, expr.InEvent)
			}
		})
		if !dynamic {
			_, err := p.check(given[name])
			c.wrong(place(at, "params", name), err)
		}
	}
	for _, p := range c.dag.Params {
		if _, ok := given[p.Name]; !ok && p.Required() {
			c.faultf(at, "param %s has no default: the trigger must give it", p.Name)
		}
	}
}
