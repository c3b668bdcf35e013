package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/cli"
)

func TestTriggersAreListedAndPaused(t *testing.T) {
	trigger := bine.Trigger{Pipeline: "report", Number: 1, Kind: bine.TriggerPipeline, Source: "ingest", LastRun: "report-7", Reason: "run ingest-9 started nothing: no"}
	routes := map[string]any{"GET projects/demo/triggers": []bine.Trigger{trigger}, "POST projects/demo/pipelines/report/triggers/1/pause": trigger}
	for _, args := range [][]string{{"list"}, {"pause", "report", "1"}} {
		out, _, err := command(t, routes, append([]string{"trigger"}, args...)...)
		if err != nil || !strings.Contains(out, "report-7") || !strings.Contains(out, "started nothing") {
			t.Errorf("trigger %v: %v\n%s", args, err, out)
		}
	}
	if _, _, err := command(t, routes, "trigger", "pause", "report", "first"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a number that is none: %v, want a usage error", err)
	}
}
