package dags

import "github.com/bine-ml/bine"

// BranchAction chooses which steps go on: those of the first case whose
// condition is true, else those of Else. Steps that it names and does not
// choose are skipped. The steps that it names need it. Its output is chosen,
// a list of their names.
type BranchAction struct {
	Cases []Case          `json:"cases"`
	Else  []bine.StepName `json:"else,omitempty"`
}

// Case is one way that a branch can go.
type Case struct {
	When  string          `json:"when"` // expression
	Steps []bine.StepName `json:"steps"`
}
