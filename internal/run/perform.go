package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// Perform does a step that is no process, and gives back its turn.
func (e *Engine) Perform(ctx context.Context, in activities.StepRef) (activities.Outcome, error) {
	out, err := e.perform(ctx, in)
	if err == nil {
		err = e.giveBack(ctx, stepOwner(in))
	}
	return out, err
}

func (e *Engine) perform(ctx context.Context, in activities.StepRef) (activities.Outcome, error) {
	ref := store.StepRef{Run: in.Run, Step: in.Step, Item: in.Item}
	row, err := e.store.Step(ctx, in.Project, ref)
	if err != nil {
		return activities.Outcome{}, err
	}
	if row.State.Ended() {
		return activities.Outcome{State: row.State, Reason: row.Reason}, nil
	}
	r, err := e.describe(ctx, in)
	if err != nil {
		return activities.Outcome{}, err
	}
	if in.Item != "" {
		if err := e.inItem(ctx, r); err != nil {
			return activities.Outcome{}, err
		}
	}
	step, err := r.step.Evaluate(ctx, r.scope)
	if err != nil {
		return activities.Outcome{}, err
	}
	if row.State != bine.Running {
		if err := e.store.MoveStep(ctx, in.Project, ref, unfinished(), bine.Running, ""); err != nil {
			return activities.Outcome{}, err
		}
	}
	values, err := e.act(ctx, r, step)
	if err != nil {
		return activities.Outcome{}, err
	}
	row.State, row.Values = bine.Succeeded, values
	return activities.Outcome{State: bine.Succeeded}, e.store.PutStep(ctx, in.Project, row, r.place)
}

// act does what a light step is for, and gives its outputs.
func (e *Engine) act(ctx context.Context, r *resolution, step dags.Step) (map[string]json.RawMessage, error) {
	switch action := step.Action.(type) {
	case dags.ModelAction:
		return e.registerModel(ctx, r, action)
	case dags.DeployAction:
		return e.deploy(ctx, r, step, action)
	case dags.NotifyAction:
		return nil, e.sendMessage(ctx, r, action)
	case dags.HTTPAction:
		return e.makeRequest(ctx, action)
	case dags.CopyAction:
		return e.copyFiles(ctx, r, action)
	default:
		return nil, bine.Errorf(bine.Internal, "a step of kind %s cannot be performed", step.Kind())
	}
}

func versionOutput(n int) map[string]json.RawMessage {
	return map[string]json.RawMessage{"version": json.RawMessage(fmt.Sprint(n))}
}

// registerModel registers the artifact of a step as the next version of a model.
func (e *Engine) registerModel(ctx context.Context, r *resolution, action dags.ModelAction) (map[string]json.RawMessage, error) {
	artifact, err := e.artifact(ctx, r, action.Artifact)
	if err != nil {
		return nil, err
	}
	metrics, err := action.Numbers()
	if err != nil {
		return nil, err
	}
	maker, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: action.Artifact.Step})
	if err != nil {
		return nil, err
	}
	version := bine.ModelVersion{
		Model: action.Name, Artifact: artifact, Metrics: metrics, Description: action.Description,
		Run: r.in.Run, Step: action.Artifact.Step, Pipeline: r.run.Pipeline, PipelineVersion: r.run.Version,
		Code: r.code, Environment: maker.Environment, Data: maker.Inputs, CreatedBy: r.run.StartedBy,
	}
	if version.Environment == 0 {
		version.Environment = r.in.Environment
	}
	if newest, err := e.store.ModelVersion(ctx, r.in.Project, action.Name, 0); err == nil && newest.Artifact.Hash == artifact.Hash {
		return versionOutput(newest.Version), nil // the same model, byte for byte, is no new version
	}
	if err := DescribeModel(ctx, e.artifacts, r.in.Project, &version); err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s/%s/%s", r.in.Run, r.in.Step, r.in.Item)
	version, err = e.store.RegisterModel(ctx, r.in.Project, version, key)
	return versionOutput(version.Version), err
}

// modelFile is what save_model of the Python client writes beside a model.
type modelFile struct {
	Framework string          `json:"framework"`
	Schema    json.RawMessage `json:"schema"`
	Example   json.RawMessage `json:"example"`
}

