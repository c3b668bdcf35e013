package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// clock is time that passes as a test says.
type clock struct{ at time.Time }

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// clocked makes a ledger that takes its time from a clock.
func clocked(db *database.DB) (*lease.Ledger, *clock) {
	l, c := lease.New(db), &clock{noon}
	lease.SetClock(l, func() time.Time { return c.at })
	return l, c
}

// schedule is work that comes and goes by chance, on a ledger whose clock passes
// from one thing that happens to the next.
type schedule struct {
	t        *testing.T
	l        *lease.Ledger
	clock    *clock
	rand     *rand.Rand
	prefix   string
	requests map[bine.AttemptID]lease.Request
	runs     map[bine.AttemptID]time.Duration // how long it really takes
	ends     map[bine.AttemptID]time.Time     // of what runs
	promised map[bine.AttemptID]time.Time     // the earliest that was
	kept     int                              // promises that were kept
	before   int                              // who went before one who has a promise
}

// work makes a request: a third of them do not say how long they take, a fifth
// ask for cores alone.
func (s *schedule) work(i int) lease.Request {
	words := []string{"1 GPU on 1 host", "1 GPU on 1 host", "0.5 GPU", "0.3 GPU", "2 GPUs on 1 host", "3 GPUs on 1 host", "4 GPUs on any host", "2 GPUs on 2 hosts", "3 GPUs on 2 hosts uneven", "4 GPUs on 2 hosts", "5 GPUs on any host", "2 GPUs on 2 hosts within rack"}
	counts := []float64{1, 1, 0.5, 0.3, 2, 3, 4, 2, 3, 4, 5, 2}
	n := s.rand.IntN(len(words))
	r := lease.Request{Attempt: bine.AttemptID(fmt.Sprintf("%s-%d", s.prefix, i)), Owner: bine.Owner{Project: bine.ProjectName("pqr"[s.rand.IntN(3):][:1]), Kind: bine.OwnerRun, Name: "run"}}
	r.Resources = bine.Resources{CPU: float64(1 + s.rand.IntN(12)), Memory: gib, GPUs: counts[n], GPU: words[n]}
	if s.rand.IntN(5) == 0 {
		r.Resources.GPUs, r.Resources.GPU = 0, ""
	}
	r.Priority = []bine.Priority{"", "", bine.PriorityLow, bine.PriorityHigh}[s.rand.IntN(4)]
	most := time.Duration(1+s.rand.IntN(100)) * time.Second
	s.runs[r.Attempt] = most
	if s.rand.IntN(3) > 0 {
		r.Within = most
	}
	if s.rand.IntN(3) == 0 { // it is done sooner than it says
		s.runs[r.Attempt] = most / 2
	}
	s.requests[r.Attempt] = r
	return r
}

// started notes who was granted what, and that no promise was broken.
func (s *schedule) started(ids ...bine.AttemptID) {
	for _, id := range ids {
		if at, was := s.promised[id]; was {
			s.kept++
			if s.clock.at.After(at) {
				s.t.Errorf("%s was promised a place at %s and has it at %s", id, at.Format(time.TimeOnly), s.clock.at.Format(time.TimeOnly))
			}
		} else if len(s.promised) > 0 {
			s.before++
		}
		delete(s.promised, id)
		s.ends[id] = s.clock.at.Add(s.runs[id])
	}
	id, at, err := lease.Promised(context.Background(), s.l)
	if err != nil {
		s.t.Fatal(err)
	}
	if was, known := s.promised[id]; !at.IsZero() && (!known || at.Before(was)) {
		s.promised[id] = at
	}
}

