package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

const serving = `name: serving
steps:
  train: {command: [train], outputs: {model: artifact}, cache: false}
  keep:
    model: {name: delay, artifact: train.model, metrics: {auc: 0.75}, description: "by ${{ run.id }}"}
  serve:
    needs: [keep]
    deploy: {name: delay, model: delay, version: "${{ steps.keep.version }}"}
  tell:
    needs: [serve]
    notify: {webhook: "http://hook", message: "version ${{ steps.serve.version }}"}
`

// trained is a run whose step train gave an artifact.
func (w *world) trained(name bine.PipelineName, artifact bine.ArtifactRef) activities.StepRef {
	w.t.Helper()
	ref := w.begin(name)
	w.resolve(at(ref, "train"))
	w.report(at(ref, "train"), bine.AttemptResult{State: bine.Succeeded, Artifacts: map[string]bine.ArtifactRef{"model": artifact}})
	return ref
}

func (w *world) model(weights string) bine.ArtifactRef {
	return w.files.put(map[string]string{"model.json": `{"framework":"sklearn","schema":{"inputs":[]},"example":{"a":1}}`, "model.joblib": weights})
}

// perform resolves a light step and performs it twice, as after a crash.
func (w *world) perform(ref activities.StepRef) (activities.Outcome, error) {
	w.t.Helper()
	w.is("resolved", w.resolve(ref).State, bine.Pending)
	first, err := w.engine.Perform(w.ctx(), ref)
	again, errAgain := w.engine.Perform(w.ctx(), ref)
	if err == nil {
		w.is("performed again", again, first)
		w.ok(errAgain)
	}
	return first, err
}

func (w *world) performed(ref activities.StepRef) string {
	w.t.Helper()
	out, err := w.perform(ref)
	w.ok(err)
	w.is("state", []any{out.State, w.row(ref).State}, []any{bine.Succeeded, bine.Succeeded})
	return string(w.row(ref).Values["version"])
}

func TestAModelIsRegisteredOnce(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving, "code")
	first := w.trained(name, w.model("one"))
	w.is("version", w.performed(at(first, "keep")), "1")
	w.is("version of another model", w.performed(at(w.trained(name, w.model("two")), "keep")), "2")
	w.is("version of the same again", w.performed(at(w.trained(name, w.model("two")), "keep")), "2")
	v, err := w.store.ModelVersion(w.ctx(), "p", "delay", 1)
	w.ok(err)
	v.CreatedAt = time.Time{}
	w.is("what is known of it", v, bine.ModelVersion{
		Model: "delay", Version: 1, Artifact: w.model("one"), Framework: "sklearn", Metrics: map[string]float64{"auc": 0.75},
		Schema: json.RawMessage(`{"inputs":[]}`), Example: json.RawMessage(`{"a":1}`), Description: "by serving-1", Run: "serving-1", Step: "train",
		Pipeline: "serving", PipelineVersion: 1, Code: bine.HashOf([]byte("code")), Data: v.Data, CreatedBy: "ann",
	})
}

func TestAModelWhoseStepCrashedAfterItWasRegisteredIsNoNewVersion(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	ref := w.trained(name, w.model("one"))
	w.resolve(at(ref, "keep"))
	_, err := w.store.RegisterModel(w.ctx(), "p", bine.ModelVersion{Model: "delay", Artifact: w.model("one")}, "serving-1/keep/") // and then it crashed
	w.ok(err)
	_, err = w.store.RegisterModel(w.ctx(), "p", bine.ModelVersion{Model: "delay", Artifact: w.model("two")}, "of another run")
	w.ok(err)
	w.is("version", w.performed(at(ref, "keep")), "1")
}

func TestWhatSaveModelDidNotWriteIsNoModel(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	for what, artifact := range map[string]bine.ArtifactRef{
		"a file":              {Hash: bine.HashOf([]byte("x")), Kind: bine.ArtifactFile},
		"a directory without": w.files.put(map[string]string{"weights": "w"}),
	} {
		_, err := w.perform(at(w.trained(name, artifact), "keep"))
		w.kind(what, err, bine.Invalid, "save_model")
	}
	_, err := w.perform(at(w.trained(name, w.files.put(map[string]string{"model.json": "{"})), "keep"))
	w.kind("a broken one", err, bine.Invalid, "not readable")
	if _, err := w.store.ModelVersions(w.ctx(), "p", "delay"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("versions: %v, want none", err)
	}
}

