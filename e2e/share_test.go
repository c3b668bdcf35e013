package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const usesAnothers = `name: stations
steps:
  there: {wait: {file: "weather::stations/2026.csv"}}
  copy: {needs: [there], copy: {from: "weather::stations/2026.csv", to: Resources/2026.csv}}
  count:
    needs: [there]
    sql: {query: "SELECT count(*)::INT AS n FROM stations", files: {stations: "weather::stations/2026.csv"}}
    outputs: {n: int}
outputs: {n: "${{ steps.count.n }}"}
`

// TestAProjectUsesADatasetOfAnother shares one by the CLI and uses it in steps
// of three kinds, until it is taken back.
func TestAProjectUsesADatasetOfAnother(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.mustCLI("project", "create", "weather")
	s.mustCLI("project", "create", "shop", "--requires", "duckdb==2.0.0")
	s.put("weather", "stations/2026.csv", "name,height\nGraz,353\nLinz,266\n")
	s.mustCLI("dataset", "want", "weather::stations", "-p", "shop")
	if out := s.mustCLI("dataset", "offer", "stations", "shop", "-p", "weather"); !strings.Contains(out, "weather::stations") || !strings.HasSuffix(strings.TrimSpace(out), "read") {
		t.Errorf("offering says %s", out)
	}
	if out := s.mustCLI("fs", "cat", "weather::stations/2026.csv", "-p", "shop"); !strings.Contains(out, "Graz,353") {
		t.Errorf("the file reads %q", out)
	}
	s.mustCLI("pipeline", "store", s.pipeline("stations", usesAnothers, nil), "-p", "shop")
	run, steps := s.run("shop", "stations", client.NewRun{})
	if run.State != bine.Succeeded || string(run.Outputs["n"]) != "2" {
		t.Fatalf("run is %s (%s) with %s: %s", run.State, run.Reason, run.Outputs["n"], reasons(steps))
	}
	if out := s.mustCLI("fs", "cat", "Resources/2026.csv", "-p", "shop"); !strings.Contains(out, "Linz,266") {
		t.Errorf("the copy reads %q", out)
	}
	s.mustCLI("dataset", "withdraw", "stations", "shop", "-p", "weather")
	if out, err := s.cli("fs", "ls", "weather::stations", "-p", "shop"); err == nil {
		t.Errorf("taken back, it is listed: %s", out)
	}
}
