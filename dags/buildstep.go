package dags

import (
	"encoding/json"
	"maps"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// StepBuilder is a step under construction. A function for each kind begins
// one: Python, Command, SQL, HTTP, Values, Model, Approval and so on.
type StepBuilder struct {
	step   Step
	faults []error // with the place below the step in the message
}

func newStep(name string, a Action) *StepBuilder {
	return &StepBuilder{step: Step{Name: bine.StepName(name), Action: a}}
}

// Python begins a step that runs Python: a file of the code, or a program if
// it has a line break.
func Python(name, program string) *StepBuilder {
	return newStep(name, PythonAction{Program: program})
}

// Command begins a step that runs a program with arguments, each of which may
// hold expressions.
func Command(name string, argv ...string) *StepBuilder {
	return newStep(name, CommandAction{Args: argv})
}

// Shell begins a step that runs a text with sh -c. The text holds no
// expressions: give values with Env.
func Shell(name, text string) *StepBuilder { return newStep(name, CommandAction{Shell: text}) }

// Values begins a light step that computes values: its outputs are the names,
// and each value may hold expressions.
func Values(name string, values map[string]any) *StepBuilder {
	s := newStep(name, nil)
	a := ValuesAction{}
	for _, n := range sortedKeys(values) {
		a[n] = s.tree(values[n])
	}
	s.step.Action = a
	return s
}

// Message begins a light step that posts a message, which may hold
// expressions, to a webhook.
func Message(name, webhook, message string) *StepBuilder {
	return newStep(name, NotifyAction{Webhook: webhook, Message: message})
}

// ModelBuilder is a step that registers a model, under construction. What it
// has of its own comes first; the methods of every step follow.
type ModelBuilder struct{ *StepBuilder }

// Model begins a light step that registers a new version of a model from an
// artifact. Its output is version.
func Model(name, model string, artifact Ref) *ModelBuilder {
	return &ModelBuilder{newStep(name, ModelAction{Name: bine.ModelName(model), Artifact: artifact})}
}

// Metrics sets the numbers by name that describe the version: a map whose
// values may be expressions, or one expression for such a map.
func (m *ModelBuilder) Metrics(metrics any) *ModelBuilder {
	a, _ := m.step.Action.(ModelAction)
	a.Metrics = m.tree(metrics)
	m.step.Action = a
	return m
}

// Notes says what is to be known about the version; it may hold expressions.
func (m *ModelBuilder) Notes(text string) *ModelBuilder {
	a, _ := m.step.Action.(ModelAction)
	a.Description = text
	m.step.Action = a
	return m
}

// DeployBuilder is a step that deploys a model, under construction. What it has
// of its own comes first; the methods of every step follow.
type DeployBuilder struct{ *StepBuilder }

// Deploy begins a light step that makes a deployment serve a version of a
// model: the newest, unless Version says which. Its output is version.
func Deploy(name, deployment, model string) *DeployBuilder {
	return &DeployBuilder{newStep(name, DeployAction{Name: bine.DeploymentName(deployment), Model: bine.ModelName(model)})}
}

// Version sets the version: a number or an expression.
func (d *DeployBuilder) Version(version any) *DeployBuilder {
	a, _ := d.step.Action.(DeployAction)
	a.Version = d.tree(version)
	d.step.Action = a
	return d
}

func (s *StepBuilder) addTo(b *draft) {
	for _, err := range s.faults {
		b.wrong(s.step.at(), err)
	}
	b.dag.Steps = append(b.dag.Steps, s.step)
}

func (s *StepBuilder) wrong(err error) {
	if err != nil {
		s.faults = append(s.faults, err)
	}
}

func (s *StepBuilder) tree(v any) json.RawMessage {
	raw, err := canonical(v)
	s.wrong(err)
	return raw
}

// Name gives the name of the step.
func (s *StepBuilder) Name() string { return string(s.step.Name) }

// Out refers to an output of the step that is an artifact, for Input and Model.
func (s *StepBuilder) Out(output string) Ref { return Ref{Step: s.step.Name, Output: output} }

// Value gives the expression that reads an output of the step that is a value;
// of a fan-out, a map of it by the items' keys.
func (s *StepBuilder) Value(output string) string {
	return Expr("steps." + string(s.step.Name) + "." + output)
}

// Describe says what the step does.
func (s *StepBuilder) Describe(text string) *StepBuilder {
	s.step.Description = text
	return s
}

// Needs adds steps that must have succeeded before. Those whose outputs the
// step reads are needed anyway.
func (s *StepBuilder) Needs(steps ...interface{ Name() string }) *StepBuilder {
	for _, other := range steps {
		s.step.Needs = append(s.step.Needs, bine.StepName(other.Name()))
	}
	return s
}

// When sets an expression; where it is false the step is skipped, and what needs it too.
func (s *StepBuilder) When(expression string) *StepBuilder {
	s.step.When = expression
	return s
}

// With adds a parameter that the process reads. The value is anything that has
// a JSON form; its texts may hold expressions.
func (s *StepBuilder) With(name string, v any) *StepBuilder {
	with := map[string]json.RawMessage{}
	if s.step.With != nil {
		s.wrong(json.Unmarshal(s.step.With, &with))
	}
	with[name] = s.tree(v)
	s.step.With = s.tree(with)
	return s
}

// Input adds an artifact of an earlier step; of a fan-out it is a directory of
// every item's artifact by key.
func (s *StepBuilder) Input(name string, from Ref) *StepBuilder {
	s.step.Inputs = with(s.step.Inputs, name, from)
	return s
}

// Output declares what the process gives: an Artifact, or a value of type
// String, Int, Float, Bool or JSON.
func (s *StepBuilder) Output(name string, t Type) *StepBuilder {
	s.step.Outputs = with(s.step.Outputs, name, t)
	return s
}

// Env sets an environment variable of the process; the value may hold expressions.
func (s *StepBuilder) Env(name, v string) *StepBuilder {
	s.step.Env = with(s.step.Env, name, v)
	return s
}

func with[V any](m map[string]V, name string, v V) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]V{}
	}
	m[name] = v
	return m
}

