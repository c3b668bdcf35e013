package dags

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// schema is a piece of JSON Schema.
type schema map[string]any

// field is one key of a mapping in the YAML form: what it is called, what it
// means, what it takes, and how it is read.
type field[T any] struct {
	name     string
	doc      string
	required bool
	schema   schema
	read     func(v value, into *T)
}

// readFields reads a mapping by its table; what names such a mapping in faults.
func readFields[T any](v value, what string, fields []field[T], into *T) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.name
	}
	entries := v.entries(what)
	for _, e := range entries {
		i := slices.Index(known, e.key)
		switch {
		case i < 0:
			v.faultAt(e.node, e.value.place, "there is no key %q in %s%s", shorten(e.key), what, orAmong(e.key, known))
		case e.value.isNull():
			v.faultAt(e.node, e.value.place, "%s has no value", e.key)
		default:
			fields[i].read(e.value, into)
		}
	}
	if !v.isMapping() {
		return
	}
	for _, f := range fields {
		if f.required && !slices.ContainsFunc(entries, func(e entry) bool { return e.key == f.name }) {
			v.fault("%s is missing: %s", f.name, lowerFirst(f.doc))
		}
	}
}

func lowerFirst(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// didYouMean gives the end of a message about a word that is not known.
func didYouMean[W, T ~string](word W, known []T) string {
	if near := expr.Nearest(string(word), known); near != "" {
		return "; did you mean " + string(near) + "?"
	}
	return ""
}

// orAmong is didYouMean, or names all that there is.
func orAmong[W, T ~string](word W, known []T) string {
	if hint := didYouMean(word, known); hint != "" || len(known) == 0 || len(known) > 24 {
		return hint
	}
	texts := make([]string, len(known))
	for i, k := range known {
		texts[i] = string(k)
	}
	return "; there are " + strings.Join(texts, ", ")
}

// mappingKind completes a kind whose key takes a mapping.
func mappingKind[A Action](k Kind, fields []field[A]) Kind {
	return wrappedKind(k, fields, func(a A) A { return a })
}

// wrappedKind is mappingKind for an action that is made of what was read.
func wrappedKind[T any, A Action](k Kind, fields []field[T], wrap func(T) A) Kind {
	for _, f := range fields {
		k.Fields = append(k.Fields, Field{Name: f.name, Doc: f.doc, Required: f.required})
	}
	k.schema = object(fields)
	k.read = func(v value) Action {
		var t T
		readFields(v, k.Name, fields, &t)
		return wrap(t)
	}
	k.decode = decodeAs[A]
	return k
}

// processKeys lists the keys that only a step that is a process takes.
func processKeys() []string {
	return []string{"with", "inputs", "outputs", "resources", "environment", "env", "cache"}
}

var (
	textSchema     = schema{"type": "string"}
	durationSchema = schema{"type": []any{"string", "number"}, "description": "90s, 30m, 1h30m, 2d, or a number of seconds"}
	countSchema    = schema{"type": "integer", "minimum": 1}
)

func dagFields() []field[DAG] {
	return []field[DAG]{
		{name: "name", required: true, doc: "Name of the pipeline.", schema: textSchema,
			read: func(v value, d *DAG) { d.Name = bine.PipelineName(v.text()) }},
		{name: "description", doc: "What the pipeline is for.", schema: textSchema,
			read: func(v value, d *DAG) { d.Description = v.text() }},
		{name: "params", doc: "Parameters that a run can be given, by name.", schema: mapOf(object(paramFields())),
			read: func(v value, d *DAG) { d.Params = readParams(v) }},
		{name: "steps", required: true, doc: "The steps by name.", schema: mapOf(stepSchema()),
			read: func(v value, d *DAG) { d.Steps = append(readSteps(v), d.Steps...) }},
		{name: "on_failure", doc: "Steps that run when the others have ended and one of them failed.", schema: mapOf(stepSchema()),
			read: func(v value, d *DAG) { d.Steps = append(d.Steps, inPhase(readSteps(v), plan.OnFailure)...) }},
		{name: "finally", doc: "Steps that run at the end in any case, also after a cancel.", schema: mapOf(stepSchema()),
			read: func(v value, d *DAG) { d.Steps = append(d.Steps, inPhase(readSteps(v), plan.Finally)...) }},
		{name: "outputs", doc: "Values of the run, by name, with expressions.", schema: schema{"type": "object"},
			read: func(v value, d *DAG) { d.Outputs = v.trees() }},
		{name: "timeout", doc: "The longest that a run may take; what is not done then is cancelled, and the run fails.", schema: durationSchema,
			read: func(v value, d *DAG) { d.Timeout = v.duration() }},
		{name: "deadline", doc: "How long after its planned time, or its start, a run is late; it goes on.", schema: durationSchema,
			read: func(v value, d *DAG) { d.Deadline = v.duration() }},
		{name: "priority", doc: "low, normal or high: which of the project's steps get resources first.", schema: enum(texts(priorities())...),
			read: func(v value, d *DAG) { d.Priority = readPriority(v) }},
		{name: "concurrency", doc: "How many runs may go on at once, for each key: a number, {key, limit}, or a list of these.", schema: concurrencySchema(),
			read: func(v value, d *DAG) { d.Concurrency = readConcurrency(v) }},
		{name: "triggers", doc: "What else starts a run.", schema: listOf(object(triggerFields())),
			read: func(v value, d *DAG) { d.Triggers = readTriggers(v) }},
		{name: "schedule", doc: "When the pipeline runs by itself.", schema: object(scheduleFields()),
			read: func(v value, d *DAG) { d.Schedule = readSchedule(v) }},
		{name: "notify", doc: "Who is told of its runs, and when.", schema: listOf(object(hookFields())),
			read: func(v value, d *DAG) { d.Notify = readHooks(v) }},
	}
}

func paramFields() []field[Param] {
	return []field[Param]{
		{name: "type", required: true, doc: "One of string, int, float, bool, list and map.", schema: enum(texts(paramTypes())...),
			read: func(v value, p *Param) { p.Type = Type(v.choice(texts(paramTypes()))) }},
		{name: "description", doc: "What the param means.", schema: textSchema,
			read: func(v value, p *Param) { p.Description = v.text() }},
		{name: "default", doc: "The value of a run that gives none; without it every run must give one.", schema: schema{},
			read: func(v value, p *Param) { p.Default = v.tree() }},
		{name: "min", doc: "The least value of an int or float.", schema: schema{"type": "number"},
			read: func(v value, p *Param) { p.Min = new(v.number()) }},
		{name: "max", doc: "The greatest value of an int or float.", schema: schema{"type": "number"},
			read: func(v value, p *Param) { p.Max = new(v.number()) }},
		{name: "choices", doc: "The only values allowed.", schema: schema{"type": "array", "minItems": 1},
			read: func(v value, p *Param) { p.Choices = readChoices(v) }},
	}
}

func stepFields() []field[Step] {
	return []field[Step]{
		{name: "description", doc: "What the step does.", schema: textSchema,
			read: func(v value, s *Step) { s.Description = v.text() }},
		{name: "needs", doc: "Steps that must have succeeded before, beside those whose outputs this one reads.", schema: listOf(textSchema),
			read: func(v value, s *Step) { s.Needs = readNames(v) }},
		{name: "join", doc: "What must have become of the steps that it needs: all_succeeded (if absent), all_done, any_succeeded or none_failed.", schema: enum(joins()...),
			read: func(v value, s *Step) { s.Join = readJoin(v) }},
		{name: "when", doc: "An expression; where it is false the step is skipped.", schema: textSchema,
			read: func(v value, s *Step) { s.When = v.text() }},
		{name: "foreach", doc: "Runs the step once for each item of a list.", schema: foreachSchema(),
			read: func(v value, s *Step) { s.Foreach = readForeach(v) }},
		{name: "sweep", doc: "Runs the step once for each trial of a search: the keys of a W&B sweep and those of Bine, or the name of a file of the code that holds them; see docs/sweeps.md.", schema: sweepSchema(),
			read: func(v value, s *Step) { s.Sweep = v.tree() }},
		{name: "with", doc: "What the process reads as its parameters; texts may hold expressions.", schema: schema{"type": "object"},
			read: func(v value, s *Step) { s.With = readWith(v) }},
		{name: "inputs", doc: "Outputs of earlier steps by name, each as step.output: an artifact; of a fan-out, a directory of every item's by key, or a file with a line of JSON for each item's value.", schema: mapOf(textSchema),
			read: func(v value, s *Step) { s.Inputs = readInputs(v) }},
		{name: "outputs", doc: "What the process gives, by name: artifact, string, int, float, bool or json.", schema: mapOf(enum(texts(outputTypes())...)),
			read: func(v value, s *Step) { s.Outputs = readOutputs(v) }},
		{name: "resources", doc: "What a process asks for and is held to.", schema: object(resourceFields()),
			read: func(v value, s *Step) { readFields(v, "resources", resourceFields(), &s.Resources) }},
		{name: "environment", doc: "Version of the project's environment; if absent, the one that is current when the run starts.", schema: countSchema,
			read: func(v value, s *Step) { s.Environment = v.positive() }},
		{name: "env", doc: "Environment variables; values may hold expressions.", schema: mapOf(schema{"type": []any{"string", "number", "boolean"}}),
			read: func(v value, s *Step) { s.Env = v.words("environment variables") }},
		{name: "retry", doc: "When a failed attempt is tried again; a number is that of attempts, a list has a rule for each kind of failure.", schema: retrySchema(),
			read: func(v value, s *Step) { s.Retry = readRetry(v) }},
		{name: "timeout", doc: "The longest that one attempt may take; or {attempt, step}, where step is all attempts together.", schema: timeoutSchema(),
			read: readTimeout},
		{name: "concurrency", doc: "How many of its steps or items may go on at once, for each key, over all runs of the pipeline; a key that begins with / is shared by the project.", schema: concurrencySchema(),
			read: func(v value, s *Step) { s.Concurrency = readConcurrency(v) }},
		{name: "pools", doc: "Pools whose slots it needs: a name, a list of names, or names with numbers.", schema: poolsSchema(),
			read: func(v value, s *Step) { s.Pools = readPools(v) }},
		{name: "cache", doc: "Whether outputs are taken from, and left for, other runs with the same code, environment and inputs: on, off, read, write, or {mode, expires, ignore, salt}.",
			schema: cacheSchema(), read: readCache},
	}
}

func foreachFields() []field[Foreach] {
	return []field[Foreach]{
		{name: "items", doc: "A list, or an expression for one.", schema: schema{"type": []any{"array", "string"}},
			read: func(v value, f *Foreach) { f.Items = v.listOrExpression() }},
		{name: "key", doc: "What names an item, as a text with expressions over item; the item itself if absent.", schema: textSchema,
			read: func(v value, f *Foreach) { f.Key = v.text() }},
		{name: "per", doc: "A fan-out instead of items: each item starts when the item of the same key has succeeded there.", schema: textSchema,
			read: func(v value, f *Foreach) { f.Per = bine.StepName(v.text()) }},
		{name: "max_parallel", doc: "Items at a time.", schema: countSchema,
			read: func(v value, f *Foreach) { f.MaxParallel = v.positive() }},
		{name: "batch", doc: "Items for one process.", schema: countSchema,
			read: func(v value, f *Foreach) { f.Batch = v.positive() }},
	}
}

func retryFields() []field[Retry] {
	return []field[Retry]{
		{name: "attempts", required: true, doc: "Tries in all.", schema: countSchema,
			read: func(v value, r *Retry) { r.Attempts = v.positive() }},
		{name: "backoff", doc: "Wait before the second try; 10s if absent.", schema: durationSchema,
			read: func(v value, r *Retry) { r.Backoff = v.duration() }},
		{name: "factor", doc: "What each further wait grows by; 2 if absent.", schema: schema{"type": "number", "minimum": 1},
			read: func(v value, r *Retry) { r.Factor = v.number() }},
		{name: "on", doc: "The failures that are tried again; all of them if absent.", schema: listOf(enum(texts(plan.Retryable())...)),
			read: func(v value, r *Retry) { r.On = readFailures(v) }},
		{name: "within", doc: "How long after the start of the first try another may begin; for ever if absent.", schema: durationSchema,
			read: func(v value, r *Retry) { r.Within = v.duration() }},
	}
}

func resourceFields() []field[bine.Resources] {
	return []field[bine.Resources]{
		{name: "cpu", doc: "Cores; 0.5 if absent.", schema: schema{"type": "number", "exclusiveMinimum": 0},
			read: func(v value, r *bine.Resources) { r.CPU = v.above() }},
		{name: "memory", doc: "Memory, as 512MiB or 2GiB; 512MiB if absent.", schema: textSchema,
			read: func(v value, r *bine.Resources) { r.Memory = v.memory() }},
		{name: "gpus", doc: "GPUs of one host: 4, or 0.5 for half of one; or in words: 20 GPUs on 2 hosts with Infiniband_P100 for 2h.", schema: schema{"type": []any{"number", "string"}},
			read: func(v value, r *bine.Resources) { *r = v.gpus(*r) }},
	}
}

func scheduleFields() []field[Schedule] {
	return []field[Schedule]{
		{name: "cron", required: true, doc: "Five fields (minute, hour, day, month, day of week), or @daily and the like.", schema: textSchema,
			read: func(v value, s *Schedule) { s.Cron = v.text() }},
		{name: "time_zone", doc: "IANA name, as Europe/Vienna; UTC if absent.", schema: textSchema,
			read: func(v value, s *Schedule) { s.TimeZone = v.text() }},
		{name: "overlap", doc: "What happens at a tick while the run before still goes on; skip if absent.", schema: enum(Overlaps()...),
			read: func(v value, s *Schedule) { s.Overlap = v.choice(Overlaps()) }},
		{name: "catch_up", doc: "Ticks missed for longer than this are dropped; 1h if absent.", schema: durationSchema,
			read: func(v value, s *Schedule) { s.CatchUp = v.duration() }},
		{name: "jitter", doc: "A tick starts up to so much later.", schema: durationSchema,
			read: func(v value, s *Schedule) { s.Jitter = v.duration() }},
	}
}

func paramTypes() []Type  { return []Type{String, Int, Float, Bool, List, Map} }
func outputTypes() []Type { return []Type{Artifact, String, Int, Float, Bool, JSON} }

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}

func readChoices(v value) []json.RawMessage {
	var list []json.RawMessage
	for _, item := range v.items("a list of values") {
		list = append(list, item.tree())
	}
	return list
}