// kept is a run whose model is registered.
func (w *world) kept(name bine.PipelineName, weights string) activities.StepRef {
	w.t.Helper()
	ref := w.trained(name, w.model(weights))
	w.performed(at(ref, "keep"))
	return ref
}

func (w *world) route(version int) error {
	attempt := bine.AttemptID(fmt.Sprintf("attempt-%d", version))
	return w.store.SetServing(context.WithoutCancel(w.ctx()), "p", "delay", store.Route{Attempt: attempt, Version: version, Address: "h1:1"})
}

func TestADeployStepEndsWhenItsVersionAnswers(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	w.launcher.deploy = func(_ bine.DeploymentName, version int) error { return w.route(version) }
	w.is("version", w.performed(at(w.kept(name, "one"), "serve")), "1")
	w.is("version", w.performed(at(w.kept(name, "two"), "serve")), "2")
	w.is("version that answers already", w.performed(at(w.kept(name, "two"), "serve")), "2")
	w.is("asked for", w.launcher.calls, []string{"deploy delay 1", "deploy delay 2"})
}

func TestADeployStepFailsWithTheReasonOfItsDeployment(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	all := []bine.DeploymentState{bine.DeploymentStarting, bine.DeploymentUpdating, bine.DeploymentReady}
	move := func(to bine.DeploymentState, reason string) func(bine.DeploymentName, int) error {
		return func(bine.DeploymentName, int) error {
			return w.store.MoveDeployment(w.ctx(), "p", "delay", all, to, reason)
		}
	}
	w.launcher.deploy = move(bine.DeploymentFailed, "exit code 1")
	_, err := w.perform(at(w.kept(name, "one"), "serve"))
	w.kind("failed", err, bine.Conflict, "deployment delay is failed: exit code 1")
	w.launcher.deploy = move(bine.DeploymentStopped, "")
	_, err = w.perform(at(w.kept(name, "one"), "serve"))
	w.kind("stopped", err, bine.Conflict, "deployment delay is stopped")
	w.launcher.deploy = func(_ bine.DeploymentName, version int) error { return w.route(version) }
	ref := w.kept(name, "one")
	w.performed(at(ref, "serve"))
	w.launcher.deploy = move(bine.DeploymentReady, "version 2 did not get ready: exit code 1")
	ref = w.kept(name, "two")
	_, err = w.perform(at(ref, "serve"))
	w.kind("kept the old one", err, bine.Conflict, "version 2 did not get ready")
	w.launcher.deploy = func(_ bine.DeploymentName, version int) error { return w.route(version) }
	out, err := w.engine.Perform(w.ctx(), at(ref, "serve")) // tried again: what went wrong then is forgotten
	w.ok(err)
	w.is("tried again", out.State, bine.Succeeded)
}

func TestADeployStepThatIsOvertakenSaysSo(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	ref := w.kept(name, "one")
	w.kept(name, "two")
	w.launcher.deploy = func(bine.DeploymentName, int) error {
		_, err := w.store.PutDeployment(w.ctx(), "p", bine.Deployment{Name: "delay", Model: "delay", Version: 2})
		return err
	}
	_, err := w.perform(at(ref, "serve"))
	w.kind("overtaken", err, bine.Conflict, "version 2 instead")
}

func TestADeployStepGivesUpWhenItIsTold(t *testing.T) {
	w := newWorld(t)
	ref := at(w.kept(w.pipeline(serving), "one"), "serve")
	w.resolve(ref)
	ctx, cancel := context.WithCancel(w.ctx())
	w.launcher.deploy = func(bine.DeploymentName, int) error { cancel(); return nil }
	if _, err := w.engine.Perform(ctx, ref); err == nil {
		t.Error("it went on")
	}
	w.is("row", w.row(ref).State, bine.Running)
}

func TestAMessageIsPosted(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(serving)
	w.launcher.deploy = func(_ bine.DeploymentName, version int) error { return w.route(version) }
	ref := w.kept(name, "one")
	w.performed(at(ref, "serve"))
	w.poster.fails = 1
	w.resolve(at(ref, "tell"))
	if _, err := w.engine.Perform(w.ctx(), at(ref, "tell")); err == nil || !strings.Contains(err.Error(), "no route") {
		t.Errorf("a message that did not arrive: %v", err)
	}
	w.performed(at(ref, "tell"))
	w.is("posted", w.poster.posts, []string{`http://hook {"text":"version 1"}`})
}
