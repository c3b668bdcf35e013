package dags

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// DeployAction makes a deployment serve a version of a model, and ends when it does.
type DeployAction struct {
	Name    bine.DeploymentName `json:"name"`
	Model   bine.ModelName      `json:"model"`
	Version json.RawMessage     `json:"version,omitempty"` // a number or an expression; absent is the newest
}

// Kind gives deploy.
func (DeployAction) Kind() string { return "deploy" }

// Number gives the version in an action that Step.Evaluate gave; 0 is the newest.
func (a DeployAction) Number() (int, error) {
	if a.Version == nil {
		return 0, nil
	}
	var n int
	if err := json.Unmarshal(a.Version, &n); err != nil || n < 1 {
		return 0, bine.Errorf(bine.Invalid, "the version to deploy of model %s is %s: a number from 1 is expected", a.Model, a.Version)
	}
	return n, nil
}

func (DeployAction) outputs() map[string]Type { return map[string]Type{"version": Int} }
func (DeployAction) refs() []Ref              { return nil }

func (a DeployAction) check(c *checker, s *Step) {
	c.name(s.at("deploy", "name"), a.Name)
	c.name(s.at("deploy", "model"), a.Model)
}

func (a DeployAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Version, err = f.tree(place("deploy", "version"), wantInt, a.Version)
	return a, err
}

func deployFields() []field[DeployAction] {
	return []field[DeployAction]{
		{name: "name", required: true, doc: "Name of the deployment.", schema: schema{"type": "string"},
			read: func(v value, a *DeployAction) { a.Name = bine.DeploymentName(v.text()) }},
		{name: "model", required: true, doc: "Name of the model.", schema: schema{"type": "string"},
			read: func(v value, a *DeployAction) { a.Model = bine.ModelName(v.text()) }},
		{name: "version", doc: "Version of the model: a number or an expression; the newest if absent.", schema: schema{"type": []any{"integer", "string"}, "minimum": 1},
			read: func(v value, a *DeployAction) { a.Version = v.intOrExpression() }},
	}
}

func deployKind() Kind {
	return mappingKind(Kind{
		Name:  "deploy",
		Doc:   "Makes a deployment serve a version of a model and waits until it does; its output is version.",
		Takes: []string{"resources"},
	}, deployFields())
}
