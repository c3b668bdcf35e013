package bine

// Continuation says what a run that continues another would do: which steps
// keep the outputs that they have, and which run.
type Continuation struct {
	Of      RunID              `json:"of"`
	Version int                `json:"version" doc:"of the pipeline that the new run executes"`
	Steps   []ContinuationStep `json:"steps" doc:"in the order of the graph"`
	Diff    string             `json:"diff,omitempty" doc:"between the two versions' texts, in unified form"`
}

// ContinuationStep says what a continuation does with one step.
type ContinuationStep struct {
	Step  StepName `json:"step"`
	Runs  bool     `json:"runs"`
	Why   string   `json:"why" doc:"it failed, it was chosen, its definition changed, it needs a step that runs …"`
	Items int      `json:"items,omitempty" doc:"of a fan-out that runs: items that keep their outputs if they are planned again"`
}
