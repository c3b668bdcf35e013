package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func trackedID(n int) bine.TrackedID { return bine.TrackedID(fmt.Sprintf("%032x", n)) }

// track starts the n-th tracked run of a client.
func track(t testing.TB, s *store.Store, n int) bine.TrackedRun {
	t.Helper()
	return got(s.StartTracked(t.Context(), "p", bine.TrackedRun{ID: trackedID(n), Name: fmt.Sprintf("run %d", n), Kind: bine.TrackedClient, State: bine.Running, Fence: 1, CreatedBy: "ann"}))(t)
}

var begin = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func points(from, to int64) []bine.Metric {
	var list []bine.Metric
	for i := from; i <= to; i++ {
		list = append(list, bine.Metric{Name: "loss", Value: bine.Number(i), Step: i, At: begin.Add(time.Duration(i) * time.Second)})
	}
	return list
}

func curve(t testing.TB, s *store.Store, id bine.TrackedID, most int) bine.Curve {
	t.Helper()
	list := got(s.Curves(t.Context(), "p", []bine.TrackedID{id}, []string{"loss"}, most))(t)
	if len(list) == 0 {
		return bine.Curve{}
	}
	return list[0]
}

func steps(c bine.Curve) []int64 {
	var list []int64
	for _, p := range c.Points {
		list = append(list, p.Step)
	}
	return list
}

func TestReportsCountOnceInOrder(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r := track(t, s, 1)
		for _, x := range []struct{ from, to, acked int64 }{{1, 3, 3}, {1, 3, 3}, {2, 300, 300}, {300, 301, 301}, {5, 6, 301}} {
			a := got(s.Report(ctx, "p", r.ID, bine.Report{Source: "a", Seq: x.from, Metrics: points(x.from, x.to)}))(t)
			same(t, fmt.Sprintf("acked of %v", x), a, bine.ReportAnswer{Do: bine.Continue, Acked: x.acked})
		}
		kind(t, "a gap", second(s.Report(ctx, "p", r.ID, bine.Report{Source: "a", Seq: 303, Metrics: points(303, 303)})), bine.Conflict)
		c := curve(t, s, r.ID, 0)
		same(t, "points", c.Of, 301)
		for i, p := range c.Points {
			if p.Step != int64(i+1) || p.Value != bine.Number(i+1) || !p.At.Equal(begin.Add(time.Duration(i+1)*time.Second)) {
				t.Fatalf("point %d is %+v", i, p)
			}
		}
		l := got(s.Tracked(ctx, "p", r.ID))(t).Metrics["loss"]
		same(t, "latest", []any{l.Last, l.Step, l.Min, l.Max, l.Points}, []any{bine.Number(301), int64(301), bine.Number(1), bine.Number(301), int64(301)})
	})
}

func TestUnnumberedPointsAreKeptOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		r := track(t, s, 1)
		for range 3 {
			got(s.Report(t.Context(), "p", r.ID, bine.Report{Metrics: points(1, 200)}))(t)
			got(s.Report(t.Context(), "p", r.ID, bine.Report{Metrics: points(150, 210)}))(t)
		}
		if n := curve(t, s, r.ID, 0).Of; n != 210 && n < 210 {
			t.Errorf("%d points are kept", n)
		}
	})
}

func TestNumbersThatAreNone(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		r := track(t, s, 1)
		values := []bine.Number{1, bine.Number(math.NaN()), bine.Number(math.Inf(1)), bine.Number(math.Inf(-1))}
		for i, v := range values {
			got(s.Report(t.Context(), "p", r.ID, bine.Report{Metrics: []bine.Metric{{Name: "loss", Step: int64(i), Value: v, At: soon(0)}}}))(t)
			l := got(s.Tracked(t.Context(), "p", r.ID))(t).Metrics["loss"]
			same(t, "last", l.Last.String(), v.String())
		}
		for i, p := range curve(t, s, r.ID, 0).Points {
			same(t, "value", p.Value.String(), values[i].String())
		}
	})
}

func TestAnOlderFenceIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r := track(t, s, 1)
		got(s.Report(ctx, "p", r.ID, bine.Report{Fence: 1, Source: "1", Seq: 1, Metrics: points(1, 10)}))(t)
		claimed := got(s.ChangeTracked(ctx, "p", r.ID, store.TrackedChange{Claim: true}))(t)
		same(t, "fence", claimed.Fence, int64(2))
		kind(t, "an older fence", second(s.Report(ctx, "p", r.ID, bine.Report{Fence: 1, Source: "1", Seq: 11, Metrics: points(11, 11)})), bine.Fenced)
		got(s.Report(ctx, "p", r.ID, bine.Report{Fence: 2, Source: "2", Seq: 1, Metrics: points(8, 12)}))(t)
		same(t, "steps, each once", steps(curve(t, s, r.ID, 0)), []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
		same(t, "of a higher one", got(s.Report(ctx, "p", r.ID, bine.Report{Fence: 7}))(t).Do, bine.Continue)
		kind(t, "the one before", second(s.Report(ctx, "p", r.ID, bine.Report{Fence: 2})), bine.Fenced)
	})
}

func TestParamsAreSetOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r := track(t, s, 1)
		for range 2 {
			got(s.Report(ctx, "p", r.ID, bine.Report{Params: map[string]string{"lr": "0.1"}, Tags: map[string]string{"t": "a"}}))(t)
		}
		got(s.Report(ctx, "p", r.ID, bine.Report{Tags: map[string]string{"t": "b"}}))(t)
		bad := bine.Report{Source: "a", Seq: 1, Params: map[string]string{"lr": "0.2", "depth": "3"}, Tags: map[string]string{"t": "c"}, Metrics: points(1, 3)}
		kind(t, "another value", second(s.Report(ctx, "p", r.ID, bad)), bine.Conflict)
		now := got(s.Tracked(ctx, "p", r.ID))(t)
		same(t, "what is kept", []any{now.Params, now.Tags, len(now.Metrics)}, []any{map[string]string{"lr": "0.1"}, map[string]string{"t": "b"}, 0})
		kind(t, "of nobody", second(s.Report(ctx, "p", trackedID(9), bine.Report{})), bine.NotFound)
		kind(t, "of another project", second(s.Report(ctx, "q", r.ID, bine.Report{})), bine.NotFound)
	})
}

func TestASilentRunIsLostAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r := track(t, s, 1)
		state := func() bine.State { return got(s.Tracked(ctx, "p", r.ID))(t).State }
		same(t, "without patience", state(), bine.Running)
		got(s.ChangeTracked(ctx, "p", r.ID, store.TrackedChange{Patience: new(time.Microsecond)}))(t)
		time.Sleep(2 * time.Millisecond)
		same(t, "silent", state(), bine.Lost)
		got(s.ChangeTracked(ctx, "p", r.ID, store.TrackedChange{Patience: new(time.Hour)}))(t)
		got(s.Report(ctx, "p", r.ID, bine.Report{}))(t)
		same(t, "heard again", state(), bine.Running)
		got(s.ChangeTracked(ctx, "p", r.ID, store.TrackedChange{State: bine.Succeeded, Patience: new(time.Microsecond)}))(t)
		time.Sleep(2 * time.Millisecond)
		same(t, "ended", state(), bine.Succeeded)
	})
}

func TestAStepsMetricsAreATrackedRun(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		_, owner, a := started(t, s, "")
		// The process reports the first three itself; its agent gives all at the end.
		r := got(s.TrackStep(ctx, a.ID))(t)
		same(t, "state", r.State, bine.Waiting)
		all := points(1, 5)
		got(s.Report(ctx, "p", r.ID, bine.Report{Fence: 1, Source: "attempt-1", Seq: 1, Metrics: all[:3]}))(t)
		got(s.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Failed, Metrics: all}))(t)
		same(t, "of the attempt", len(got(s.Metrics(ctx, a.ID))(t)), 5)
		b := got(s.StartAttempt(ctx, owner, 2, bine.Process{Owner: owner}))(t)
		got(s.EndAttempt(ctx, b.ID, bine.AttemptResult{State: bine.Succeeded, Metrics: points(4, 6)}))(t)
		same(t, "of the second", len(got(s.Metrics(ctx, b.ID))(t)), 3)
		same(t, "the curve", steps(curve(t, s, r.ID, 0)), []int64{1, 2, 3, 4, 5, 6})
		r = got(s.Tracked(ctx, "p", r.ID))(t)
		same(t, "about it", []any{r.State, r.Run, r.Step, r.Kind, r.Fence}, []any{bine.Succeeded, bine.RunID(owner.Name), bine.StepName("train"), bine.TrackedStep, int64(2)})
		same(t, "experiment", got(s.Experiment(ctx, "p", r.Experiment))(t).Name, "flights")
	})
}

