package dags

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// Notebook begins a step that executes a notebook of the code. What With adds
// are the variables of its cell that is tagged parameters. Its outputs, beside
// those declared, are notebook and html.
func Notebook(name, file string) *StepBuilder { return newStep(name, NotebookAction{File: file}) }

// GoFunc begins a step that runs a function of a pipeline written in Go: the
// compiled program is a file of the code.
func GoFunc(name, program, function string) *StepBuilder {
	return newStep(name, GoAction{Program: program, Func: function})
}

// CopyFile begins a light step that copies a file or directory of the project.
// Both paths may hold expressions. Its output is path.
func CopyFile(name, from, to string) *StepBuilder {
	return newStep(name, CopyAction{From: from, To: to})
}

// CopyArtifact begins a light step that copies an artifact to the project's
// files. The path may hold expressions. Its output is path.
func CopyArtifact(name string, artifact Ref, to string) *StepBuilder {
	return newStep(name, CopyAction{Artifact: artifact, To: to})
}

// ImportFiles begins a step that copies a file or directory of a connector, or
// with an empty from all of it, into a directory of the project, and waits for
// that without holding a worker. Both paths may hold expressions. Its outputs
// are transfer, copied, skipped and bytes.
func ImportFiles(name, connector, from, to string) *StepBuilder {
	return newStep(name, ImportAction{Transfer{bine.ConnectorName(connector), from, to}})
}

// ExportFiles begins a step that copies a file or directory of the project into
// a directory of a connector, or with an empty to its top; else it is as ImportFiles.
func ExportFiles(name, from, connector, to string) *StepBuilder {
	return newStep(name, ExportAction{Transfer{bine.ConnectorName(connector), from, to}})
}

// Send begins a light step that sends a message, which may hold expressions:
// Send("tell", Slack("https://…"), "done").
func Send(name string, to Notify, message string) *StepBuilder {
	return newStep(name, NotifyAction{Webhook: to.Webhook, Slack: to.Slack, Mail: to.Mail, Message: message})
}

// SQLBuilder is a step that runs SQL, under construction. What it has of its
// own comes first; the methods of every step follow. So do the other builders.
type SQLBuilder struct{ *StepBuilder }

// SQL begins a step that runs statements, or a file of the code that ends in
// .sql, with DuckDB. Inputs are views of their names.
func SQL(name, query string) *SQLBuilder {
	return &SQLBuilder{newStep(name, SQLAction{Query: query})}
}

// File adds a view on a file of the project; the path may hold expressions.
func (b *SQLBuilder) File(view, path string) *SQLBuilder {
	edit(b.StepBuilder, func(a *SQLAction) { a.Files = with(a.Files, view, path) })
	return b
}

// HTTPBuilder is a step that makes an HTTP request, under construction.
type HTTPBuilder struct{ *StepBuilder }

// HTTP begins a light step that makes a request to an address outside, which
// may hold expressions; an empty method is GET. Its outputs are status and body.
func HTTP(name, method, url string) *HTTPBuilder {
	return &HTTPBuilder{newStep(name, HTTPAction{Request{Method: method, URL: url}})}
}

// Header sets a header; the value may hold expressions.
func (b *HTTPBuilder) Header(name, v string) *HTTPBuilder {
	edit(b.StepBuilder, func(a *HTTPAction) { a.Headers = with(a.Headers, name, v) })
	return b
}

// Body sets what is sent: a text as it is, anything else as JSON. Its texts may
// hold expressions.
func (b *HTTPBuilder) Body(v any) *HTTPBuilder {
	edit(b.StepBuilder, func(a *HTTPAction) { a.Body = b.tree(v) })
	return b
}

// Expect lists the statuses that are a success; without it, any 2xx is.
func (b *HTTPBuilder) Expect(statuses ...int) *HTTPBuilder {
	edit(b.StepBuilder, func(a *HTTPAction) { a.Request.Expect = statuses })
	return b
}

// WaitBuilder is a step that waits, under construction. It holds no process and
// no worker meanwhile.
type WaitBuilder struct{ *StepBuilder }

func newWait(name string, a WaitAction) *WaitBuilder { return &WaitBuilder{newStep(name, a)} }

// WaitFor begins a step that waits for a duration, as 10m, or an expression for one.
func WaitFor(name, duration string) *WaitBuilder {
	b := newWait(name, WaitAction{For: duration})
	if !expr.Has(duration) {
		edit(b.StepBuilder, func(a *WaitAction) { a.For = secondsText(b.seconds(duration)) })
	}
	return b
}

