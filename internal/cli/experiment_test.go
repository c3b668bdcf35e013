package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestExperimentsAreShownAndCompared(t *testing.T) {
	one := bine.TrackedRun{ID: "0123456789abcdef0123456789abcdef", Name: "first", State: bine.Succeeded, Params: map[string]string{"lr": "0.1", "same": "x"}, Metrics: map[string]bine.Latest{"auc": {Last: 0.75}}}
	two := one
	two.ID, two.Name, two.Params = "1123456789abcdef0123456789abcdef", "second", map[string]string{"lr": "0.2", "same": "x"}
	routes := map[string]any{
		"GET projects/demo/experiments":                    []bine.Experiment{{ID: 1, Name: "churn", Runs: 2}, {ID: 2, Name: "gone", Removed: true}},
		"POST projects/demo/tracked-runs/search":           client.TrackedPage{Runs: []bine.TrackedRun{one, two}},
		"GET projects/demo/tracked-runs/" + string(one.ID): one, "GET projects/demo/tracked-runs/" + string(two.ID): two,
	}
	out, _, err := command(t, routes, "experiment", "list")
	if err != nil || !strings.Contains(out, "churn") || strings.Contains(out, "gone") {
		t.Errorf("list: %v\n%s", err, out)
	}
	out, _, err = command(t, routes, "experiment", "show", "churn", "--filter", "metrics.auc > 0.5")
	if err != nil || !strings.Contains(out, "lr=0.1, same=x") || !strings.Contains(out, "auc 0.75") {
		t.Errorf("show: %v\n%s", err, out)
	}
	out, _, err = command(t, routes, "experiment", "compare", string(one.ID), string(two.ID))
	if err != nil || !strings.Contains(out, "params.lr") || strings.Contains(out, "params.same") || strings.Contains(out, "metrics.auc") {
		t.Errorf("compare: %v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "experiment", "show", "none"); cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("one that is not there: %v, want not found", err)
	}
}