// play lets all come and go.
func (s *schedule) play(n int) {
	arrivals := make([]time.Time, n)
	for i := range arrivals {
		arrivals[i] = s.clock.at.Add(time.Duration(s.rand.IntN(60)) * time.Second)
	}
	came := map[int]bool{}
	for {
		next, who, arrival := time.Time{}, bine.AttemptID(""), -1
		for i, at := range arrivals {
			if !came[i] && (next.IsZero() || at.Before(next)) {
				next, arrival = at, i
			}
		}
		for id, at := range s.ends {
			if next.IsZero() || !at.After(next) && (arrival >= 0 || at.Before(next) || id < who) {
				next, who, arrival = at, id, -1
			}
		}
		switch {
		case next.IsZero():
			return
		case arrival >= 0:
			s.clock.at, came[arrival] = next, true
			r := s.work(arrival)
			g, _, err := s.l.Ask(s.t.Context(), r)
			switch {
			case bine.IsKind(err, bine.NoQuota):
				delete(s.requests, r.Attempt)
			case err != nil:
				s.t.Fatal(err)
			case g.Host != "":
				s.started(r.Attempt)
			default:
				s.started()
			}
		default:
			s.clock.at = next
			delete(s.ends, who)
			delete(s.requests, who)
			grants, err := s.l.Release(s.t.Context(), who)
			if err != nil {
				s.t.Fatal(err)
			}
			s.started(attempts(grants)...)
		}
	}
}

// TestWhoIsPromisedAPlaceHasItByThen plays schedules by chance on the ledger: of
// those who wait for accelerators, nobody who was promised a place starts later
// than that, whoever comes and goes before it, of whatever project and priority.
func TestWhoIsPromisedAPlaceHasItByThen(t *testing.T) {
	schedules := 40
	if more, err := strconv.Atoi(os.Getenv("BINE_SCHEDULES")); err == nil { // 10,000 take minutes
		schedules = more
	}
	for name, open := range map[string]func(testing.TB) *database.DB{"SQLite": databasetest.SQLite, "MariaDB": databasetest.MariaDB} {
		t.Run(name, func(t *testing.T) {
			l, c := clocked(open(t))
			for i, n := range []int{2, 3, 4} {
				host := bine.HostName(fmt.Sprint("h", i))
				setDevices(t, l, host, n, "A100", fmt.Sprint("rack=", i%2))
				if _, err := l.SetHost(t.Context(), host, bine.Resources{CPU: 16, Memory: 64 * gib}, true); err != nil {
					t.Fatal(err)
				}
			}
			kept, before, first := 0, 0, rand.Uint64N(1<<40)
			for seed := range uint64(schedules) {
				s := &schedule{t: t, l: l, clock: c, rand: rand.New(rand.NewPCG(first+seed, 7)), prefix: fmt.Sprint(seed), requests: map[bine.AttemptID]lease.Request{},
					runs: map[bine.AttemptID]time.Duration{}, ends: map[bine.AttemptID]time.Time{}, promised: map[bine.AttemptID]time.Time{}}
				s.play(8 + s.rand.IntN(10))
				if kept, before = kept+s.kept, before+s.before; len(s.requests) > 0 {
					t.Errorf("%d requests were never granted", len(s.requests))
				}
				if t.Failed() {
					t.Fatalf("schedule %d", first+seed)
				}
			}
			t.Logf("%d schedules: %d promises were kept, %d went before", schedules, kept, before)
			if kept < schedules || before < schedules/4 {
				t.Errorf("of %d schedules %d promises were kept and %d went before: too little was tried", schedules, kept, before)
			}
		})
	}
}

