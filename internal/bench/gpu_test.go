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
	b := bench.GPUBench{Nodes: "../../gpu/sim/testdata/nodes.csv", Pods: []string{"../../gpu/sim/testdata/pods.csv"}, Seeds: 2, Decisions: 1000, Tasks: 300,
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
		"pods, first come: waiting for 1 or a part, mean", "pods, backfill and fair share: devices used"} {
		if r, known := found[name]; !known || r.Value < 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, r := range found {
		if strings.HasPrefix(name, "pods, fgd: devices allocated") && (r.Value < 50 || r.Value > 100 || r.Ratio == 0 || r.Goal != "") {
			t.Errorf("%s: %+v", name, r)
		}
		if strings.Contains(name, "reservations delayed") && (r.Value != 0 || r.Met == nil || !*r.Met) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	text, err := os.ReadFile(b.CSV)
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll(); err != nil || len(lines) != 5 || lines[1][1] != "fgd" {
		t.Errorf("the CSV file is %v, %v", lines, err)
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

func TestGPUsNameTheFileThatIsWrong(t *testing.T) {
	b := bench.GPUBench{Nodes: "../../gpu/sim/testdata/pods.csv", Pods: []string{"none.csv"}, Decisions: 10}
	if _, err := bench.GPUs(t.Context(), b); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "pods.csv: there is no column sn") {
		t.Errorf("got %v", err)
	}
}
