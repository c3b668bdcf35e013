package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Models asks model servers: the same way as the serving front door does.
type Models interface {
	// Infer sends a request of the Open Inference Protocol to the server of a
	// deployment and gives its answer. What the server refuses is Invalid with
	// its reason; no server is Unavailable.
	Infer(ctx context.Context, project bine.ProjectName, deployment bine.DeploymentName, model bine.ModelName, body []byte) ([]byte, error)
}

// tensor is one input or output of the protocol.
type tensor struct {
	Name     string            `json:"name"`
	Datatype string            `json:"datatype"`
	Shape    []int             `json:"shape"`
	Data     []json.RawMessage `json:"data,omitempty"`
}

// signature is the schema of a model.
type signature struct {
	Inputs  []tensor `json:"inputs"`
	Outputs []tensor `json:"outputs"`
}

type inferred struct {
	Model   string   `json:"model_name"`
	Version string   `json:"model_version"`
	Outputs []tensor `json:"outputs"`
}

// The outputs that every model and every classifier has.
const (
	classOutput       = "predict"
	probabilityOutput = "probability"
)

func (a *API) predict(ctx context.Context, in *struct {
	InDeployment
	Body client.Rows
}) (*body[client.Predictions], error) {
	d, err := a.Store.Deployment(ctx, in.Project, in.Deployment)
	if err != nil {
		return nil, err
	}
	if a.Models == nil || d.Serving == 0 {
		return nil, bine.Errorf(bine.Unavailable, "deployment %s does not answer now: it is %s", d.Name, d.State)
	}
	version, err := a.Store.ModelVersion(ctx, in.Project, d.Model, d.Serving)
	if err != nil {
		return nil, err
	}
	var s signature
	if err := json.Unmarshal(version.Schema, &s); err != nil || len(s.Inputs) == 0 {
		return nil, bine.Errorf(bine.Conflict, "model %s version %d has no schema: ask it at /serving with tensors", d.Model, d.Serving)
	}
	request, err := s.request(in.Body.Instances)
	if err != nil {
		return nil, err
	}
	text, err := a.Models.Infer(ctx, in.Project, in.Deployment, d.Model, request)
	if err != nil {
		return nil, err
	}
	var out inferred
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, bine.Errorf(bine.Unavailable, "the model server of %s gave no readable answer", d.Name)
	}
	rows, err := s.rows(out.Outputs, len(in.Body.Instances))
	return answer(client.Predictions{Model: out.Model, Version: out.Version, Predictions: rows}, err)
}

// request turns rows by column name into one tensor for each column.
func (s signature) request(rows []json.RawMessage) ([]byte, error) {
	if len(rows) == 0 {
		return nil, bine.Errorf(bine.Invalid, "instances holds no row")
	}
	if len(s.Inputs) == 1 && len(s.Inputs[0].Shape) == 2 {
		return s.Inputs[0].unnamed(rows)
	}
	columns := make([]tensor, len(s.Inputs))
	for i, in := range s.Inputs {
		if len(in.Shape) > 1 {
			return nil, bine.Errorf(bine.Invalid, "input %q is not a column: ask the model at /serving with tensors", in.Name)
		}
		columns[i] = tensor{Name: in.Name, Datatype: in.Datatype, Shape: []int{len(rows)}}
	}
	var faults []bine.Detail
	for n, text := range rows {
		var row map[string]json.RawMessage
		if err := json.Unmarshal(text, &row); err != nil || row == nil {
			return nil, bine.Errorf(bine.Invalid, "instance %d is not an object with a value for each column", n)
		}
		for i := range columns {
			value, ok := row[columns[i].Name]
			if !ok {
				faults = append(faults, fault(n, columns[i].Name, "is missing"))
				continue
			}
			columns[i].Data = append(columns[i].Data, value)
			delete(row, columns[i].Name)
		}
		for name := range row {
			faults = append(faults, fault(n, name, "is no input of the model"))
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b bine.Detail) int { return bytes.Compare([]byte(a.Location), []byte(b.Location)) })
		return nil, &bine.Error{Kind: bine.Invalid, Message: faults[0].Message, Details: faults}
	}
	return json.Marshal(map[string]any{"inputs": columns})
}

// unnamed turns rows of numbers without names into the one tensor of a model that
// takes such.
func (t tensor) unnamed(rows []json.RawMessage) ([]byte, error) {
	width := t.Shape[1]
	in := tensor{Name: t.Name, Datatype: t.Datatype}
	for n, text := range rows {
		var row []json.RawMessage
		if err := json.Unmarshal(text, &row); err != nil || len(row) == 0 {
			return nil, bine.Errorf(bine.Invalid, "instance %d is not an array: the model takes rows of numbers without names", n)
		}
		if width < 1 {
			width = len(row)
		}
		if len(row) != width {
			return nil, bine.Errorf(bine.Invalid, "instance %d has %d numbers, the model takes %d", n, len(row), width)
		}
		in.Data = append(in.Data, row...)
	}
	in.Shape = []int{len(rows), width}
	return json.Marshal(map[string]any{"inputs": []tensor{in}})
}

func fault(row int, name, what string) bine.Detail {
	place := "body.instances[" + digits(int64(row)) + "]." + name
	return bine.Detail{Location: place, Message: "column " + name + " " + what}
}

// rows turns the outputs into one object for each row. What a model says under
// a name of its own (the probability of what it looks for) is the answer; else
// the probability of the second of two classes; else what it predicts.
func (s signature) rows(outputs []tensor, n int) ([]json.RawMessage, error) {
	named := map[string]tensor{}
	for _, o := range outputs {
		if o.Name != classOutput && o.Name != probabilityOutput && o.width(n) == 1 {
			named[o.Name] = o
		}
	}
	if len(named) == 0 {
		name, column, ok := s.usual(outputs, n)
		if !ok {
			return nil, bine.Errorf(bine.Unavailable, "the model server gave no output for each of the %d rows", n)
		}
		named[name] = column
	}
	out := make([]json.RawMessage, n)
	for i := range out {
		row := map[string]json.RawMessage{}
		for name, o := range named {
			row[name] = o.Data[i]
		}
		text, err := json.Marshal(row)
		if err != nil {
			return nil, bine.Errorf(bine.Unavailable, "the model server gave no readable answer: %w", err)
		}
		out[i] = text
	}
	return out, nil
}

// usual picks the one column that answers where no output has a name of its own.
func (s signature) usual(outputs []tensor, n int) (string, tensor, bool) {
	name := classOutput
	if len(s.Outputs) > 0 {
		name = s.Outputs[0].Name
	}
	for _, o := range outputs {
		if o.Name == probabilityOutput && o.width(n) == 2 {
			second := tensor{}
			for i := range n {
				second.Data = append(second.Data, o.Data[2*i+1])
			}
			return name, second, true
		}
	}
	for _, o := range outputs {
		if o.width(n) == 1 {
			return name, o, true
		}
	}
	return "", tensor{}, false
}

// width gives how many elements each of n rows has.
func (t tensor) width(n int) int {
	if n == 0 || len(t.Data)%n != 0 {
		return 0
	}
	return len(t.Data) / n
}
