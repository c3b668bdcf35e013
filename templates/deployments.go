package templates

import (
	"encoding/json"
	"fmt"
	"html/template"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// DeploymentsPage lists the deployments of a project.
type DeploymentsPage struct {
	Shell
	Deployments []bine.Deployment
	Models      []bine.Model
}

// DeploymentPage shows one deployment and lets it be tried.
type DeploymentPage struct {
	Shell
	Deployment bine.Deployment
	Model      bine.ModelVersion   // that answers, or is asked for
	Versions   []bine.ModelVersion // to move to
	Log        Log                 // of the server that answers
	Result     *TryResult
}

// TryResult is what a deployment said to the row that was tried.
type TryResult struct {
	Answer  client.Predictions
	Took    string
	Problem *Problem
}

var (
	deploymentsPage = load("deployments.html")
	deploymentPage  = load("deployment.html")
)

func (p DeploymentsPage) page() *template.Template { return deploymentsPage }
func (p DeploymentPage) page() *template.Template  { return deploymentPage }

// TryPart shows only what a deployment said.
type TryPart struct{ TryResult }

func (p TryPart) page() *template.Template { return deploymentPage }

// TryField is one column of the row to try.
type TryField struct {
	Name, Type, Value string
	Numeric           bool
}

// Fields are the columns of the model's schema with the values of its example.
// A model that takes rows of numbers without names has none.
func (p DeploymentPage) Fields() []TryField {
	var example map[string]json.RawMessage
	_ = json.Unmarshal(p.Model.Example, &example)
	var all []TryField
	for _, c := range readSchema(p.Model.Schema).Inputs {
		if len(c.Shape) > 1 {
			return nil
		}
		value := ""
		if raw, ok := example[c.Name]; ok {
			value = Plain(raw)
		}
		all = append(all, TryField{c.Name, c.Datatype, value, c.Datatype != "BYTES" && c.Datatype != "BOOL"})
	}
	return all
}

// Row is the example as text.
func (p DeploymentPage) Row() string {
	if len(p.Model.Example) == 0 {
		return "{}"
	}
	return pretty(p.Model.Example)
}

// Answering reports whether some version of it answers.
func (p DeploymentPage) Answering() bool { return p.Deployment.Serving > 0 }

// Going reports whether there is a server, or will be one. Only then the page
// looks for a log where the last one has ended.
func (p DeploymentPage) Going() bool {
	return p.Deployment.State != bine.DeploymentStopped && p.Deployment.State != bine.DeploymentFailed
}

// Endpoint is where programs ask it.
func (p DeploymentPage) Endpoint() string {
	return p.Address + join("serving", p.Deployment.Project, p.Deployment.Name, "v2", "models", p.Deployment.Model, "infer")
}

// Curl asks the deployment about the example by HTTP.
func (p DeploymentPage) Curl() Snippet {
	row := "{}"
	if len(p.Model.Example) > 0 {
		row = string(p.Model.Example)
	}
	return Snippet{"snippet-curl", fmt.Sprintf(`curl -X POST %s%s \
  -H 'Authorization: Bearer bine_…' \
  -H 'Content-Type: application/json' \
  -d '{"instances": [%s]}'`, p.Address, p.API("deployments", p.Deployment.Name, "predict"), quoted(row))}
}

// Infer asks it as the Open Inference Protocol has it.
func (p DeploymentPage) Infer() Snippet {
	var inputs []map[string]any
	add := func(name, datatype string, shape []int, data []any) {
		inputs = append(inputs, map[string]any{"name": name, "datatype": datatype, "shape": shape, "data": data})
	}
	for _, f := range p.Fields() {
		var data any = f.Value
		if f.Numeric && json.Valid([]byte(f.Value)) {
			data = json.RawMessage(f.Value)
		}
		add(f.Name, f.Type, []int{1}, []any{data})
	}
	var row []any
	if columns := readSchema(p.Model.Schema).Inputs; len(inputs) == 0 && len(columns) == 1 && json.Unmarshal(p.Model.Example, &row) == nil {
		add(columns[0].Name, columns[0].Datatype, []int{1, len(row)}, row)
	}
	body, _ := json.Marshal(map[string]any{"inputs": inputs})
	return Snippet{"snippet-infer", fmt.Sprintf(`curl -X POST %s \
  -H 'Authorization: Bearer bine_…' \
  -H 'Content-Type: application/json' \
  -d '%s'`, p.Endpoint(), quoted(string(body)))}
}
