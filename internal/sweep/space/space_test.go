package space_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine/internal/sweep/space"
)

func parse(t *testing.T, text string) *space.Space {
	t.Helper()
	s, err := space.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawn gives n values of the one parameter of a space.
func drawn(t *testing.T, text string, n int) []float64 {
	t.Helper()
	s := parse(t, text)
	r := rand.New(rand.NewPCG(1, 1))
	out := make([]float64, n)
	for i := range out {
		c, _, err := s.Point([]float64{r.Float64()})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(c["p"], &out[i]); err != nil {
			t.Fatalf("%s: %v", c["p"], err)
		}
	}
	return out
}

func TestDistributionsAreThoseOfWandB(t *testing.T) {
	same := func(x float64) float64 { return x }
	inverse := func(x float64) float64 { return math.Log(1 / x) }
	for _, c := range []struct {
		text                  string
		of                    func(float64) float64
		mean, sd, least, most float64 // of what of gives; the bounds are of the values
	}{
		{"{min: 2, max: 5}", same, 3.5, 1.118, 2, 5},
		{"{min: 2.0, max: 5}", same, 3.5, 0.866, 2, 5},
		{"{distribution: uniform, min: 2, max: 5}", same, 3.5, 0.866, 2, 5},
		{"{distribution: q_uniform, min: 0, max: 1.0, q: 0.25}", same, 0.5, 0.306, 0, 1},
		{"{distribution: log_uniform, min: -3, max: 3}", math.Log, 0, 1.732, math.Exp(-3), math.Exp(3)},
		{"{distribution: log_uniform_values, min: 1e-4, max: 1}", math.Log10, -2, 1.155, 1e-4, 1},
		{"{distribution: q_log_uniform, min: 0, max: 5, q: 2}", same, 29.5, 36.5, 2, 148},
		{"{distribution: q_log_uniform_values, min: 32, max: 256, q: 8}", math.Log2, 6.5, 0.866, 32, 256},
		{"{distribution: inv_log_uniform, min: 1, max: 3}", inverse, 2, 0.577, math.Exp(-3), math.Exp(-1)},
		{"{distribution: inv_log_uniform_values, min: 0.01, max: 1}", math.Log10, -1, 0.577, 0.01, 1},
		{"{distribution: normal, mu: 3, sigma: 2}", same, 3, 2, -8, 14},
		{"{distribution: normal}", same, 0, 1, -6, 6},
		{"{distribution: log_normal, mu: 1, sigma: 0.5}", math.Log, 1, 0.5, 0, 30},
		{"{distribution: q_normal, mu: 10, sigma: 3, q: 5}", same, 10, 3.33, -10, 30},
		{"{distribution: q_log_normal, mu: 2, sigma: 0.5, q: 1}", same, 8.37, 4.5, 0, 60},
		{"{distribution: beta, a: 2, b: 5}", same, 0.2857, 0.16, 0, 1},
		{"{distribution: q_beta, a: 2, b: 2, q: 0.1}", same, 0.5, 0.226, 0, 1},
		{"{distribution: constant, value: 7}", same, 7, 0, 7, 7},
		{"{values: [1, 2, 3]}", same, 2, 0.816, 1, 3},
		{"{values: [1, 2], probabilities: [0.9, 0.1]}", same, 1.1, 0.3, 1, 2},
		{"[DOUBLE, [0.5, 1]]", same, 0.75, 0.144, 0.5, 1},
		{"[INTEGER, [1, 4]]", same, 2.5, 1.118, 1, 4},
		{"[DISCRETE, [1, 5]]", same, 3, 2, 1, 5},
		{"{type: float, low: 0.001, high: 1, log: true}", math.Log10, -1.5, 0.866, 0.001, 1},
		{"{type: float, low: 0.1, high: 0.5, step: 0.2}", same, 0.3, 0.163, 0.1, 0.5},
		{"{type: int, low: 1, high: 9, step: 4}", same, 5, 3.266, 1, 9},
		{"{type: int, low: 1, high: 100, log: true}", math.Log10, 0.87, 0.643, 1, 100},
		{"{type: categorical, choices: [1, 3]}", same, 2, 1, 1, 3},
	} {
		const n = 20000
		mean, square := 0.0, 0.0
		for _, x := range drawn(t, "p: "+c.text, n) {
			if x < c.least-1e-12 || x > c.most+1e-9 {
				t.Errorf("%s gives %g, outside of %g to %g", c.text, x, c.least, c.most)
				break
			}
			y := c.of(x)
			mean += y / n
			square += y * y / n
		}
		sd := math.Sqrt(max(square-mean*mean, 0))
		if slack := 0.04*max(c.sd, 0.01) + 0.02*math.Abs(c.mean); math.Abs(mean-c.mean) > slack || math.Abs(sd-c.sd) > 0.06*c.sd+1e-6 {
			t.Errorf("%s has mean %.4f and deviation %.4f, want %g and %g", c.text, mean, sd, c.mean, c.sd)
		}
	}
}

func TestWholeStepsGiveWholeNumbersAndOthersNone(t *testing.T) {
	s := parse(t, `
batch: {distribution: q_log_uniform_values, min: 8, max: 64, q: 8}
rate: {distribution: q_uniform, min: 0, max: 0.9, q: 0.1}
zero: {distribution: uniform, min: 0, max: 1}
`)
	c, _, err := s.Point([]float64{0.5, 1.0 / 3, 0})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.JSON(c)); got != `{"batch":24,"rate":0.3,"zero":0.0}` {
		t.Errorf("the configuration is %s", got)
	}
}

