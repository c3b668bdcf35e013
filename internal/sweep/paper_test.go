package sweep_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// paper is algorithm 2 of the paper on ASHA, written down plainly: lists that
// are sorted anew for each question. A value is a loss; of equal ones the older
// configuration is the better.
type paper struct {
	r, R, eta, s int
	rungs        [][]result // who completed each, k = 0 … K
	promoted     []map[int]bool
	next         int // configuration
	most         int // configurations; 0 is any number
}

type result struct {
	loss   float64
	config int
}

func newPaper(r, R, eta, s int) *paper {
	p := &paper{r: r, R: R, eta: eta, s: s, next: 1}
	K := int(math.Floor(math.Log(float64(R)/float64(r))/math.Log(float64(eta))+1e-9)) - s
	p.rungs = make([][]result, K+1)
	for range p.rungs {
		p.promoted = append(p.promoted, map[int]bool{})
	}
	return p
}

// getJob gives the configuration and the rung of the next job, or none when
// no more configurations may begin and none can be promoted.
func (p *paper) getJob() (config, rung int, ok bool) {
	for k := len(p.rungs) - 2; k >= 0; k-- {
		for _, c := range p.topK(k, len(p.rungs[k])/p.eta) {
			if !p.promoted[k][c.config] {
				p.promoted[k][c.config] = true
				return c.config, k + 1, true
			}
		}
	}
	if p.most > 0 && p.next > p.most {
		return 0, 0, false
	}
	p.next++
	return p.next - 1, 0, true
}

func (p *paper) topK(k, n int) []result {
	sorted := slices.Clone(p.rungs[k])
	slices.SortFunc(sorted, func(a, b result) int {
		if a.loss != b.loss {
			if a.loss < b.loss {
				return -1
			}
			return 1
		}
		return a.config - b.config
	})
	return sorted[:n]
}

func (p *paper) resource(k int) int64 {
	at := p.r
	for range p.s + k {
		at *= p.eta
	}
	return int64(at)
}

func spaceOf(text string) *space.Space {
	s, err := space.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return s
}

func asha(seed uint64, parallel int, s schedule.Settings, goal sweep.Goal) sweep.Settings {
	return sweep.Settings{Seed: seed, Space: spaceOf("x: {min: 0.0, max: 1.0}"), Sampler: sample.Random, Schedule: s,
		Metrics: []sweep.Metric{{Name: "metric", Goal: goal}}, Parallel: parallel}
}

func metric(x float64) map[string]sweep.Number {
	return map[string]sweep.Number{"metric": sweep.Number(x)}
}

func TestASHADecidesAsThePaperDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eta := rapid.IntRange(2, 4).Draw(t, "eta")
		r := rapid.IntRange(1, 3).Draw(t, "r")
		steps := rapid.IntRange(0, 4).Draw(t, "steps")
		R := r
		for range steps {
			R *= eta
		}
		R += rapid.IntRange(0, R*(eta-1)-1).Draw(t, "more") // no further rung
		skip := rapid.IntRange(0, steps).Draw(t, "s")
		goal, sign := sweep.Minimize, 1.0
		if rapid.Bool().Draw(t, "maximize") {
			goal, sign = sweep.Maximize, -1
		}
		workers := rapid.IntRange(1, 8).Draw(t, "workers")
		p := newPaper(r, R, eta, skip)
		p.most = rapid.SampledFrom([]int{0, 1, 5, 20, 60}).Draw(t, "trials")
		settings := asha(1, workers, schedule.Settings{Kind: schedule.ASHA, Min: int64(r), Max: int64(R), Eta: eta, Skip: skip}, goal)
		settings.Trials = p.most
		e, err := sweep.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		c := &comparison{t: t, paper: p, engine: e, workers: workers}
		c.take(sweep.Event{Kind: sweep.Start})
		for range rapid.IntRange(1, 150).Draw(t, "events") {
			if len(c.jobs) == 0 {
				break
			}
			i := rapid.IntRange(0, len(c.jobs)-1).Draw(t, "who")
			d := c.jobs[i]
			c.jobs = slices.Delete(c.jobs, i, i+1)
			loss := float64(rapid.IntRange(0, 40).Draw(t, "loss"))
			p.rungs[d.Rung] = append(p.rungs[d.Rung], result{loss, d.Trial})
			c.take(sweep.Event{Kind: sweep.Done, Trial: d.Trial, Job: d.Job, At: d.To, Metrics: metric(sign * loss)})
		}
	})
}

// comparison is the engine beside the paper.
type comparison struct {
	t       *rapid.T
	paper   *paper
	engine  *sweep.Engine
	workers int
	jobs    []sweep.Decision
}

