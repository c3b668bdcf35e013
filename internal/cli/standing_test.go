package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/cli"
)

func TestAStandingIsShown(t *testing.T) {
	s := bine.Standing{Project: "demo", Weight: 2, Held: bine.Resources{CPU: 8, GPUs: 6}, Guaranteed: 4, Borrowed: 2, Owed: 1, Waiting: 3, Used: bine.UsedResources{GPUSeconds: 7200},
		Cells: []bine.CellStanding{{CellQuota: bine.CellQuota{Level: bine.CellHost, Model: "A100", Guaranteed: 2}, Held: 1, Owed: 1, Hosts: []bine.HostName{"h1", "h2"}}}}
	routes := map[string]any{"GET projects/demo/standing": s, "GET standings": []bine.Standing{s}}
	out, _, err := command(t, routes, "project", "standing", "demo")
	for _, want := range []string{"demo", "2.0", "2 hosts with A100", "h1 h2"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, lacks %q:\n%s", err, want, out)
		}
	}
	if out, _, err = command(t, routes, "project", "standing"); err != nil || !strings.Contains(out, "demo") {
		t.Errorf("all: %v\n%s", err, out)
	}
}

func TestThePriorityOfARequestIsSet(t *testing.T) {
	routes := map[string]any{"PUT projects/demo/requests/a1/priority": nil}
	if _, _, err := command(t, routes, "host", "priority", "a1", "high"); err != nil {
		t.Error(err)
	}
	if _, _, err := command(t, routes, "host", "priority", "a1", "urgent"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("what is no priority: %v, want a usage error", err)
	}
}

func TestCellsOfAQuotaAreReadAndShown(t *testing.T) {
	q := bine.Quota{Cells: []bine.CellQuota{{Level: bine.CellHost, Model: "A100", Guaranteed: 2}, {Level: bine.CellDevice, Most: 4}}}
	routes := map[string]any{"GET projects/demo/quota": bine.Quota{}, "PUT projects/demo/quota": q}
	out, _, err := command(t, routes, "project", "quota", "demo", "--cell", "2 hosts with A100", "--cell", "at most 4 GPUs")
	if err != nil || !strings.Contains(out, "2 hosts with A100; at most 4 GPUs") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "project", "quota", "demo", "--cell", "2 shelves"); cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "Examples") {
		t.Errorf("what are no cells: %v, want a usage error with examples", err)
	}
}

func TestTheQueueSaysWhenWhoWaitsStarts(t *testing.T) {
	at := time.Now().Add(time.Hour)
	routes := map[string]any{"GET leases": []bine.Lease{{Attempt: "a1", Owner: bine.Owner{Project: "demo", Name: "r"}, StartsAt: &at, Reason: "others go before"}}}
	out, _, err := command(t, routes, "host", "queue")
	if err != nil || !strings.Contains(out, "a1") || !strings.Contains(out, "STARTS") || !strings.Contains(out, at.Local().Format("15:04")) {
		t.Errorf("%v\n%s", err, out)
	}
}
