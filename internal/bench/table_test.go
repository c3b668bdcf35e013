package bench_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/bench"
)

func rows() []bench.Row {
	return []bench.Row{
		bench.Row{Name: "chain, each", Size: 40, Value: 7.654, Unit: "ms"}.Against(6.5).HeldTo(bench.RatioAtMost(1.5)),
		bench.Row{Name: "one command", Value: 123.4, Unit: "ms"}.HeldTo(bench.AtMost(80)),
		{Name: "p95", Value: 12.34, Unit: "ms"},
	}
}

func TestTheTableShowsEveryRow(t *testing.T) {
	var out bytes.Buffer
	if err := bench.WriteTable(&out, rows()); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"WHAT         SIZE  VALUE  UNIT  REFERENCE  RATIO  GOAL     MET",
		"chain, each  40    7.65   ms    6.50       1.18   ≤ 1.5 ×  yes",
		"one command  -     123    ms    -          -      ≤ 80 ms  NO",
		"p95          -     12.3   ms    -          -      -        -",
		"1 of the goals were missed", "",
	}, "\n")
	if out.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", out.String(), want)
	}
}

func TestJSONIsOneArrayThatLeavesOutWhatIsNotThere(t *testing.T) {
	var out bytes.Buffer
	if err := bench.WriteJSON(&out, rows()); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{
		"chain, each": {"name", "size", "value", "unit", "reference", "ratio", "goal", "met"},
		"one command": {"name", "value", "unit", "goal", "met"},
		"p95":         {"name", "value", "unit"},
	}
	if len(got) != len(keys) {
		t.Fatalf("%d rows; want %d", len(got), len(keys))
	}
	for _, row := range got {
		want := keys[row["name"].(string)]
		if len(row) != len(want) {
			t.Errorf("%v has %d keys; want %v", row, len(row), want)
		}
		for _, key := range want {
			if _, there := row[key]; !there {
				t.Errorf("%v has no %s", row, key)
			}
		}
	}
	if met := got[1]["met"]; met != false {
		t.Errorf("a missed goal is written as %v; want false", met)
	}
}

func TestNoRowsAreAnEmptyArray(t *testing.T) {
	var out bytes.Buffer
	if err := bench.WriteJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("no rows are written as %q, %v; want an empty array", out.String(), err)
	}
}