// WaitUntil begins a step that waits for a time, RFC 3339 or an expression.
func WaitUntil(name, time string) *WaitBuilder { return newWait(name, WaitAction{Until: time}) }

// WaitForFile begins a step that waits for a file of the project; the path may
// hold expressions.
func WaitForFile(name, path string) *WaitBuilder { return newWait(name, WaitAction{File: path}) }

// WaitForPartition begins a step that waits until a directory of the project
// holds a file _SUCCESS; the path may hold expressions.
func WaitForPartition(name, directory string) *WaitBuilder {
	return newWait(name, WaitAction{Partition: directory})
}

// WaitForHTTP begins a step that waits until a GET of an address is answered
// with one of the statuses; without any, with a 2xx.
func WaitForHTTP(name, url string, expect ...int) *WaitBuilder {
	return newWait(name, WaitAction{HTTP: &Request{URL: url, Expect: expect}})
}

// WaitForRun begins a step that waits until a run of another pipeline has
// succeeded: one planned for a time, as Expr("tick"), or any if that is empty;
// one that ended within a duration before now, as 1d, or ever if that is empty.
func WaitForRun(name, pipeline, tick, within string) *WaitBuilder {
	run := WaitRun{Pipeline: bine.PipelineName(pipeline), Tick: tick}
	b := newWait(name, WaitAction{Run: &run})
	run.Within = b.seconds(within)
	return b
}

// Every sets how long to wait between two looks, as 1m; 30s without it.
func (b *WaitBuilder) Every(duration string) *WaitBuilder {
	edit(b.StepBuilder, func(a *WaitAction) { a.Every = b.seconds(duration) })
	return b
}

// BranchBuilder is a step that chooses which steps go on, under construction.
type BranchBuilder struct{ *StepBuilder }

// Branch begins a light step that chooses which steps go on: those of the first
// Case that is true, else those of Else. Its output is chosen.
func Branch(name string) *BranchBuilder { return &BranchBuilder{newStep(name, BranchAction{})} }

// Case adds a way: an expression, and the steps that go on where it is true.
func (b *BranchBuilder) Case(when string, steps ...interface{ Name() string }) *BranchBuilder {
	edit(b.StepBuilder, func(a *BranchAction) { a.Cases = append(a.Cases, Case{When: when, Steps: namesOf(steps)}) })
	return b
}

// Else sets the steps that go on where no case is true.
func (b *BranchBuilder) Else(steps ...interface{ Name() string }) *BranchBuilder {
	edit(b.StepBuilder, func(a *BranchAction) { a.Else = namesOf(steps) })
	return b
}

func namesOf(steps []interface{ Name() string }) []bine.StepName {
	names := make([]bine.StepName, len(steps))
	for i, s := range steps {
		names[i] = bine.StepName(s.Name())
	}
	return names
}

// SubRunBuilder is a step that runs another pipeline or a job, under construction.
type SubRunBuilder struct {
	*StepBuilder
	sub  SubRun
	wrap func(SubRun) Action
}

// SubPipeline begins a step that runs another pipeline of the project, as a run
// of its own. Its outputs are run and outputs.
func SubPipeline(name, pipeline string) *SubRunBuilder {
	return newSubRun(name, pipeline, func(r SubRun) Action { return PipelineAction{r} })
}

// Job begins a step that runs a stored job, as a run of its own. Its outputs
// are run and outputs.
func Job(name, job string) *SubRunBuilder {
	return newSubRun(name, job, func(r SubRun) Action { return JobAction{r} })
}

func newSubRun(name, of string, wrap func(SubRun) Action) *SubRunBuilder {
	sub := SubRun{Name: bine.PipelineName(of)}
	return &SubRunBuilder{newStep(name, wrap(sub)), sub, wrap}
}

// Version sets the version that runs; without it, the newest.
func (b *SubRunBuilder) Version(version int) *SubRunBuilder {
	b.sub.Version = version
	b.step.Action = b.wrap(b.sub)
	return b
}

// Params sets the params of its run: a map whose texts may hold expressions, or
// one expression for such a map.
func (b *SubRunBuilder) Params(params any) *SubRunBuilder {
	b.sub.Params = b.tree(params)
	b.step.Action = b.wrap(b.sub)
	return b
}

// edit changes the action of a step.
func edit[A Action](s *StepBuilder, change func(a *A)) {
	a, _ := s.step.Action.(A)
	change(&a)
	s.step.Action = a
}

// seconds reads a duration; an empty one is none.
func (s *StepBuilder) seconds(duration string) float64 {
	if duration == "" {
		return 0
	}
	d, err := ParseDuration(duration)
	s.wrong(err)
	return d.Seconds()
}
