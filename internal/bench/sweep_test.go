package bench_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/bench"
)

func TestSweepsAreMeasured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cells.csv")
	b := bench.SweepBench{Seeds: 2, Deviations: []float64{0.56}, Drops: []float64{0, 0.01}, Trials: 1000, Points: 2, CSV: file}
	rows, err := bench.Sweeps(b)
	if err != nil {
		t.Fatal(err)
	}
	goals := 0
	for _, r := range rows {
		if r.Value <= 0 {
			t.Errorf("%s is %g", r.Name, r.Value)
		}
		if r.Met != nil {
			goals++
		}
		if strings.Contains(r.Name, "rounds") && r.Met != nil && !*r.Met {
			t.Errorf("%s is %g, the goal %s", r.Name, r.Value, r.Goal)
		}
	}
	if goals != 1+1+4+2+1 { // decisions, a second's trials, waiting, ASHA in each cell, checkpoints in the worst
		t.Errorf("%d rows have goals", goals)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil || len(table) != 3 || len(table[0]) != 8 {
		t.Errorf("the table is %v, %v", table, err)
	}
}