// take lets the engine decide, and asks the paper once for each free worker.
func (c *comparison) take(v sweep.Event) {
	out, err := c.engine.Decide(v)
	if err != nil {
		c.t.Fatal(err)
	}
	out = slices.DeleteFunc(out, func(d sweep.Decision) bool { return d.Kind != sweep.Run })
	for len(c.jobs) < c.workers {
		config, rung, ok := c.paper.getJob()
		if !ok {
			break
		}
		if len(out) == 0 {
			c.t.Fatalf("the paper runs %d in rung %d, the engine nothing", config, rung)
		}
		d := out[0]
		if d.Trial != config || d.Rung != rung || d.To != c.paper.resource(rung) {
			c.t.Fatalf("the engine runs %d in rung %d to %d, the paper %d in rung %d to %d: %s", d.Trial, d.Rung, d.To, config, rung, c.paper.resource(rung), d.Reason)
		}
		c.jobs, out = append(c.jobs, d), out[1:]
	}
	if len(out) > 0 {
		c.t.Fatalf("the engine runs more than the paper: %+v", out)
	}
}

// walk drives an engine by chance: jobs end well, badly or without a number, are
// lost, are told to stop; people pause, extend, add and so on. It gives the log.
func walk(t *rapid.T, s sweep.Settings, each func(v sweep.Event, out []sweep.Decision, e *sweep.Engine)) []sweep.Event {
	e, err := sweep.New(s)
	if err != nil {
		t.Fatal(err)
	}
	var log []sweep.Event
	jobs := map[int]sweep.Decision{}
	take := func(v sweep.Event) bool {
		out, err := e.Decide(v)
		if err != nil {
			return false
		}
		log = append(log, v)
		if v.Trial > 0 && v.Kind != sweep.Report {
			delete(jobs, v.Trial)
		}
		for _, d := range out {
			if d.Kind == sweep.Run {
				if _, twice := jobs[d.Trial]; twice {
					t.Fatalf("trial %d is run twice at once", d.Trial)
				}
				jobs[d.Trial] = d
			}
		}
		each(v, out, e)
		return true
	}
	take(sweep.Event{Kind: sweep.Start})
	for range rapid.IntRange(1, 80).Draw(t, "events") {
		running := sortedKeys(jobs)
		if len(running) == 0 || rapid.IntRange(0, 9).Draw(t, "wish") == 0 {
			take(wish(t))
			continue
		}
		d := jobs[running[rapid.IntRange(0, len(running)-1).Draw(t, "who")]]
		take(ofJob(t, e, d))
	}
	return log
}

func wish(t *rapid.T) sweep.Event {
	return rapid.SampledFrom([]sweep.Event{
		{Kind: sweep.Pause}, {Kind: sweep.Resume}, {Kind: sweep.Resume}, {Kind: sweep.Parallel, Count: 2}, {Kind: sweep.Parallel, Count: 6},
		{Kind: sweep.Extend, Count: 3, Budget: 9, Allow: 1}, {Kind: sweep.Stop}, {Kind: sweep.Add, Config: []byte(`{"x": 0.25}`)},
	}).Draw(t, "event")
}

func ofJob(t *rapid.T, e *sweep.Engine, d sweep.Decision) sweep.Event {
	v := sweep.Event{Trial: d.Trial, Job: d.Job, At: d.To, Metrics: metric(float64(rapid.IntRange(0, 20).Draw(t, "value")))}
	if at, ok := e.Watch(d.Trial); ok && rapid.Bool().Draw(t, "report") {
		v.Kind, v.At = sweep.Report, at
		return v
	}
	switch rapid.IntRange(0, 12).Draw(t, "end") {
	case 0:
		v.Kind, v.Metrics, v.Reason = sweep.Failed, nil, "it fell over"
	case 1:
		v.Kind, v.Metrics = sweep.Invalid, nil
	case 2:
		v.Kind, v.Metrics, v.At = sweep.Preempted, nil, (d.From+d.To)/2
	case 3:
		v.Kind, v.Metrics = sweep.Done, metric(math.NaN())
	case 4:
		v.Kind, v.Metrics = sweep.Done, metric(math.Inf(-1))
	default:
		v.Kind = sweep.Done
	}
	if e.Trials()[d.Trial-1].State == sweep.TrialStopping && rapid.Bool().Draw(t, "obeys") {
		v.Kind, v.Metrics = sweep.Stopped, nil
	}
	return v
}

func anySettings(t *rapid.T) sweep.Settings {
	s := asha(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 5).Draw(t, "parallel"), schedule.Settings{
		Kind: rapid.SampledFrom(schedule.Kinds()).Draw(t, "scheduler"), Min: 1, Max: 9, Eta: 3, Width: 9, Interval: 2, Finished: 1,
	}, sweep.Minimize)
	s.Sampler = rapid.SampledFrom([]sample.Kind{sample.Random, sample.Sobol, sample.TPE, sample.CMAES}).Draw(t, "sampler")
	s.Trials = rapid.IntRange(0, 20).Draw(t, "trials")
	s.Budget = rapid.SampledFrom([]int64{0, 0, 40}).Draw(t, "budget")
	s.Restart = rapid.Bool().Draw(t, "restart")
	if rapid.Bool().Draw(t, "limited") {
		few := 3
		s.MaxFailed = &few
	}
	return s
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
