package bench_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/internal/bench"
)

func TestGPUs(t *testing.T) {
	dir := t.TempDir()
	var table strings.Builder
	b := bench.GPUBench{Table: &table, Cohorts: 1, Nodes: "../../gpu/sim/testdata/nodes.csv", Pods: []string{"../../gpu/sim/testdata/pods.csv"}, Seeds: 2, Decisions: 1000, Tasks: 300,
		Policies: []place.PolicyName{place.FGD, place.BestFit}, CSV: filepath.Join(dir, "x.csv"), SVG: filepath.Join(dir, "x.svg")}
	rows, err := bench.GPUs(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bench.Row{}
	for _, r := range rows {
		found[r.Name] = r
	}
	for _, name := range []string{"GPU placement decision, p50", "fair share of equal projects over an hour, Jain's index", "pods, bestfit: decisions, fastest run", "pods, fgd: devices free and of no use",
		"pods, first come: waiting for 1 or a part, mean", "pods, backfill and fair share: devices used",
		"Kueue's own workload: until the last is done", "Kueue's own workload, run times not told: mean time to admission of large", "shared by guaranteed numbers of devices: waiting, mean"} {
		if r, known := found[name]; !known || r.Value < 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, r := range found {
		if strings.HasPrefix(name, "pods, fgd: devices allocated") && (r.Value < 50 || r.Value > 100 || r.Ratio == 0 || r.Goal != "") {
			t.Errorf("%s: %+v", name, r)
		}
		if (strings.Contains(name, "reservations delayed") || name == "shared by cells: tasks that wait longer than in a cluster of their own") && (r.Value != 0 || r.Met == nil || !*r.Met) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	text, err := os.ReadFile(b.CSV)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) != 1+2*(7+2*2) || lines[1][1] != "fgd" || lines[2][4] != "0" {
		t.Errorf("the CSV file is %v, %v", lines, err)
	}
	for _, measure := range []string{"devices allocated", "devices free and of no use", "decisions", "waiting for 1 or a part", "waiting for 8 and more", "evenness"} {
		if !strings.Contains(table.String(), measure) || !strings.Contains(string(text), measure) {
			t.Errorf("%s is missing: %s", measure, table.String())
		}
	}
	drawn, err := os.Open(b.SVG)
	if err != nil {
		t.Fatal(err)
	}
	defer drawn.Close()
	for d := xml.NewDecoder(drawn); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the drawing: %v", err)
		}
	}
}

func TestGPUsWithoutGPUs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "openb_pod_list_none.csv")
	if err := os.WriteFile(path, []byte("name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1000,1024,0,0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := bench.GPUs(t.Context(), bench.GPUBench{Nodes: "../../gpu/sim/testdata/nodes.csv", Pods: []string{path}, Seeds: 1, Decisions: 10, Tasks: 30, Cohorts: 1})
	if err != nil || !strings.HasPrefix(rows[len(rows)-1].Name, "none: asks for no devices") {
		t.Errorf("%+v, %v", rows[len(rows)-1], err)
	}
}

func TestGPUsNameTheFileThatIsWrong(t *testing.T) {
	b := bench.GPUBench{Nodes: "../../gpu/sim/testdata/pods.csv", Pods: []string{"none.csv"}, Decisions: 10}
	if _, err := bench.GPUs(t.Context(), b); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "pods.csv: there is no column sn") {
		t.Errorf("got %v", err)
	}
}
