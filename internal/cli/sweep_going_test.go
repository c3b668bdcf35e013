package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestASweepIsShownAndChanged(t *testing.T) {
	loss := 0.25
	s := bine.Sweep{SweepRef: bine.SweepRef{Project: "demo", Run: "s-1", Step: "train"}, State: bine.SweepRunning, Metric: "loss", Goal: "minimize", Parallel: 2,
		Trials: map[bine.TrialState]int{bine.TrialRunning: 2, bine.TrialWaiting: 7}, Best: &bine.BestTrial{Trial: 3, Value: loss}}
	trials := []bine.SweepTrial{{Trial: 3, State: bine.TrialWaiting, Value: &loss, Rung: 1, Resource: 3, Config: json.RawMessage(`{"lr":0.1}`), Reason: "waits at rung 1"}}
	const one = "projects/demo/runs/s-1/sweeps/train"
	routes := map[string]any{
		"GET projects/demo/sweeps":  client.Page[bine.Sweep]{Items: []bine.Sweep{s}},
		"GET " + one:                s,
		"GET " + one + "/trials":    client.Page[bine.SweepTrial]{Items: trials},
		"GET " + one + "/decisions": client.Page[bine.SweepDecision]{Items: []bine.SweepDecision{{Seq: 1, Kind: "run", Trial: 3, Body: json.RawMessage(`{"reason":"2nd of 9 at rung 0"}`)}}},
		"POST " + one + "/changes":  s,
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, "2 running, 7 waiting"},
		{[]string{"show", "s-1", "train"}, `{"lr":0.1}`},
		{[]string{"trials", "s-1", "train", "--best", "--state", "waiting"}, "waits at rung 1"},
		{[]string{"why", "s-1", "train", "--trial", "3"}, "2nd of 9 at rung 0"},
		{[]string{"pause", "s-1", "train"}, "minimize loss"},
		{[]string{"extend", "s-1", "train", "--trials", "5"}, "minimize loss"},
		{[]string{"parallel", "s-1", "train", "-n", "5"}, "minimize loss"},
		{[]string{"add", "s-1", "train", "--config", `{"lr": 0.3}`}, "minimize loss"},
	} {
		if out, _, err := command(t, routes, append([]string{"sweep"}, c.args...)...); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("sweep %v: %v\n%s\nwant it to contain %q", c.args, err, out, c.want)
		}
	}
	if _, _, err := command(t, routes, "sweep", "add", "s-1", "train", "--config", "lr=3"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a configuration that is no object: %v", err)
	}
}
