package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/plan"
)

// Timeout bounds a run, as 6h: what it has not done then is cancelled, and the
// run fails.
func Timeout(duration string) Part {
	return lasting("timeout", duration, func(d *DAG, seconds float64) { d.Timeout = seconds })
}

// Deadline sets how long after its planned time, or its start, a run is late,
// as 2h; it goes on.
func Deadline(duration string) Part {
	return lasting("deadline", duration, func(d *DAG, seconds float64) { d.Deadline = seconds })
}

func lasting(at, duration string, set func(d *DAG, seconds float64)) Part {
	return partFunc(func(b *draft) {
		d, err := ParseDuration(duration)
		b.wrong(at, err)
		set(&b.dag, d.Seconds())
	})
}

// Priority says which of the project's steps get resources first.
func Priority(p bine.Priority) Part {
	return partFunc(func(b *draft) {
		if b.dag.Priority = p; p == bine.PriorityNormal {
			b.dag.Priority = ""
		}
	})
}

// Limit lets at most n runs go on at once that have the same key, a text with
// expressions; an empty key counts all runs of the pipeline.
func Limit(key string, n int) Part {
	return partFunc(func(b *draft) { b.dag.Concurrency = append(b.dag.Concurrency, Concurrency{Key: key, Limit: n}) })
}

// Outputs sets the values of the run by name, which may hold expressions. They
// are what a sub-pipeline, a trigger and the API see of it.
func Outputs(values map[string]any) Part {
	return partFunc(func(b *draft) {
		if b.dag.Outputs == nil {
			b.dag.Outputs = map[string]json.RawMessage{}
		}
		for _, name := range sortedKeys(values) {
			raw, err := canonical(values[name])
			b.wrong(place("outputs", name), err)
			b.dag.Outputs[name] = raw
		}
	})
}

// Webhook is an address that JSON is posted to, signed.
func Webhook(url string) Notify { return Notify{Webhook: url} }

// Slack is the address of a Slack-compatible incoming webhook.
func Slack(url string) Notify { return Notify{Slack: url} }

// Mail is mail to addresses.
func Mail(addresses ...string) Notify { return Notify{Mail: addresses} }

// Saying gives the notification with a message of its own, which may hold
// expressions.
func (n Notify) Saying(message string) Notify {
	n.Message = message
	return n
}

// Tell sends a message when something happens to a run; see NotifyOn for what:
// Tell("recovery", Slack("https://…")).
func Tell(on string, to Notify) Part {
	return partFunc(func(b *draft) {
		to.On = on
		b.dag.Notify = append(b.dag.Notify, to)
	})
}

// TriggerBuilder is a trigger under construction; OnDataset, OnPipeline and
// OnTopic begin one.
type TriggerBuilder struct {
	trigger Trigger
	settle  string
	params  any
}

// OnDataset starts a run when something at or below a path of the project's
// files has changed.
func OnDataset(path string) *TriggerBuilder {
	return &TriggerBuilder{trigger: Trigger{Dataset: path}}
}

// OnPipeline starts a run when a run of another pipeline has ended so:
// succeeded, failed or cancelled.
func OnPipeline(pipeline string, end bine.State) *TriggerBuilder {
	return &TriggerBuilder{trigger: Trigger{Pipeline: bine.PipelineName(pipeline), On: end}}
}

// OnTopic starts a run for each message of a Kafka topic.
func OnTopic(topic string) *TriggerBuilder { return &TriggerBuilder{trigger: Trigger{Topic: topic}} }

// Settle sets how long nothing must have changed in a dataset, as 30s.
func (t *TriggerBuilder) Settle(duration string) *TriggerBuilder {
	t.settle = duration
	return t
}

// Params sets the params of the run; texts may be expressions over event.
func (t *TriggerBuilder) Params(params map[string]any) *TriggerBuilder {
	t.params = params
	return t
}

func (t *TriggerBuilder) addTo(b *draft) {
	out := t.trigger
	at := place("triggers", len(b.dag.Triggers))
	if t.settle != "" {
		d, err := ParseDuration(t.settle)
		b.wrong(place(at, "settle"), err)
		out.Settle = d.Seconds()
	}
	if t.params != nil {
		raw, err := canonical(t.params)
		b.wrong(place(at, "params"), err)
		out.Params = raw
	}
	b.dag.Triggers = append(b.dag.Triggers, out)
}

