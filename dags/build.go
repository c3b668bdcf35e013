package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// Part is a piece of a pipeline that New puts together: a param, a step, a
// schedule, a trigger, a notification, a limit. What makes one is a function of
// this package: IntParam, Python, Cron, OnDataset, Tell, Timeout …
type Part interface {
	addTo(b *draft)
}

// draft is a pipeline under construction.
type draft struct {
	dag    DAG
	faults []bine.Detail
}

func (b *draft) wrong(at string, err error) {
	if err != nil {
		b.faults = append(b.faults, bine.Detail{Location: at, Message: err.Error()})
	}
}

// New makes a pipeline of its parts and checks it. The order of the steps is
// that in which a reader is to see them; what runs when follows from what they
// need. The error is a *bine.Error of kind Invalid that holds every fault.
func New(name string, parts ...Part) (DAG, error) {
	b := &draft{dag: DAG{Name: bine.PipelineName(name)}}
	for _, p := range parts {
		p.addTo(b)
	}
	d, faults := finish(b.dag, b.faults)
	if len(faults) > 0 {
		return DAG{}, faultsError(faults)
	}
	return d, nil
}

// Expr makes an expression: Expr("params.n + 1") is the text ${{ params.n + 1 }}.
func Expr(cel string) string { return expr.Wrap(cel) }

type partFunc func(b *draft)

func (f partFunc) addTo(b *draft) { f(b) }

// Description says what the pipeline is for.
func Description(text string) Part {
	return partFunc(func(b *draft) { b.dag.Description = text })
}

// OnFailure posts to a webhook when a run has failed.
func OnFailure(webhook string) Part { return hook("failure", webhook) }

// OnSuccess posts to a webhook when a run has succeeded.
func OnSuccess(webhook string) Part { return hook("success", webhook) }

// OnEnd posts to a webhook when a run has ended, whichever way.
func OnEnd(webhook string) Part { return hook("always", webhook) }

func hook(on, webhook string) Part {
	return partFunc(func(b *draft) { b.dag.Notify = append(b.dag.Notify, Notify{On: on, Webhook: webhook}) })
}

// ScheduleBuilder is a schedule under construction; Cron begins one.
type ScheduleBuilder struct {
	schedule Schedule
	catchUp  string
	jitter   string
}

// Cron makes the pipeline run by itself: five fields (minute, hour, day, month,
// day of week), or @daily and the like. In UTC, one run at a time, catching up
// one hour, unless told otherwise.
func Cron(fields string) *ScheduleBuilder {
	s := defaultSchedule()
	s.Cron = fields
	return &ScheduleBuilder{schedule: s}
}

// In sets the time zone, an IANA name such as Europe/Vienna.
func (s *ScheduleBuilder) In(timeZone string) *ScheduleBuilder {
	s.schedule.TimeZone = timeZone
	return s
}

// Overlap sets what happens at a tick while the run before still goes on; see Overlaps.
func (s *ScheduleBuilder) Overlap(policy string) *ScheduleBuilder {
	s.schedule.Overlap = policy
	return s
}

// CatchUp sets for how long a missed tick is made good, as 1h or 2d.
func (s *ScheduleBuilder) CatchUp(duration string) *ScheduleBuilder {
	s.catchUp = duration
	return s
}

// Jitter lets a tick start up to so much later, as 5m.
func (s *ScheduleBuilder) Jitter(duration string) *ScheduleBuilder {
	s.jitter = duration
	return s
}

func (s *ScheduleBuilder) addTo(b *draft) {
	out := s.schedule
	if s.catchUp != "" {
		d, err := ParseDuration(s.catchUp)
		b.wrong("schedule.catch_up", err)
		out.CatchUp = d.Seconds()
	}
	if s.jitter != "" {
		d, err := ParseDuration(s.jitter)
		b.wrong("schedule.jitter", err)
		out.Jitter = d.Seconds()
	}
	b.dag.Schedule = &out
}

// ParamBuilder is a param under construction. V is what its value is in Go.
type ParamBuilder[V any] struct {
	param       Param
	fallback    any
	choices     []V
	hasFallback bool
}

// IntParam begins a param that is a whole number.
func IntParam(name string) *NumberParam[int] { return newNumber[int](name, Int) }

// FloatParam begins a param that is a decimal number.
func FloatParam(name string) *NumberParam[float64] { return newNumber[float64](name, Float) }

// StringParam begins a param that is a text.
func StringParam(name string) *ParamBuilder[string] { return newParam[string](name, String) }

// BoolParam begins a param that is true or false.
func BoolParam(name string) *ParamBuilder[bool] { return newParam[bool](name, Bool) }

// ListParam begins a param that is a list.
func ListParam(name string) *ParamBuilder[any] { return newParam[any](name, List) }

// MapParam begins a param that is a mapping.
func MapParam(name string) *ParamBuilder[any] { return newParam[any](name, Map) }

func newParam[V any](name string, t Type) *ParamBuilder[V] {
	return &ParamBuilder[V]{param: Param{Name: name, Type: t}}
}

// Default sets the value of a run that gives none. Without it every run must give one.
func (p *ParamBuilder[V]) Default(v V) *ParamBuilder[V] {
	p.fallback, p.hasFallback = v, true
	return p
}

// OneOf lists the only values allowed.
func (p *ParamBuilder[V]) OneOf(choices ...V) *ParamBuilder[V] {
	p.choices = choices
	return p
}

// Describe says what the param means.
func (p *ParamBuilder[V]) Describe(text string) *ParamBuilder[V] {
	p.param.Description = text
	return p
}

// Value gives the expression that reads the param.
func (p *ParamBuilder[V]) Value() string { return Expr("params." + p.param.Name) }

func (p *ParamBuilder[V]) addTo(b *draft) {
	out := p.param
	at := place("params", out.Name)
	tree := func(v any) json.RawMessage {
		raw, err := canonical(v)
		b.wrong(at, err)
		return raw
	}
	if p.hasFallback {
		out.Default = tree(p.fallback)
	}
	for _, c := range p.choices {
		out.Choices = append(out.Choices, tree(c))
	}
	b.dag.Params = append(b.dag.Params, out)
}

// NumberParam is a param that is a number, under construction.
type NumberParam[V int | float64] struct{ p *ParamBuilder[V] }

func newNumber[V int | float64](name string, t Type) *NumberParam[V] {
	return &NumberParam[V]{newParam[V](name, t)}
}

// Default sets the value of a run that gives none. Without it every run must give one.
func (n *NumberParam[V]) Default(v V) *NumberParam[V] {
	n.p.Default(v)
	return n
}

// Between sets the least and the greatest value.
func (n *NumberParam[V]) Between(least, greatest V) *NumberParam[V] {
	return n.AtLeast(least).AtMost(greatest)
}

// AtLeast sets the least value.
func (n *NumberParam[V]) AtLeast(least V) *NumberParam[V] {
	n.p.param.Min = new(float64(least))
	return n
}

// AtMost sets the greatest value.
func (n *NumberParam[V]) AtMost(greatest V) *NumberParam[V] {
	n.p.param.Max = new(float64(greatest))
	return n
}

// OneOf lists the only values allowed.
func (n *NumberParam[V]) OneOf(choices ...V) *NumberParam[V] {
	n.p.OneOf(choices...)
	return n
}

// Describe says what the param means.
func (n *NumberParam[V]) Describe(text string) *NumberParam[V] {
	n.p.Describe(text)
	return n
}

// Value gives the expression that reads the param.
func (n *NumberParam[V]) Value() string { return n.p.Value() }

func (n *NumberParam[V]) addTo(b *draft) { n.p.addTo(b) }