func TestAnOrderIsTold(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		r := track(t, s, 1)
		got(s.ChangeTracked(t.Context(), "p", r.ID, store.TrackedChange{Order: new(bine.Pause)}))(t)
		same(t, "order", got(s.Report(t.Context(), "p", r.ID, bine.Report{}))(t).Do, bine.Pause)
	})
}

// TestReportsOfManyAtOnce has many sources report at once, each some of it
// twice, and finds every point once.
func TestReportsOfManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const runs, batches, size = 8, 20, 17
		var all sync.WaitGroup
		for n := range runs {
			r := track(t, s, n)
			all.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(n)))
				for i := 0; i < batches; i++ {
					from := int64(i*size + 1)
					a, err := s.Report(t.Context(), "p", r.ID, bine.Report{Source: "s", Seq: from, Metrics: points(from, from+size-1), Params: map[string]string{"n": fmt.Sprint(n)}})
					if err != nil || a.Acked != max(from+size-1, a.Acked) {
						t.Errorf("report %d of run %d: %+v, %v", i, n, a, err)
						return
					}
					if random.IntN(3) == 0 {
						i -= min(i, random.IntN(3))
					}
				}
			})
		}
		all.Wait()
		for n := range runs {
			c := curve(t, s, trackedID(n), 0)
			if c.Of != batches*size || !slices.IsSorted(steps(c)) {
				t.Errorf("run %d has %d points, want %d", n, c.Of, batches*size)
			}
		}
	})
}

func TestThinnedCurvesKeepPeaks(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		r := track(t, s, 1)
		list := points(1, 10_000)
		list[4321].Value, list[7000].Value, list[7001].Value = 1e9, -1e9, bine.Number(math.NaN())
		got(s.Report(t.Context(), "p", r.ID, bine.Report{Seq: 1, Metrics: list}))(t)
		c := curve(t, s, r.ID, 400)
		if c.Of != 10_000 || len(c.Points) > 400 {
			t.Fatalf("%d of %d points are given", len(c.Points), c.Of)
		}
		for _, want := range []int64{1, 4322, 7001, 10_000} {
			if !slices.Contains(steps(c), want) {
				t.Errorf("the point of step %d is left out", want)
			}
		}
	})
}

func TestExperiments(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		same(t, "the default", got(s.Experiment(ctx, "p", 0))(t).Name, bine.DefaultExperiment)
		e := got(s.CreateExperiment(ctx, "p", "churn", map[string]string{"team": "x"}, "ann"))(t)
		same(t, "number and tags", []any{e.ID, e.Tags}, []any{1, map[string]string{"team": "x"}})
		kind(t, "again", second(s.CreateExperiment(ctx, "p", "churn", nil, "ann")), bine.Conflict)
		ok(t, s.ChangeExperiment(ctx, "p", 1, store.ExperimentChange{Name: new("churned"), Tags: map[string]string{"a": "b"}, Without: []string{"team"}}))
		e = got(s.ExperimentNamed(ctx, "p", "churned"))(t)
		same(t, "changed", []any{e.ID, e.Tags}, []any{1, map[string]string{"a": "b"}})
		kind(t, "the default stays", s.ChangeExperiment(ctx, "p", 0, store.ExperimentChange{Removed: new(true)}), bine.Invalid)
		ok(t, s.ChangeExperiment(ctx, "p", 1, store.ExperimentChange{Removed: new(true)}))
		kind(t, "into a removed one", second(s.StartTracked(ctx, "p", bine.TrackedRun{ID: trackedID(3), Name: "x", Experiment: 1, State: bine.Running, Kind: bine.TrackedClient})), bine.Conflict)
		kind(t, "of no project", second(s.Experiment(ctx, "none", 0)), bine.NotFound)
		same(t, "all", len(got(s.Experiments(ctx, "p"))(t)), 2)
	})
}