const (
	modelFileName = "model.json"
	mostModelFile = 1 << 20
)

// DescribeModel fills in what the artifact of a model says of itself. One that
// save_model did not write is refused, because no server could load it.
func DescribeModel(ctx context.Context, artifacts Artifacts, project bine.ProjectName, v *bine.ModelVersion) error {
	refused := bine.Errorf(bine.Invalid, "the artifact of model %s is no saved model: write it with bine.save_model(model, \"<output>\")", v.Model)
	if v.Artifact.Kind != bine.ArtifactDir || len(v.Artifact.Parts) > 0 {
		return refused
	}
	entries, err := artifacts.Manifest(ctx, project, v.Artifact.Hash)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Path != modelFileName || entry.Size > mostModelFile {
			continue
		}
		body, err := artifacts.Open(ctx, project, entry.Hash)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil {
			return fmt.Errorf("read %s: %w", modelFileName, err)
		}
		var file modelFile
		if err := json.Unmarshal(text, &file); err != nil {
			return bine.Errorf(bine.Invalid, "%s of model %s is not readable: %w", modelFileName, v.Model, err)
		}
		v.Framework, v.Schema, v.Example = file.Framework, file.Schema, file.Example
		return nil
	}
	return refused
}

// deployPoll is how often a step looks whether its deployment is ready.
const deployPoll = 100 * time.Millisecond

// deploy moves a deployment to a version and waits until that answers.
func (e *Engine) deploy(ctx context.Context, r *resolution, step dags.Step, action dags.DeployAction) (map[string]json.RawMessage, error) {
	number, err := action.Number()
	if err != nil {
		return nil, err
	}
	model, err := e.store.ModelVersion(ctx, r.in.Project, action.Model, number)
	if err != nil {
		return nil, err
	}
	now, err := e.store.Deployment(ctx, r.in.Project, action.Name)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return nil, err
	}
	want := bine.Deployment{Name: action.Name, Model: action.Model, Version: model.Version, Resources: step.Resources, CreatedBy: r.run.StartedBy}
	if want.Resources == (bine.Resources{}) {
		want.Resources = now.Resources // the step does not say: as it was
	}
	serves := now.Serving == want.Version && now.Model == want.Model && now.Resources == want.Resources
	if err == nil && serves && now.State == bine.DeploymentReady {
		return versionOutput(model.Version), nil
	}
	if err := e.StartDeployment(ctx, r.in.Project, want); err != nil {
		return nil, err
	}
	return versionOutput(model.Version), e.awaitServing(ctx, r.in.Project, want)
}

// StartDeployment writes what a deployment is to serve and tells its workflow.
func (e *Engine) StartDeployment(ctx context.Context, project bine.ProjectName, want bine.Deployment) error {
	made, err := e.store.PutDeployment(ctx, project, want)
	if err != nil {
		return err
	}
	if made.State == bine.DeploymentReady && made.Reason != "" { // it was tried before, and an older version kept
		from := []bine.DeploymentState{bine.DeploymentReady}
		if err := e.store.MoveDeployment(ctx, project, want.Name, from, bine.DeploymentUpdating, ""); err != nil && !bine.IsKind(err, bine.Conflict) {
			return err
		}
	}
	return e.launcher.Deploy(ctx, project, want.Name, want.Version)
}

func (e *Engine) awaitServing(ctx context.Context, project bine.ProjectName, want bine.Deployment) error {
	ticker := time.NewTicker(deployPoll)
	defer ticker.Stop()
	for {
		now, err := e.store.Deployment(ctx, project, want.Name)
		switch {
		case err != nil:
			return err
		case now.Version != want.Version || now.Model != want.Model:
			return bine.Errorf(bine.Conflict, "deployment %s was asked to serve %s version %d instead", want.Name, now.Model, now.Version)
		case now.State == bine.DeploymentReady && now.Serving == want.Version:
			return nil
		case now.State == bine.DeploymentFailed || now.State == bine.DeploymentStopped || (now.State == bine.DeploymentReady && now.Reason != ""):
			return bine.Errorf(bine.Conflict, "deployment %s is %s: %s", want.Name, now.State, now.Reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
