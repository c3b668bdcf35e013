package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// ticking is how many schedules tick how often, for how many ticks, under how
// many kills of everything.
type ticking struct {
	schedules, ticks, kills int
	step                    time.Duration
}

const counted = "name: counted\nparams:\n  n: {type: int, default: 1}\nsteps:\n  say:\n    values: {n: \"${{ params.n }}\"}\n"

// schedules makes the schedules of a test and answers when all of them are there.
func (s *system) schedules(t *testing.T, p bine.ProjectName, n int, body client.NewSchedule) time.Time {
	t.Helper()
	for i := range n {
		if _, err := s.client().SetSchedule(t.Context(), p, scheduleName(i), body); err != nil {
			t.Fatal(err)
		}
	}
	return time.Now()
}

func scheduleName(i int) bine.ScheduleName { return bine.ScheduleName(fmt.Sprintf("every-%d", i)) }

// ticksOf counts the runs of each planned time of a schedule.
func (s *system) ticksOf(t *testing.T, p bine.ProjectName, name bine.ScheduleName) map[int64]int {
	t.Helper()
	count := map[int64]int{}
	for l := (client.List{Limit: 1000}); ; {
		page, err := s.client().Runs(t.Context(), p, client.RunFilter{Schedule: name}, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			count[r.Tick.Unix()]++
		}
		if l.After = page.Next; page.Next == "" {
			return count
		}
	}
}

// checkTicks waits until every planned time from one to another has its run,
// and fails where one has two, or where there is a run that was not planned.
func (s *system) checkTicks(t *testing.T, p bine.ProjectName, c ticking, from, to time.Time) {
	t.Helper()
	step := int64(c.step / time.Second)
	first := (from.Unix()/step + 1) * step
	total := 0
	for i := range c.schedules {
		var count map[int64]int
		eventually(t, 3*time.Minute, fmt.Sprintf("schedule %d has a run for every tick", i), func() bool {
			count = s.ticksOf(t, p, scheduleName(i))
			for at := first; at <= to.Unix(); at += step {
				if count[at] == 0 {
					return false
				}
			}
			return true
		})
		for at, n := range count {
			if n != 1 {
				t.Errorf("tick %s of %s has %d runs", time.Unix(at, 0).UTC(), scheduleName(i), n)
			}
			if at%step != 0 {
				t.Errorf("%s has a run for %s, which is not planned", scheduleName(i), time.Unix(at, 0).UTC())
			}
			if at >= first && at <= to.Unix() {
				total++
			}
		}
	}
	t.Logf("%d ticks of %d schedules, each once", total, c.schedules)
}

// TestEveryTickHasOneRun kills everything while schedules tick: the ticks that
// have runs are those that were planned, none is lost and none has two. The
// long form is 12,000 ticks: 200 schedules, two ticks a minute, half an hour.
func TestEveryTickHasOneRun(t *testing.T) {
	c := ticking{schedules: 20, ticks: 5, kills: 1, step: 4 * time.Second}
	if long() {
		c = ticking{schedules: 200, ticks: 60, kills: 20, step: 30 * time.Second}
	}
	s := newSystem(t)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("ticks")
	s.mustCLI("pipeline", "store", s.pipeline("counted", counted, nil), "-p", "ticks")
	from := s.schedules(t, p, c.schedules, client.NewSchedule{Pipeline: "counted", Cron: "@every " + c.step.String(), Overlap: "allow_all", CatchUp: 3600})
	end := from.Add(time.Duration(c.ticks) * c.step)
	for i := range c.kills {
		share := end.Sub(from) / time.Duration(c.kills)
		// The moment of the kill is the point.
		at := from.Add(share*time.Duration(i) + time.Duration(rand.Int64N(int64(share*3/4))))
		<-time.After(time.Until(at))
		up.kill()
		up = s.start("up", "--log-level", "warn")
		s.ready(time.Minute)
	}
	<-time.After(time.Until(end))
	s.checkTicks(t, p, c, from, end)
	c2 := s.client()
	for i := range c.schedules {
		if err := c2.DeleteSchedule(t.Context(), p, scheduleName(i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 3*time.Minute, "every run has succeeded", func() bool {
		for _, state := range []bine.State{bine.Pending, bine.Waiting, bine.Running} {
			page, err := c2.Runs(t.Context(), p, client.RunFilter{State: state}, client.List{Limit: 1})
			if err != nil || len(page.Items) > 0 {
				return false
			}
		}
		return true
	})
	page, err := c2.Runs(t.Context(), p, client.RunFilter{State: bine.Failed}, client.List{})
	if err != nil || len(page.Items) > 0 {
		t.Errorf("runs failed: %+v (%v)", page.Items, err)
	}
}

// What prefect issue 17508 is about: with two of what starts scheduled runs,
// every run is started twice. And kestra 18422: with two servers, runs overlap
// that must not.
func TestTwoWorkersStartEveryTickOnce(t *testing.T) {
	r := startRoles(t)
	r.startRole("worker")
	r.start(append([]string{"server", "--listen", fmt.Sprintf("127.0.0.1:%d", freePort(t))}, r.connect...)...)
	p := r.project("two")
	r.mustCLI("pipeline", "store", r.pipeline("counted", counted, nil), "-p", "two")
	r.mustCLI("pipeline", "store", r.pipeline("slow", "name: slow\nsteps:\n  nap: {command: [sleep, \"3\"]}\n", nil), "-p", "two")
	c := ticking{schedules: 4, step: 2 * time.Second}
	if _, err := r.client().SetSchedule(t.Context(), p, "alone", client.NewSchedule{Pipeline: "slow", Cron: "@every 1s", Overlap: "skip"}); err != nil {
		t.Fatal(err)
	}
	from := r.schedules(t, p, c.schedules, client.NewSchedule{Pipeline: "counted", Cron: "@every 2s", Overlap: "allow_all", CatchUp: 3600})
	end := from.Add(14 * time.Second)
	<-time.After(time.Until(end))
	r.checkTicks(t, p, c, from, end)

	page, err := r.client().Runs(t.Context(), p, client.RunFilter{Schedule: "alone"}, client.List{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) < 2 {
		t.Errorf("the schedule that skips made %d runs, want some", len(page.Items))
	}
	for i := 1; i < len(page.Items); i++ { // newest first
		later, run := page.Items[i-1], page.Items[i]
		if run.EndedAt == nil || later.StartedAt != nil && later.StartedAt.Before(*run.EndedAt) {
			t.Errorf("run %s began at %v, while %s went on until %v", later.ID, later.StartedAt, run.ID, run.EndedAt)
		}
	}
}
