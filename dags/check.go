package dags

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// MaxSteps is the most steps that a pipeline may have.
const MaxSteps = 5000

// checker gathers what is wrong with a pipeline.
type checker struct {
	dag    *DAG
	known  []bine.Detail // faults found before the checks
	faults []bine.Detail
	exprs  *expr.Checker

	steps      index
	choosers   map[bine.StepName][]bine.StepName // the branches that name a step
	chain      []bine.StepName                   // fan-outs that a step follows, and the checker for it
	chainExprs *expr.Checker
}

// faultf reports a fault at a place, unless one around or inside it is known.
func (c *checker) faultf(at, format string, args ...any) {
	c.fault(bine.Detail{Location: at, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) fault(d bine.Detail) {
	if len(c.faults) >= maxFaults {
		return
	}
	for _, k := range c.known {
		if k.Location != "" && (within(k.Location, d.Location) || within(d.Location, k.Location)) {
			return
		}
	}
	c.faults = append(c.faults, d)
}

// within reports whether a place is at or below another.
func within(at, outer string) bool {
	rest, ok := strings.CutPrefix(at, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// wrong reports the faults in err, which lie at a place.
func (c *checker) wrong(at string, err error) {
	if err != nil {
		c.faultf(at, "%s", err)
	}
}

func (c *checker) check() {
	d := c.dag
	if d.Name == "" {
		c.faultf("name", "the pipeline has no name")
	} else {
		c.wrong("name", d.Name.Check())
	}
	for i := range d.Params {
		c.checkParam(i)
	}
	if d.Schedule != nil {
		c.checkSchedule(*d.Schedule)
	}
	for i, n := range d.Notify {
		c.checkNotify(place("notify", i), n, true)
	}
	if d.Timeout < 0 || d.Timeout > maxDuration.Seconds() {
		c.faultf("timeout", "a timeout is between 0 and 366 days")
	}
	if d.Deadline < 0 || d.Deadline > maxDuration.Seconds() {
		c.faultf("deadline", "a deadline is between 0 and 366 days")
	}
	if d.Priority != "" && !slices.Contains(priorities(), d.Priority) {
		c.faultf("priority", "%q is not one of low, normal, high", d.Priority)
	}
	c.checkSteps()
	c.few("notify", len(d.Notify), "notifications")
	c.few("triggers", len(d.Triggers), "triggers")
	c.checkTriggers()
	c.checkConcurrency("concurrency", d.Concurrency, expr.InStep)
	c.checkTexts()
}

// maxListed bounds what is small by its nature: triggers, notifications, fields of a form.
const maxListed = 100

// few reports a list that is too long.
func (c *checker) few(at string, n int, what string) {
	if n > maxListed {
		c.faultf(at, "%d %s are too many: at most %d are allowed", n, what, maxListed)
	}
}

// checkTexts checks the expressions that stand in no step: outputs of the run
// and messages.
func (c *checker) checkTexts() {
	d := c.dag
	for _, name := range sortedKeys(d.Outputs) {
		c.identifier(place("outputs", name), "output", name)
	}
	if c.exprs == nil {
		return
	}
	for _, name := range sortedKeys(d.Outputs) {
		eachText(place("outputs", name), d.Outputs[name], func(at, text string) { c.expression(at, text, c.exprs, expr.InStep) })
	}
	message := func(at string, list []Notify) {
		for i, n := range list {
			c.expression(place(at, i, "message"), n.Message, c.exprs, expr.InMessage)
		}
	}
	message("notify", d.Notify)
	for i := range d.Steps {
		if a, ok := d.Steps[i].Action.(ApprovalAction); ok {
			message(d.Steps[i].at("approval", "notify"), a.Notify)
			if a.Escalate != nil {
				message(d.Steps[i].at("approval", "escalate", "notify"), a.Escalate.Notify)
			}
		}
	}
}

// name checks a name that has a form.
func (c *checker) name(at string, n interface{ Check() error }) {
	if fmt.Sprint(n) == "" {
		c.faultf(at, "the name is empty")
		return
	}
	c.wrong(at, n.Check())
}

// identifier checks a name that stands in expressions.
func (c *checker) identifier(at, what, name string) {
	if slices.Contains([]string{"in", "true", "false", "null"}, name) {
		c.faultf(at, "%s %q is a reserved word of expressions: choose another name", what, name)
		return
	}
	if what == "output" && name == "state" {
		c.faultf(at, "an output cannot be called state: steps.<name>.state is the state of the step")
		return
	}
	c.wrong(at, bine.CheckIdentifier(what, name))
}

func (c *checker) webhook(at, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.faultf(at, "%q is not an address that can be posted to: http://… or https://… is expected", shorten(address))
	}
}

func (c *checker) checkSchedule(s Schedule) {
	at := "schedule"
	switch _, err := cron.ParseStandard(s.Cron); {
	case s.Cron == "":
		c.faultf(place(at, "cron"), "the schedule has no cron: five fields, or @daily and the like")
	case strings.Contains(s.Cron, "TZ="):
		c.faultf(place(at, "cron"), "the time zone belongs into time_zone")
	case err != nil:
		c.faultf(place(at, "cron"), "%q is not a cron expression (minute, hour, day, month, day of week, or @daily and the like): %s", shorten(s.Cron), err)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" || s.TimeZone == "" {
		c.faultf(place(at, "time_zone"), "%q is not a time zone: an IANA name is expected, as Europe/Vienna", shorten(s.TimeZone))
	}
	if !slices.Contains(Overlaps(), s.Overlap) {
		c.faultf(place(at, "overlap"), "%q is not one of %s", s.Overlap, strings.Join(Overlaps(), ", "))
	}
	if s.CatchUp < 0 {
		c.faultf(place(at, "catch_up"), "a catch-up window is not negative")
	}
	if s.Jitter < 0 || s.Jitter > 24*3600 {
		c.faultf(place(at, "jitter"), "a jitter is between 0 and 24 hours")
	}
	for _, p := range c.dag.Params {
		if p.Required() {
			c.faultf(at, "a scheduled pipeline needs a default for every param; %s has none", p.Name)
		}
	}
}

func (c *checker) checkParam(i int) {
	p := &c.dag.Params[i]
	at := place("params", p.Name)
	if j := slices.IndexFunc(c.dag.Params, func(q Param) bool { return q.Name == p.Name }); j < i {
		c.faultf(at, "there are two params %s", p.Name)
	}
	c.checkParamAt(at, p)
}

// checkParamAt checks a param of the pipeline, or a field of a form.
func (c *checker) checkParamAt(at string, p *Param) {
	c.identifier(at, "param", p.Name)
	if !slices.Contains(paramTypes(), p.Type) {
		c.faultf(place(at, "type"), "%q is not one of %s%s", p.Type, strings.Join(texts(paramTypes()), ", "), didYouMean(p.Type, paramTypes()))
		return
	}
	number := p.Type == Int || p.Type == Float
	for name, bound := range map[string]*float64{"min": p.Min, "max": p.Max} {
		if bound != nil && !number {
			c.faultf(place(at, name), "%s is for int and float, not for %s", name, p.Type)
		}
	}
	if number && p.Min != nil && p.Max != nil && *p.Min > *p.Max {
		c.faultf(place(at, "max"), "the greatest value %v is less than the least, %v", *p.Max, *p.Min)
		return
	}
	for k, choice := range p.Choices {
		v, err := CheckValue(p.Type, choice)
		c.wrong(place(at, "choices", k), err)
		if err == nil {
			p.Choices[k] = v
		}
	}
	c.checkDefault(place(at, "default"), p)
}

func (c *checker) checkDefault(at string, p *Param) {
	if p.Default == nil {
		return
	}
	if text, ok := isExpression(p.Default); ok {
		c.faultf(at, "a default is a value, not an expression like %s", shorten(text))
		return
	}
	v, err := p.check(p.Default)
	c.wrong(at, err)
	if err == nil {
		p.Default = v
	}
}

// types gives what exists for expressions.
func (d DAG) types() expr.Names {
	n := expr.Names{Params: map[string]Type{}, Steps: map[bine.StepName]expr.StepNames{}}
	for _, p := range d.Params {
		n.Params[p.Name] = p.Type
	}
	for _, s := range d.Steps {
		names := expr.StepNames{Foreach: s.Foreach != nil}
		if s.Action != nil {
			names.Outputs = s.AllOutputs()
		}
		n.Steps[s.Name] = names
	}
	return n
}
