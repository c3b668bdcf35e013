package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/cli"
)

func TestPoolsShowWhatIsHeldOfThem(t *testing.T) {
	pool := bine.Pool{Name: "db", Slots: 4, Used: 3, Waiting: 12, Description: "the one database"}
	routes := map[string]any{"GET projects/demo/pools": []bine.Pool{pool}, "PUT projects/demo/pools/db": pool, "DELETE projects/demo/pools/db": nil}
	for _, args := range [][]string{{"pool", "list"}, {"pool", "set", "db", "--slots", "4"}} {
		out, _, err := command(t, routes, args...)
		if err != nil || !strings.Contains(out, "3 of 4") || !strings.Contains(out, "12") || !strings.Contains(out, "the one database") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if _, _, err := command(t, routes, "pool", "set", "db"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("without --slots: %v, want a usage error", err)
	}
	if _, _, err := command(t, routes, "pool", "delete", "db"); err != nil {
		t.Error(err)
	}
	if _, _, err := command(t, routes, "pool", "delete", "none"); cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("one that is not there: %v, want not found", err)
	}
}

func TestAQuotaIsShownAndOnlyWhatIsGivenChanges(t *testing.T) {
	routes := map[string]any{"GET projects/demo/quota": bine.Quota{Runs: 7, Memory: 3 << 30}}
	out, _, err := command(t, routes, "project", "quota", "demo")
	if err != nil || !strings.Contains(out, "7") || !strings.Contains(out, "3.0 GiB") || !strings.Contains(out, "-") {
		t.Errorf("show: %v\n%s", err, out)
	}
	routes["PUT projects/demo/quota"] = bine.Quota{Runs: 7, CPU: 2.5, Memory: 8 << 30}
	out, _, err = command(t, routes, "project", "quota", "demo", "--cpu", "2.5", "--memory", "8GiB")
	if err != nil || !strings.Contains(out, "2.5") || !strings.Contains(out, "8.0 GiB") {
		t.Errorf("set: %v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "project", "quota", "demo", "--memory", "much"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("memory that is none: %v, want a usage error", err)
	}
}

func TestTheQueueShowsSlotsPrioritiesAndReasons(t *testing.T) {
	routes := map[string]any{"GET leases": []bine.Lease{{
		Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-1", Step: "train"}, Priority: bine.PriorityHigh, AskedAt: time.Unix(0, 0),
		Slots: []bine.Slot{{Name: bine.PoolSlot("demo", "db"), Count: 2}, {Name: bine.StepKeySlot("demo", "flights", "train", "host/a"), Count: 1, Most: 2}}, Reason: "waits for 2 slots of pool db (4 of 4 held)",
	}}}
	out, _, err := command(t, routes, "host", "queue")
	for _, want := range []string{"high", "pool/db×2, step/flights/host/a", "4 of 4 held"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, lacks %q:\n%s", err, want, out)
		}
	}
}
