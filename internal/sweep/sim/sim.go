// Package sim drives the engine of sweeps through simulated time: how long jobs
// take, which are lost and what trials reach is invented, what follows from
// that is decided by the engine itself.
package sim

import (
	"container/heap"
	"time"

	"github.com/bine-ml/bine/internal/sweep"
)

// World is what happens to jobs. Times are in any unit.
type World struct {
	// Takes gives how long a job takes that nothing interrupts.
	Takes func(run sweep.Decision) float64
	// Lost gives after what part of it, from 0 to 1, a job is lost; 1 and more is
	// never. None: no job is ever lost.
	Lost func(run sweep.Decision, takes float64) float64
	// Forgets makes a job that is lost go on from where it began. Else it
	// goes on from the last whole resource that it had reached.
	Forgets bool
	// Reaches gives the metrics of a trial at a resource.
	Reaches func(t *sweep.Trial, at int64) map[string]sweep.Number
	// Ends is the resource at which trials end that nobody ends.
	Ends int64
	// Until is when to look no further; 0 is when the sweep is over.
	Until float64
	// Charge makes deciding take the simulated time that it really takes, in
	// seconds: one controller decides one event after the other.
	Charge bool
	// Seen is told of each event with its decisions.
	Seen func(now float64, v sweep.Event, out []sweep.Decision)
}

// happening is an event that will happen.
type happening struct {
	at    float64
	order int // of equal times
	sweep.Event
}

type queue []happening

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// job is one that runs.
type job struct {
	run   sweep.Decision
	began float64
	takes float64
	lost  float64 // part of it after which it is lost
}

// simulation is one sweep under way.
type simulation struct {
	World
	engine *sweep.Engine
	queue  queue
	order  int
	jobs   map[int]job // by trial
	now    float64
	free   float64 // when the controller is done with what came before
}

// Run drives a new engine until its sweep is over, or as long as the world
// looks. It gives the time of the last event.
func Run(e *sweep.Engine, w World) (float64, error) {
	s := &simulation{World: w, engine: e, jobs: map[int]job{}}
	s.push(0, sweep.Event{Kind: sweep.Start})
	for len(s.queue) > 0 {
		next := heap.Pop(&s.queue).(happening)
		if w.Until > 0 && next.at > w.Until {
			return w.Until, nil
		}
		if !s.current(next) {
			continue
		}
		if err := s.happens(next); err != nil {
			return s.now, err
		}
	}
	return s.now, nil
}

func (s *simulation) push(at float64, v sweep.Event) {
	s.order++
	heap.Push(&s.queue, happening{at: at, order: s.order, Event: v})
}

// current says whether the job of an event still runs.
func (s *simulation) current(h happening) bool {
	if h.Trial == 0 {
		return true
	}
	j, runs := s.jobs[h.Trial]
	return runs && j.run.Job == h.Job
}

// happens lets the engine decide, and carries out what it decides.
func (s *simulation) happens(h happening) error {
	s.now = h.at
	switch h.Kind {
	case sweep.Done, sweep.Report:
		h.Metrics = s.Reaches(s.engine.Trials()[h.Trial-1], h.At)
	}
	if h.Kind != sweep.Report {
		delete(s.jobs, h.Trial)
	}
	began := time.Now()
	out, err := s.engine.Decide(h.Event)
	if err != nil {
		return err
	}
	if s.Charge {
		s.free = max(s.free, s.now) + time.Since(began).Seconds()
		s.now = s.free
	}
	if s.Seen != nil {
		s.Seen(s.now, h.Event, out)
	}
	for _, d := range out {
		switch d.Kind {
		case sweep.Run:
			s.begin(d)
		case sweep.StopJob:
			s.push(s.now, sweep.Event{Kind: sweep.Stopped, Trial: d.Trial, Job: d.Job})
		}
	}
	if h.Kind == sweep.Report {
		s.watch(h.Trial)
	}
	return nil
}

// begin lets a job run to its end, or to where it is lost.
func (s *simulation) begin(d sweep.Decision) {
	if d.To == 0 {
		d.To = s.Ends
	}
	j := job{run: d, began: s.now, takes: s.Takes(d), lost: 1}
	if s.Lost != nil {
		j.lost = s.Lost(d, j.takes)
	}
	s.jobs[d.Trial] = j
	if j.lost >= 1 {
		s.push(s.now+j.takes, sweep.Event{Kind: sweep.Done, Trial: d.Trial, Job: d.Job, At: d.To})
	} else {
		v := sweep.Event{Kind: sweep.Preempted, Trial: d.Trial, Job: d.Job, At: d.From}
		if !s.Forgets {
			v.At += int64(j.lost * float64(d.To-d.From))
		}
		s.push(s.now+j.lost*j.takes, v)
	}
	s.watch(d.Trial)
}

// watch makes a report of the next resource that decides something, if the
// trial gets there before its end.
func (s *simulation) watch(trial int) {
	at, ok := s.engine.Watch(trial)
	j, runs := s.jobs[trial]
	if !ok || !runs || at >= j.run.To {
		return
	}
	part := max(float64(at-j.run.From)/float64(j.run.To-j.run.From), 0)
	if when := j.began + part*j.takes; part < j.lost {
		s.push(max(when, s.now), sweep.Event{Kind: sweep.Report, Trial: trial, Job: j.run.Job, At: at})
	}
}