func TestLocatingUndoesDrawing(t *testing.T) {
	s := parse(t, `
depth: {min: 1, max: 4}
optimizer:
  parameters:
    name: {values: [sgd, adam]}
    lr: {distribution: log_uniform_values, min: 0.001, max: 1}
    momentum: {distribution: beta, a: 2, b: 3, when: 'params.optimizer.name == "sgd"'}
noise: {distribution: normal, mu: 1, sigma: 2}
steps: {type: int, low: 10, high: 90, step: 20}
`)
	rapid.Check(t, func(t *rapid.T) {
		u := make([]float64, len(s.Params))
		for i := range u {
			u[i] = rapid.Float64Range(0.001, 0.999).Draw(t, "u")
		}
		c, _, err := s.Point(u)
		if err != nil {
			t.Fatal(err)
		}
		v, located, err := s.Locate(s.JSON(c))
		if err != nil {
			t.Fatalf("%s is not in the space: %v", s.JSON(c), err)
		}
		if string(s.JSON(located)) != string(s.JSON(c)) {
			t.Fatalf("%s becomes %s", s.JSON(c), s.JSON(located))
		}
		again, _, err := s.Point(v)
		if err != nil || string(again["depth"]) != string(c["depth"]) || string(again["steps"]) != string(c["steps"]) || string(again["optimizer.name"]) != string(c["optimizer.name"]) {
			t.Fatalf("%s is drawn as %s from its point: %v", s.JSON(c), s.JSON(again), err)
		}
		if (v[3] == space.Absent) != (string(c["optimizer.name"]) == `"adam"`) {
			t.Fatalf("momentum is there for %s", c["optimizer.name"])
		}
	})
}

func TestWhatIsNotInTheSpaceIsSaid(t *testing.T) {
	s := parse(t, `
a: {min: 0.0, max: 1.0}
b: {values: [x, y], when: params.a > 0.5}
`)
	for config, want := range map[string]string{
		`{"a": 2}`:             "a must be from 0 to 1",
		`{"a": 0.2, "b": "x"}`: "b does not exist",
		`{"a": 0.7}`:           "lacks b",
		`{"a": 0.7, "b": "z"}`: `b can't be "z"`,
		`{"a": 0.1, "bb": 1}`:  "did you mean b?",
		`[1]`:                  "object",
	} {
		if _, _, err := s.Locate(json.RawMessage(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}

func TestConstraintsThatReadWhatDoesNotExistHold(t *testing.T) {
	s := parse(t, `
a: {min: 0.0, max: 1.0}
b: {min: 0.0, max: 1.0, when: params.a > 0.5}
`)
	s2 := &space.Space{Params: s.Params, Constraints: []string{"params.b < 0.5"}}
	if err := s2.Prepare(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		u    []float64
		want bool
	}{{[]float64{0.2, 0.9}, true}, {[]float64{0.9, 0.9}, false}, {[]float64{0.9, 0.1}, true}} {
		if _, ok, err := s2.Point(c.u); ok != c.want || err != nil {
			t.Errorf("%v: %v, %v", c.u, ok, err)
		}
	}
}

func TestConditionsThatGoInACircleAreFaults(t *testing.T) {
	_, err := space.Parse([]byte(`
a: {min: 0.0, max: 1.0, when: params.b > 0.5}
b: {min: 0.0, max: 1.0, when: params.a > 0.5}
`))
	if err == nil || !strings.Contains(err.Error(), "depends on itself") {
		t.Errorf("two conditions that need each other: %v", err)
	}
	if _, err := space.Parse([]byte("a: {min: 0.0, max: 1.0, when: run.id == '1'}")); err == nil {
		t.Error("a condition may read the run")
	}
}
