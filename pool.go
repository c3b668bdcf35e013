package bine

import "strings"

// PoolName names a pool of a project.
type PoolName string

// Check says what is wrong with the name, if anything.
func (n PoolName) Check() error { return check("pool", string(n), nameForm, 63, plainRule) }

// Pool is a number of slots that steps of a project share, whatever run they
// belong to.
type Pool struct {
	Name        PoolName `json:"name"`
	Slots       int      `json:"slots"`
	Description string   `json:"description,omitempty"`
	Used        int      `json:"used" doc:"slots that are held now"`
	Waiting     int      `json:"waiting" doc:"steps that wait for slots"`
}

// Slot is a number of places under one name, of which at most Most are held at
// once: of a pool, of the runs of a project, or of a concurrency key.
type Slot struct {
	Name  string `json:"name" doc:"pool/<project>/<pool>, runs/<project>, run/<project>/<pipeline>/<key>, step/<project>/<pipeline>/<key> or own/<project>/<pipeline>/<step>; a key of the whole project has no pipeline"`
	Count int    `json:"count"`
	Most  int    `json:"most,omitempty" doc:"of a concurrency key: how many are held at once; pools and quotas say theirs themselves"`
}

// PoolSlot is the name of the slots of a pool.
func PoolSlot(p ProjectName, pool PoolName) string { return slotName("pool", string(p), string(pool)) }

// RunsSlot is the name of the slots that the runs of a project take, if it has a quota of them.
func RunsSlot(p ProjectName) string { return slotName("runs", string(p)) }

// RunKeySlot is the name of the slots of a concurrency key of runs. A key that
// begins with / is shared by all pipelines of the project.
func RunKeySlot(p ProjectName, pipeline PipelineName, key string) string {
	if shared, ok := strings.CutPrefix(key, "/"); ok {
		pipeline, key = "", shared
	}
	return slotName("run", string(p), string(pipeline), key)
}

// StepKeySlot is the name of the slots of a concurrency key of steps and items.
// A key that begins with / is shared by all pipelines of the project; the empty
// one is the step's own.
func StepKeySlot(p ProjectName, pipeline PipelineName, step StepName, key string) string {
	if key == "" {
		return slotName("own", string(p), string(pipeline), string(step))
	}
	if shared, ok := strings.CutPrefix(key, "/"); ok {
		pipeline, key = "", shared
	}
	return slotName("step", string(p), string(pipeline), key)
}

// slotName joins parts, none of which but the last holds a slash.
func slotName(parts ...string) string { return strings.Join(parts, "/") }

// Quota bounds what a project may have in progress at once; 0 is no bound.
type Quota struct {
	Runs   int     `json:"runs" doc:"runs that go on at once; others wait"`
	Steps  int     `json:"steps" doc:"processes at once"`
	CPU    float64 `json:"cpu" doc:"cores that its processes hold together"`
	Memory int64   `json:"memory" doc:"bytes that its processes hold together"`
	GPUs   float64 `json:"gpus" doc:"accelerators that its processes hold together, borrowed ones among them"`
	// Guaranteed accelerators are got back from projects that hold more than
	// their own; what a project does not use of them, others borrow.
	Guaranteed float64 `json:"gpus_guaranteed" doc:"accelerators that are its own: others give them back when it asks"`
	Weight     float64 `json:"weight" doc:"share in comparison with other projects; 0 is 1"`
	// Cells are parts of one kind of accelerators, beside those of any kind.
	Cells []CellQuota `json:"cells,omitempty" maxItems:"32" doc:"what it has of single kinds of accelerators, or in whole hosts and racks"`
}

// Zero reports whether q bounds and guarantees nothing.
func (q Quota) Zero() bool {
	return q.Runs == 0 && q.Steps == 0 && q.CPU == 0 && q.Memory == 0 && q.GPUs == 0 && q.Guaranteed == 0 && q.Weight == 0 && len(q.Cells) == 0
}

// Priority orders what waits within a project.
type Priority string

// The priorities; the empty one is normal.
const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
)

// Rank gives a number that is greater the sooner something is served.
func (p Priority) Rank() int {
	switch p {
	case PriorityLow:
		return -1
	case PriorityHigh:
		return 1
	}
	return 0
}
