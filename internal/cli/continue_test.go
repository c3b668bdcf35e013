package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func goingOn() map[string]any {
	plan := bine.Continuation{Of: "flights-1", Version: 2, Diff: "--- a\n+++ b\n", Steps: []bine.ContinuationStep{
		{Step: "load", Why: "it succeeded, and nothing of it changed"}, {Step: "fit", Runs: true, Why: "it failed", Items: 3},
	}}
	run := bine.Run{ID: "flights-2", Pipeline: "flights", State: bine.Pending}
	return map[string]any{
		"POST projects/demo/runs/flights-1/continuation": plan, "POST projects/demo/runs/flights-1/continue": run, "POST projects/demo/runs/flights-1/retry": run,
		"GET projects/demo/runs/flights-1": bine.Run{ID: "flights-1", Pipeline: "flights"}, "GET projects/demo/pipelines/flights/versions/0": bine.PipelineVersion{Version: 2},
	}
}

func TestWhatRunsIsSaidBeforeARunIsContinued(t *testing.T) {
	for _, args := range [][]string{{"continue", "flights-1", "--from", "fit", "--latest", "-P", "n=4"}, {"retry", "flights-1"}} {
		out, errs, err := command(t, goingOn(), append([]string{"run"}, args...)...)
		if err != nil || !strings.Contains(out, "flights-2") {
			t.Errorf("run %v: %v\n%s", args, err, out)
		}
		for _, want := range []string{"runs: it failed; up to 3 items keep their outputs", "1 of 2 steps keep their outputs"} {
			if !strings.Contains(errs, want) {
				t.Errorf("run %v does not say %q:\n%s", args, want, errs)
			}
		}
	}
}

func TestADryContinuationStartsNothing(t *testing.T) {
	routes := goingOn()
	delete(routes, "POST projects/demo/runs/flights-1/continue")
	for form, wants := range map[string][]string{"table": {"load", "no", "fit", "yes", "+++ b"}, "json": {`"why": "it failed"`}, "name": {"fit\n"}} {
		out, _, err := command(t, routes, "run", "continue", "flights-1", "--dry-run", "-o", form)
		for _, want := range wants {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("-o %s: %v\n%s\nwant it to contain %q", form, err, out, want)
			}
		}
	}
	if _, _, err := command(t, routes, "run", "continue", "flights-1", "--latest", "--version", "3"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("two versions: %v, want a usage error", err)
	}
}

func TestRunsAreCompared(t *testing.T) {
	routes := map[string]any{"GET projects/demo/runs/flights-2/comparison": client.Compared{
		Left: bine.Run{ID: "flights-1", State: bine.Failed}, Right: bine.Run{ID: "flights-2", State: bine.Succeeded}, Diff: "+epochs: 9\n",
		Params: []client.Difference{{Name: "days", Left: []byte("3"), Right: []byte("4")}},
		Steps:  []client.StepChange{{Step: "fit", Left: bine.Failed, Right: bine.Succeeded, Values: []client.Difference{{Name: "auc", Right: []byte("0.7")}}}},
	}}
	out, _, err := command(t, routes, "run", "compare", "flights-1", "flights-2")
	for _, want := range []string{"param days", "step fit", "auc", "0.7", "+epochs: 9"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v\n%s\nwant it to contain %q", err, out, want)
		}
	}
}

func TestVersionsAreCompared(t *testing.T) {
	routes := map[string]any{"GET projects/demo/pipelines/flights/diff": client.VersionDiff{From: 1, To: 2, Diff: "+x\n"}}
	for _, args := range [][]string{{}, {"1"}, {"1", "v2"}} {
		out, _, err := command(t, routes, append([]string{"pipeline", "diff", "flights"}, args...)...)
		if err != nil || out != "+x\n" {
			t.Errorf("diff %v: %q, %v", args, out, err)
		}
	}
	if _, _, err := command(t, routes, "pipeline", "diff", "flights", "first"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a version that is none: %v, want a usage error", err)
	}
	if _, _, err := command(t, routes, "pipeline", "diff"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("no pipeline: %v, want a usage error", err)
	}
}
