package templates

import "github.com/bine-ml/bine"

// StepGets is what a step asks for, and what would become of that now.
type StepGets struct {
	Step bine.StepName
	Asks bine.Resources
	AskForm
}
