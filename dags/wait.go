package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// WaitAction waits, without holding a worker, until something is so: exactly
// one of its conditions is set.
type WaitAction struct {
	For       string   `json:"for,omitempty"`       // a duration, or an expression for one
	Until     string   `json:"until,omitempty"`     // a time as RFC 3339, or an expression for one
	File      string   `json:"file,omitempty"`      // path of the project's files that must exist; may hold expressions
	Partition string   `json:"partition,omitempty"` // directory that must hold the file _SUCCESS; may hold expressions
	HTTP      *Request `json:"http,omitempty"`      // that must be answered as expected
	Run       *WaitRun `json:"run,omitempty"`
	Every     float64  `json:"every_seconds,omitempty"` // between two looks; 30 if 0
}

// WaitRun waits for a run of another pipeline that has succeeded.
type WaitRun struct {
	Pipeline bine.PipelineName `json:"pipeline"`
	Tick     string            `json:"tick,omitempty"`           // the planned time that the run must have, as RFC 3339; may be an expression
	Within   float64           `json:"within_seconds,omitempty"` // how old its end may be; 0 is any
}

// Kind gives wait.
func (WaitAction) Kind() string { return "wait" }

func (WaitAction) outputs() map[string]Type { return nil }
func (WaitAction) refs() []Ref              { return nil }

func (a WaitAction) check(c *checker, s *Step) {
	given := 0
	for _, set := range []bool{a.For != "", a.Until != "", a.File != "", a.Partition != "", a.HTTP != nil, a.Run != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		c.faultf(s.at("wait"), "a wait has exactly one of for, until, file, partition, http and run")
		return
	}
	if a.For != "" && !expr.Has(a.For) {
		_, err := ParseDuration(a.For)
		c.wrong(s.at("wait", "for"), err)
	}
	if a.HTTP != nil {
		a.HTTP.check(c, s.at("wait", "http"))
	}
	if a.Run != nil {
		c.name(s.at("wait", "run", "pipeline"), a.Run.Pipeline)
	}
}

func (a WaitAction) rewrite(f rewriter) (Action, error) {
	var err error
	for _, t := range []struct {
		key  string
		text *string
	}{{"for", &a.For}, {"until", &a.Until}, {"file", &a.File}, {"partition", &a.Partition}} {
		if *t.text, err = f.text(place("wait", t.key), *t.text); err != nil {
			return nil, err
		}
	}
	if a.HTTP != nil {
		r, err := a.HTTP.rewrite(place("wait", "http"), f)
		if err != nil {
			return nil, err
		}
		a.HTTP = &r
	}
	if a.Run != nil {
		run := *a.Run
		if run.Tick, err = f.text(place("wait", "run", "tick"), run.Tick); err != nil {
			return nil, err
		}
		a.Run = &run
	}
	return a, nil
}

func waitFields() []field[WaitAction] {
	return []field[WaitAction]{
		{name: "for", doc: "A duration, or an expression for one.", schema: durationSchema,
			read: func(v value, a *WaitAction) { a.For = v.durationText() }},
		{name: "until", doc: "A time as RFC 3339, or an expression for one.", schema: textSchema,
			read: func(v value, a *WaitAction) { a.Until = v.text() }},
		{name: "file", doc: "Path of a file of the project that must be there.", schema: textSchema,
			read: func(v value, a *WaitAction) { a.File = v.text() }},
		{name: "partition", doc: "Directory of the project that must hold a file _SUCCESS.", schema: textSchema,
			read: func(v value, a *WaitAction) { a.Partition = v.text() }},
		{name: "http", doc: "A request that must be answered as expected.", schema: object(requestFields()),
			read: func(v value, a *WaitAction) { a.HTTP = &Request{}; readFields(v, "http", requestFields(), a.HTTP) }},
		{name: "run", doc: "A run of another pipeline that must have succeeded.", schema: object(waitRunFields()),
			read: func(v value, a *WaitAction) { a.Run = &WaitRun{}; readFields(v, "run", waitRunFields(), a.Run) }},
		{name: "every", doc: "How long to wait between two looks; 30s if absent.", schema: durationSchema,
			read: func(v value, a *WaitAction) { a.Every = v.duration() }},
	}
}

func waitRunFields() []field[WaitRun] {
	return []field[WaitRun]{
		{name: "pipeline", required: true, doc: "Name of the pipeline.", schema: textSchema,
			read: func(v value, r *WaitRun) { r.Pipeline = bine.PipelineName(v.text()) }},
		{name: "tick", doc: "The planned time that the run must have, as ${{ tick }}; any if absent.", schema: textSchema,
			read: func(v value, r *WaitRun) { r.Tick = v.text() }},
		{name: "within", doc: "How long ago it may have ended; any time if absent.", schema: durationSchema,
			read: func(v value, r *WaitRun) { r.Within = v.duration() }},
	}
}

func waitKind() Kind {
	return mappingKind(Kind{
		Name:  "wait",
		Doc:   "Waits for a time, a file, a partition, an HTTP answer or a run of another pipeline; it holds no process and no worker.",
		Waits: true,
	}, waitFields())
}

// Request is an HTTP request to an address outside. Texts may hold expressions.
type Request struct {
	Method  string            `json:"method,omitempty"` // GET if empty
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`   // a text is sent as it is, anything else as JSON
	Expect  []int             `json:"expect,omitempty"` // statuses; any 2xx if empty
}