// Join sets what must have become of the steps that it needs; without it, all
// of them must have succeeded.
func (s *StepBuilder) Join(rule plan.Join) *StepBuilder {
	if s.step.Join = rule; rule == allSucceeded {
		s.step.Join = plan.AllSucceeded
	}
	return s
}

// OnFailure makes the step run when the main steps have ended and one of them failed.
func (s *StepBuilder) OnFailure() *StepBuilder {
	s.step.Phase = plan.OnFailure
	return s
}

// Finally makes the step run at the end in any case, also after a cancel.
func (s *StepBuilder) Finally() *StepBuilder {
	s.step.Phase = plan.Finally
	return s
}

// Limit lets at most n of its steps or items go on at once, over all runs of the
// pipeline, that have the same key, a text with expressions. A key that begins
// with / is shared by the project.
func (s *StepBuilder) Limit(key string, n int) *StepBuilder {
	s.step.Concurrency = append(s.step.Concurrency, Concurrency{Key: key, Limit: n})
	return s
}

// Pool makes the step, or each item, hold slots of a pool.
func (s *StepBuilder) Pool(name string, slots int) *StepBuilder {
	s.step.Pools = with(s.step.Pools, name, slots)
	return s
}

// Per makes the step follow the items of a fan-out: each starts when the item
// of the same key has succeeded there.
func (s *StepBuilder) Per(fanOut interface{ Name() string }) *StepBuilder {
	s.foreach().Per = bine.StepName(fanOut.Name())
	return s
}

// Loop adds a loop inside of those added before. Its element is item.<as>; the
// items are a list, or an expression for one, and may read the loops around it.
// The key names an element; it may be empty where elements name themselves.
func (s *StepBuilder) Loop(as string, items any, key string) *StepBuilder {
	f := s.foreach()
	f.Loops = append(f.Loops, Loop{As: as, Items: s.tree(items), Key: key})
	return s
}

// OrRetry adds a rule for failures that the rules before do not name. Backoff
// and Within, called after it, belong to it.
func (s *StepBuilder) OrRetry(attempts int, on ...bine.Failure) *StepBuilder {
	rule := defaultRetry()
	rule.Attempts, rule.On = attempts, on
	s.step.Retry.Or = append(s.step.Retry.Or, rule)
	return s
}

// Within sets how long after the start of the first attempt another may begin, as 1h.
func (s *StepBuilder) Within(duration string) *StepBuilder {
	s.rule().Within = s.seconds(duration)
	return s
}

// rule gives the rule of retry that was begun last.
func (s *StepBuilder) rule() *Retry {
	if n := len(s.step.Retry.Or); n > 0 {
		return &s.step.Retry.Or[n-1]
	}
	return &s.step.Retry
}

// TotalTimeout sets the longest that the step may take with all of its
// attempts, as 5h.
func (s *StepBuilder) TotalTimeout(duration string) *StepBuilder {
	s.step.Total = s.seconds(duration)
	return s
}

// CacheMode sets how the step uses the cache: on, off, read or write.
func (s *StepBuilder) CacheMode(mode string) *StepBuilder {
	s.step.NoCache, s.step.Cache.Mode = mode == "off", ""
	if mode != "on" && mode != "off" {
		s.step.Cache.Mode = mode
	}
	return s
}

// CacheFor sets how old outputs may be that are taken from the cache, as 7d.
func (s *StepBuilder) CacheFor(duration string) *StepBuilder {
	s.step.Cache.Expires = s.seconds(duration)
	return s
}

// CacheIgnores lists what does not count: code, with.<name>, env.<name>, inputs.<name>.
func (s *StepBuilder) CacheIgnores(what ...string) *StepBuilder {
	s.step.Cache.Ignore = append(s.step.Cache.Ignore, what...)
	return s
}

// CacheSalt sets a text that counts and means nothing else: another one runs
// the step again.
func (s *StepBuilder) CacheSalt(salt string) *StepBuilder {
	s.step.Cache.Salt = salt
	return s
}
