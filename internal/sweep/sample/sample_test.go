package sample_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/space"
)

func spaceOf(t *testing.T, text string) *space.Space {
	t.Helper()
	s, err := space.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const bowl = `
x: {min: -5.0, max: 10.0}
y: {min: 0.0, max: 15.0}
kind: {values: [good, bad, worse]}
`

// loss is Branin's function, whose least value is 0.398, plus what the kind costs.
func loss(s *space.Space, u []float64) float64 {
	c, _, err := s.Point(slices.Clone(u))
	if err != nil {
		panic(err)
	}
	var x, y float64
	_ = json.Unmarshal(c["x"], &x)
	_ = json.Unmarshal(c["y"], &y)
	b := y - 5.1/(4*math.Pi*math.Pi)*x*x + 5/math.Pi*x - 6
	return b*b + 10*(1-1/(8*math.Pi))*math.Cos(x) + 10 + map[string]float64{`"good"`: 0, `"bad"`: 5, `"worse"`: 20}[string(c["kind"])]
}

// search draws n points, with eight running at a time, and gives the least loss.
func search(t *testing.T, k sample.Kind, seed uint64, n int, restore bool) (least float64, drawn [][]float64) {
	t.Helper()
	s := spaceOf(t, bowl)
	sampler, err := sample.New(k, s, seed)
	if err != nil {
		t.Fatal(err)
	}
	least = math.Inf(1)
	var running [][]float64
	for i := range n {
		if restore && i%7 == 3 {
			sampler = restored(t, k, s, seed, sampler)
		}
		u, ok := sampler.Draw(uint64(i))
		if !ok {
			t.Fatalf("%s gave no %dth point", k, i)
		}
		drawn = append(drawn, u)
		sampler.Began(i+1, u)
		if running = append(running, u); len(running) < 8 {
			continue
		}
		trial := i + 1 - len(running) + 1
		value := loss(s, running[0])
		score := rank.Score{Value: value}
		if trial%10 == 9 {
			score = rank.Score{Class: rank.Failed}
		} else {
			least = min(least, value)
		}
		sampler.Tell(sample.Observation{Trial: trial, Point: running[0], At: 1, Score: score})
		running = running[1:]
	}
	return least, drawn
}

func restored(t *testing.T, k sample.Kind, s *space.Space, seed uint64, old sample.Sampler) sample.Sampler {
	t.Helper()
	text, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	again, err := sample.New(k, s, seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestSamplersThatLearnFindMoreThanChance(t *testing.T) {
	median := func(k sample.Kind, draws int) float64 {
		var found []float64
		for seed := range uint64(5) {
			least, _ := search(t, k, seed, draws, false)
			found = append(found, least)
		}
		slices.Sort(found)
		return found[2]
	}
	for k, draws := range map[sample.Kind]int{sample.TPE: 90, sample.CMAES: 200, sample.Bayes: 45} {
		got, chance := median(k, draws), median(sample.Random, draws)
		t.Logf("%s finds %.3f with %d draws, chance %.3f; the least is 0.398", k, got, draws, chance)
		if got >= chance {
			t.Errorf("%s finds %.3f with %d draws, chance %.3f", k, got, draws, chance)
		}
	}
}

func TestEverySamplerGoesOnFromItsStateAsThoughNothingWere(t *testing.T) {
	for _, k := range []sample.Kind{sample.Random, sample.Sobol, sample.TPE, sample.CMAES, sample.Bayes} {
		_, straight := search(t, k, 3, 30, false)
		_, broken := search(t, k, 3, 30, true)
		_, other := search(t, k, 4, 30, false)
		if fmt.Sprint(straight) != fmt.Sprint(broken) {
			t.Errorf("%s draws others after it was restored", k)
		}
		if fmt.Sprint(straight) == fmt.Sprint(other) {
			t.Errorf("%s draws the same whatever the seed", k)
		}
	}
}

func TestSobolFillsTheCubeEvenly(t *testing.T) {
	text := ""
	for i := range 40 {
		text += fmt.Sprintf("p%d: {min: 0.0, max: 1.0}\n", i)
	}
	s := spaceOf(t, text)
	sampler, err := sample.New(sample.Sobol, s, 9)
	if err != nil {
		t.Fatal(err)
	}
	const points = 256 // each of 256 intervals of each dimension gets exactly one
	var seen [40][points]bool
	for i := range points {
		u, _ := sampler.Draw(uint64(i))
		for d := range u {
			at := int(u[d] * points)
			if seen[d][at] {
				t.Fatalf("dimension %d has two of the first %d points in interval %d", d, points, at)
			}
			seen[d][at] = true
		}
	}
}

func TestAGridHasEachCombinationOnce(t *testing.T) {
	s := spaceOf(t, `
optimizer: {values: [sgd, adam]}
momentum: {values: [0.1, 0.9], when: 'params.optimizer == "sgd"'}
depth: {min: 1, max: 3}
rate: {distribution: q_uniform, min: 0.1, max: 0.3, q: 0.1}
`)
	s.Constraints = nil
	g, err := sample.New(sample.Grid, s, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for {
		u, ok := g.Draw(0)
		if !ok {
			break
		}
		c, _, err := s.Point(u)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(s.JSON(c)); seen[text] {
			t.Errorf("%s is drawn twice", text)
		} else {
			seen[text] = true
		}
	}
	if n, err := sample.Size(s); len(seen) != 27 || n != 27 || err != nil { // (2 + 1) × 3 × 3
		t.Errorf("the grid has %d combinations and says %d, %v; want 27", len(seen), n, err)
	}
	if !seen[`{"depth":2,"momentum":0.9,"optimizer":"sgd","rate":0.3}`] || !seen[`{"depth":3,"optimizer":"adam","rate":0.1}`] {
		t.Errorf("the grid lacks what it should have: %v", seen)
	}
	if _, err := sample.New(sample.Grid, spaceOf(t, "lr: {min: 0.0, max: 1.0}"), 0); err == nil {
		t.Error("a grid over all numbers between two was made")
	}
}
