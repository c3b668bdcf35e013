package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

func sweepFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sweep.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const halved = `
method: random
project: flights
run_cap: 81
parallel: 9
metric: {name: loss}
early_terminate: {max_iter: 81}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 1}
`

func TestPreviewSaysWhatASweepComesTo(t *testing.T) {
	file := sweepFile(t, halved)
	out, _, err := command(t, nil, "sweep", "preview", file, "--iteration", "1m", "--gpus", "2", "--price", "3")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TRIALS THAT PAUSE OR END THERE", "of 6561", `{"lr":`, "project says where W&B runs a sweep"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _, err = command(t, nil, "sweep", "preview", file, "--iteration", "1m", "--gpus", "2", "--price", "3", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Trials, Units, All int
		GPUHours           float64 `json:"gpu_hours"`
		Price, Takes, Span float64
		Rungs              []struct{ To, Trials int }
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if p.Trials != 81 || p.All != 81*81 || len(p.Rungs) != 5 || p.Rungs[0].Trials != 81 || p.Units >= p.All/5 {
		t.Errorf("the preview is %+v", p)
	}
	units := 0
	for i, r := range p.Rungs {
		more := r.To
		if i > 0 {
			more -= p.Rungs[i-1].To
		}
		units += more * r.Trials
	}
	if units != p.Units || p.GPUHours != float64(p.Units)/30 || p.Price != 3*p.GPUHours || p.Span < float64(p.Units)/9 {
		t.Errorf("the rungs add up to %d units; the preview is %+v", units, p)
	}
}

func TestPreviewOfWhatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(halved, "max_iter: 81", "max_itr: 81", 1):        "did you mean max_iter?",
		strings.Replace(halved, "run_cap: 81", "", 1):                    "give it a run_cap",
		strings.Replace(halved, "parameters", "parametres", 1):           "did you mean parameters?",
		strings.Replace(halved, "max_iter: 81", "s: 9, max_iter: 81", 1): "at most that many can be left out",
	} {
		_, _, err := command(t, nil, "sweep", "preview", sweepFile(t, text))
		all := ""
		if e, ok := errors.AsType[*bine.Error](err); ok {
			all = e.Message
			for _, d := range e.Details {
				all += "; " + d.Message
			}
		}
		if !strings.Contains(all, want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