// Foreach runs the step once for each item: a list, or an expression for one.
// The key names an item, as in ${{ item.name }}; it may be empty where items
// are texts, numbers or booleans.
func (s *StepBuilder) Foreach(items any, key string) *StepBuilder {
	f := s.foreach()
	f.Items, f.Key = s.tree(items), key
	return s
}

// MaxParallel sets how many items of a fan-out run at a time.
func (s *StepBuilder) MaxParallel(n int) *StepBuilder {
	s.foreach().MaxParallel = n
	return s
}

// Batch sets how many items of a fan-out one process works through.
func (s *StepBuilder) Batch(n int) *StepBuilder {
	s.foreach().Batch = n
	return s
}

// Sweep runs the step once for each trial of a search: the keys of a W&B sweep
// and those of Bine, or the name of a YAML file of the code that holds them.
func (s *StepBuilder) Sweep(search any) *StepBuilder {
	s.step.Sweep = s.tree(search)
	return s
}

func (s *StepBuilder) foreach() *Foreach {
	if s.step.Foreach == nil {
		s.step.Foreach = &Foreach{}
	}
	return s.step.Foreach
}

// Retry tries a failed attempt again, up to a number of attempts in all: after
// 10 s, then 20 s, and so on, unless Backoff says otherwise. The failures, if
// any are named, are those that are tried again.
func (s *StepBuilder) Retry(attempts int, on ...bine.Failure) *StepBuilder {
	if s.step.Retry.Factor == 0 { // Backoff was not called before
		s.step.Retry.Backoff, s.step.Retry.Factor = defaultRetry().Backoff, defaultRetry().Factor
	}
	s.step.Retry.Attempts, s.step.Retry.On = attempts, on
	return s
}

// Backoff sets the wait before the second attempt, as 30s, and what each further
// wait grows by. Like Within, it belongs to the rule that was begun last.
func (s *StepBuilder) Backoff(wait string, factor float64) *StepBuilder {
	d, err := ParseDuration(wait)
	s.wrong(err)
	r := s.rule()
	r.Backoff, r.Factor = d.Seconds(), factor
	return s
}

// Timeout sets the longest that one attempt of the step may take, as 30m.
func (s *StepBuilder) Timeout(duration string) *StepBuilder {
	d, err := ParseDuration(duration)
	s.wrong(err)
	s.step.Timeout = d.Seconds()
	return s
}

// CPU sets how many cores the process gets.
func (s *StepBuilder) CPU(cores float64) *StepBuilder {
	s.step.Resources.CPU = cores
	return s
}

// Memory sets how much memory the process gets, as 2GiB.
func (s *StepBuilder) Memory(amount string) *StepBuilder {
	n, err := ParseMemory(amount)
	s.wrong(err)
	s.step.Resources.Memory = n
	return s
}

// GPUs sets how many GPUs of one host the process gets; below 1, a share of one.
func (s *StepBuilder) GPUs(n float64) *StepBuilder {
	s.step.Resources.GPUs = n
	return s
}

// Accelerators asks for GPUs in words: 20 GPUs on 2 hosts with Infiniband_P100.
func (s *StepBuilder) Accelerators(words string) *StepBuilder {
	request, err := gpu.ParseRequest(words)
	s.wrong(err)
	s.step.Resources = request.On(s.step.Resources)
	return s
}

// Environment sets the version of the project's environment; without it, it is
// the project's current one when the run starts.
func (s *StepBuilder) Environment(version int) *StepBuilder {
	s.step.Environment = version
	return s
}

// NoCache always runs the step, also where outputs of an earlier run would do.
func (s *StepBuilder) NoCache() *StepBuilder {
	s.step.NoCache = true
	return s
}