// TestEqualProjectsGetAsMuch lets projects compete that always want more than
// there is, each other things.
func TestEqualProjectsGetAsMuch(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l, c := clocked(db)
		l.Fading(20 * time.Minute)
		for _, host := range []bine.HostName{"a", "b"} {
			setDevices(t, l, host, 8, "A100")
		}
		r := rand.New(rand.NewPCG(3, 3))
		widths := map[bine.ProjectName]float64{"a": 1, "b": 2, "c": 4, "d": 0.5}
		ends, projects, had, n := map[bine.AttemptID]time.Time{}, map[bine.AttemptID]bine.ProjectName{}, map[bine.ProjectName]float64{}, 0
		start := func(ids ...bine.AttemptID) {
			for _, id := range ids {
				ends[id] = c.at.Add(time.Duration(60+r.IntN(600)) * time.Second)
			}
		}
		ask := func(p bine.ProjectName) {
			n++
			id := bine.AttemptID(fmt.Sprint(p, n))
			projects[id] = p
			g, _, err := l.Ask(t.Context(), lease.Request{Attempt: id, Owner: bine.Owner{Project: p}, Resources: gpus(widths[p]), Within: 11 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if g.Host != "" {
				start(id)
			}
		}
		for range 40 { // enough that each would take it all
			for _, p := range []bine.ProjectName{"a", "b", "c", "d"} {
				ask(p)
			}
		}
		for c.at.Before(noon.Add(time.Hour)) {
			next := bine.AttemptID("")
			for id, at := range ends {
				if next == "" || at.Before(ends[next]) || at.Equal(ends[next]) && id < next {
					next = id
				}
			}
			for id := range ends {
				had[projects[id]] += widths[projects[id]] * ends[next].Sub(c.at).Seconds()
			}
			c.at = ends[next]
			delete(ends, next)
			grants, err := l.Release(t.Context(), next)
			if err != nil {
				t.Fatal(err)
			}
			start(attempts(grants)...)
			ask(projects[next])
		}
		sum, squares := 0.0, 0.0
		for _, x := range had {
			sum, squares = sum+x, squares+x*x
		}
		if jain := sum * sum / 4 / squares; jain < 0.99 || sum < 0.95*16*3600 {
			t.Errorf("Jain's index is %.4f, of the devices %.3f were used: %v", jain, sum/16/3600, had)
		}
		standing, err := l.StandingOf(t.Context(), "a")
		if err != nil || standing.Used.GPUSeconds <= 0 || standing.Used.GPUSeconds > had["a"] || standing.Held.GPUs == 0 || standing.Waiting == 0 {
			t.Errorf("standing %+v, %v; of %v s less counts by now", standing, err, had["a"])
		}
	})
}

func TestWhatAProjectHadCountsHalfAfterATime(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l, c := clocked(db)
		l.Fading(time.Hour)
		setDevices(t, l, "a", 4, "A100")
		if _, _, err := l.Ask(t.Context(), lease.Request{Attempt: "one", Owner: bine.Owner{Project: "p"}, Resources: gpus(4)}); err != nil {
			t.Fatal(err)
		}
		used := func() float64 {
			s, err := l.StandingOf(t.Context(), "p")
			if err != nil {
				t.Fatal(err)
			}
			return s.Used.GPUSeconds
		}
		c.at = noon.Add(time.Second)
		if got := used(); got < 3.99 || got > 4 {
			t.Errorf("after a second %g seconds of devices count, want 4", got)
		}
		c.at = noon.Add(time.Hour)
		held := used()
		if held < 2*3600 || held > 4*3600 {
			t.Errorf("after an hour %g seconds count of %d", held, 4*3600)
		}
		release(t, l, "one")
		c.at = c.at.Add(time.Hour)
		if got := used(); got < held/2*0.999 || got > held/2*1.001 {
			t.Errorf("an hour later %g seconds count, want half of %g", got, held)
		}
		before := used()
		l.Fading(2 * time.Hour) // which says what it will be, not what it was
		ask(t, l, "two", gpus(1))
		if got := used(); got < before*0.999 || got > before*1.001 {
			t.Errorf("with another half-life %g seconds count, want %g", got, before)
		}
		c.at = c.at.Add(2 * time.Hour * 400) // further than a float goes
		ask(t, l, "three", gpus(1))
		if got := used(); got > 1 {
			t.Errorf("after years %g seconds count", got)
		}
	})
}
