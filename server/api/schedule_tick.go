package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/tick"
)

func (a *API) scheduleTicks(ctx context.Context, in *struct {
	InSchedule
	Last int `query:"last" minimum:"1" maximum:"1000" default:"50" doc:"how many that have passed, of the last days"`
	Next int `query:"next" minimum:"1" maximum:"100" default:"10" doc:"how many that are to come"`
}) (*body[[]client.ScheduleTick], error) {
	s, err := a.Store.Schedule(ctx, in.Project, in.Schedule)
	if err != nil {
		return nil, err
	}
	spec, err := tick.Parse(s.Cron, s.TimeZone)
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	past := lastTicks(spec, *s.Since, now, in.Last)
	from := *s.Since
	if len(past) > 0 {
		from = past[0]
	}
	runs, err := a.Store.ScheduleRuns(ctx, in.Project, s, from, now)
	if err != nil {
		return nil, err
	}
	list := fates(s, past, runs, now)
	if len(list) > in.Last {
		list = list[len(list)-in.Last:]
	}
	if !s.Paused {
		for _, at := range spec.Between(now, now.AddDate(10, 0, 0), in.Next) {
			list = append(list, client.ScheduleTick{At: at, State: client.TickPlanned})
		}
	}
	return answer(list, nil)
}

// longestLook is how far back ticks are looked for.
const longestLook = 30 * 24 * time.Hour

// lastTicks gives the last planned times before now, most at most.
func lastTicks(spec tick.Spec, since, now time.Time, most int) []time.Time {
	for look := time.Hour; ; look *= 4 {
		from := now.Add(-min(look, longestLook))
		whole := look >= longestLook || from.Before(since)
		if from.Before(since) {
			from = since
		}
		all := spec.Between(from, now, -1)
		if len(all) >= most || whole {
			return all[max(0, len(all)-most):]
		}
	}
}

// fates says of every planned time that has passed, and of every run besides
// them, what became of it.
func fates(s bine.Schedule, past []time.Time, runs []bine.Run, now time.Time) []client.ScheduleTick {
	list := []client.ScheduleTick{}
	have := map[int64]bool{}
	for _, r := range runs {
		have[r.Tick.UnixMicro()] = true
		list = append(list, client.ScheduleTick{At: *r.Tick, State: client.TickRun, Run: r.ID, End: r.State, Reason: r.Reason})
	}
	for _, at := range past {
		if !have[at.UnixMicro()] {
			list = append(list, missed(s, at, runs, now))
		}
	}
	slices.SortStableFunc(list, func(a, b client.ScheduleTick) int { return a.At.Compare(b.At) })
	return list
}

// starting is how long a tick may take to become a run.
const starting = time.Minute

// missed says why a planned time has no run, from what is known of the others.
func missed(s bine.Schedule, at time.Time, runs []bine.Run, now time.Time) client.ScheduleTick {
	out := client.ScheduleTick{At: at, State: client.TickMissed}
	if pausedAt(s, at) {
		out.Reason = "the schedule was paused"
		return out
	}
	jitter, window := seconds(s.Jitter), seconds(s.CatchUp)
	for _, r := range runs {
		going := r.Tick.Before(at) && (r.EndedAt == nil || r.EndedAt.After(at))
		switch {
		case going && r.EndedAt == nil && (s.Overlap == "buffer_one" || s.Overlap == "buffer_all") && now.Sub(at) < window:
			out.State, out.Reason = client.TickPlanned, fmt.Sprintf("waits for run %s to end", r.ID)
			return out
		case going && s.Overlap != "allow_all":
			out.Reason = fmt.Sprintf("run %s was still going (overlap %s)", r.ID, s.Overlap)
			return out
		case s.Overlap != "allow_all" && r.CreatedAt.After(at) && r.CreatedAt.Sub(at) <= window && r.CreatedAt.Sub(*r.Tick) > starting+jitter:
			out.Reason = fmt.Sprintf("Bine was not running then, and afterwards run %s was started for another tick (overlap %s)", r.ID, s.Overlap)
			return out
		}
	}
	if now.Sub(at) < starting+jitter {
		out.State, out.Reason = client.TickPlanned, "is about to start"
		return out
	}
	out.Reason = fmt.Sprintf("it could not be started within the catch-up window of %s", window)
	return out
}

func pausedAt(s bine.Schedule, at time.Time) bool {
	return s.PausedAt != nil && !at.Before(*s.PausedAt) && (s.ResumedAt == nil || at.Before(*s.ResumedAt))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
