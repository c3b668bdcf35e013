package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// compareRuns says how a run differs from another of the same pipeline.
func (a *API) compareRuns(ctx context.Context, in *struct {
	InRun
	With bine.RunID `query:"with" required:"true" doc:"id of the other run"`
}) (*body[client.Compared], error) {
	right, err := a.Store.Run(ctx, in.Project, in.Run)
	if err != nil {
		return nil, err
	}
	left, err := a.Store.Run(ctx, in.Project, in.With)
	if err != nil {
		return nil, err
	}
	if left.Pipeline != right.Pipeline {
		return nil, bine.Errorf(bine.Invalid, "run %s is one of %s, and %s of %s: only runs of the same pipeline are compared", left.ID, left.Pipeline, right.ID, right.Pipeline)
	}
	out := client.Compared{Left: left, Right: right}
	if out.Params, err = differParams(left.Params, right.Params); err != nil {
		return nil, err
	}
	if out.Steps, err = a.compareSteps(ctx, in.Project, left.ID, right.ID); err != nil {
		return nil, err
	}
	was, err := a.Store.PipelineVersion(ctx, in.Project, left.Pipeline, left.Version)
	if err != nil {
		return nil, err
	}
	is, err := a.Store.PipelineVersion(ctx, in.Project, right.Pipeline, right.Version)
	if err != nil {
		return nil, err
	}
	out.Diff, err = a.versionDiff(ctx, in.Project, was, is)
	return answer(out, err)
}

func differParams(left, right json.RawMessage) ([]client.Difference, error) {
	var was, is map[string]json.RawMessage
	for raw, into := range map[*json.RawMessage]*map[string]json.RawMessage{&left: &was, &right: &is} {
		if len(*raw) == 0 {
			continue
		}
		if err := json.Unmarshal(*raw, into); err != nil {
			return nil, err
		}
	}
	return differ(was, is), nil
}

// differ lists what differs between two sets of values, by name.
func differ(left, right map[string]json.RawMessage) []client.Difference {
	out := []client.Difference{}
	for _, name := range namesOf(left, right) {
		if !bytes.Equal(left[name], right[name]) {
			out = append(out, client.Difference{Name: name, Left: left[name], Right: right[name]})
		}
	}
	return out
}

func (a *API) compareSteps(ctx context.Context, p bine.ProjectName, left, right bine.RunID) ([]client.StepChange, error) {
	was, err := a.Store.Steps(ctx, p, left)
	if err != nil {
		return nil, err
	}
	is, err := a.Store.Steps(ctx, p, right)
	if err != nil {
		return nil, err
	}
	before := map[bine.StepName]bine.Step{}
	for _, s := range was {
		before[s.Name] = s
	}
	out := []client.StepChange{}
	for _, s := range is {
		out = append(out, compareStep(before[s.Name], s))
	}
	for _, s := range was {
		if !slices.ContainsFunc(is, func(other bine.Step) bool { return other.Name == s.Name }) {
			out = append(out, compareStep(s, bine.Step{}))
		}
	}
	return out, nil
}

// compareStep says how a step went in two runs; a row without a name is one
// that a run does not have.
func compareStep(left, right bine.Step) client.StepChange {
	change := client.StepChange{Step: right.Name, Left: left.State, Right: right.State, Seconds: [2]float64{took(left), took(right)}}
	if right.Name == "" {
		change.Step = left.Name
	}
	change.Values = differ(valuesOf(left), valuesOf(right))
	return change
}

// valuesOf gives what a step reported, with its metrics and the hashes of its
// artifacts.
func valuesOf(s bine.Step) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for name, v := range s.Metrics {
		text, err := json.Marshal(v)
		if err == nil {
			all[name] = text
		}
	}
	for name, ref := range s.Artifacts {
		text, err := json.Marshal(ref.Hash)
		if err == nil {
			all[name] = text
		}
	}
	for name, v := range s.Values {
		all[name] = v
	}
	return all
}

func took(s bine.Step) float64 {
	if s.StartedAt == nil || s.EndedAt == nil {
		return 0
	}
	return s.EndedAt.Sub(*s.StartedAt).Seconds()
}
