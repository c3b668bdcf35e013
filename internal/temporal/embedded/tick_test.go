package embedded_test

import (
	"math/rand/v2"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/service/worker/scheduler"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bine-ml/bine/internal/tick"
)

// engineSpec is a schedule as the engine reads it.
func engineSpec(t *testing.T, s tick.Spec, jitter time.Duration) *scheduler.CompiledSpec {
	t.Helper()
	proto := &schedulepb.ScheduleSpec{CronString: s.Expressions(), TimezoneName: s.Zone(), Jitter: durationpb.New(jitter)}
	if s.Every() > 0 {
		proto.Interval = []*schedulepb.IntervalSpec{{Interval: durationpb.New(s.Every())}}
	}
	none := dynamicconfig.GetIntPropertyFn(0)
	compiled, err := scheduler.NewSpecBuilder(none, none).NewCompiledSpec(proto)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestTheCalculatorPlansWhatTheEngineDoes(t *testing.T) {
	const n = 10_000 // of each, 10^5 and more in all
	for _, zone := range []string{"UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata"} {
		for _, cron := range []string{"*/7 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 13 * 5", "59 23 28-31 * ?", "@hourly", "@every 97m", "5 0-4/2 * 3,4,10,11 SUN"} {
			spec, err := tick.Parse(cron, zone)
			if err != nil {
				t.Fatal(err)
			}
			engine := engineSpec(t, spec, 3*time.Minute)
			after := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
			for range n {
				want, err := engine.GetNextTime("seed", after)
				if err != nil {
					t.Fatal(err)
				}
				got := spec.Next(after)
				if !got.Equal(want.Nominal) {
					t.Fatalf("%s in %s after %s: %s, the engine plans %s", cron, zone, after, got, want.Nominal)
				}
				if got.IsZero() {
					break
				}
				if moved := tick.Jitter("seed", got, 3*time.Minute, spec.Next(got)); !moved.Equal(want.Next) {
					t.Fatalf("%s in %s: %s starts at %s, in the engine at %s", cron, zone, got, moved, want.Next)
				}
				after = got
			}
		}
	}
}

// waits is a tick in the engine's buffer.
type waits struct {
	at     int
	policy enumspb.ScheduleOverlapPolicy
}

func (w *waits) GetOverlapPolicy() enumspb.ScheduleOverlapPolicy { return w.policy }

// engineFates says which ticks run by the engine's own ProcessBuffer, second by second.
func engineFates(ticks []time.Time, length func(time.Time) time.Duration, down []tick.Span, policy enumspb.ScheduleOverlapPolicy, catchUp time.Duration) []tick.Outcome {
	out := make([]tick.Outcome, len(ticks))
	var buffer []*waits
	running, next := -1, 0
	process := func(now time.Time) {
		did := scheduler.ProcessBuffer(buffer, running >= 0, func(p enumspb.ScheduleOverlapPolicy) enumspb.ScheduleOverlapPolicy { return p })
		buffer = did.NewBuffer
		start := func(w *waits) {
			out[w.at] = tick.Outcome{At: ticks[w.at], Fate: tick.Ran, Start: now, End: now.Add(length(ticks[w.at]))}
		}
		for _, w := range did.OverlappingStarts {
			start(w)
		}
		if did.NeedCancel && now.Before(out[running].End) {
			out[running].End, out[running].Cancelled = now, true
		}
		if did.NonOverlappingStart != nil {
			start(did.NonOverlappingStart)
			running = did.NonOverlappingStart.at
		}
	}
	for now := ticks[0]; next < len(ticks) || running >= 0; now = now.Add(time.Second) {
		if isDown(now, down) {
			continue
		}
		for running >= 0 && !out[running].End.After(now) {
			running = -1
			process(now)
		}
		arrived := false
		for ; next < len(ticks) && !ticks[next].After(now); next++ {
			out[next] = tick.Outcome{At: ticks[next], Fate: tick.TooLate}
			if now.Sub(ticks[next]) <= catchUp {
				out[next].Fate = tick.Skipped // unless it starts
				buffer = append(buffer, &waits{next, policy})
			}
			arrived = true
		}
		if arrived {
			process(now)
		}
		for running >= 0 && !out[running].End.After(now) {
			running = -1
			process(now)
		}
	}
	return out
}

func isDown(at time.Time, down []tick.Span) bool {
	for _, d := range down {
		if !at.Before(d.From) && at.Before(d.To) {
			return true
		}
	}
	return false
}

func TestTheCalculatorSimulatesWhatTheEngineDoes(t *testing.T) {
	policies := map[string]enumspb.ScheduleOverlapPolicy{
		"skip": enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, "buffer_one": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE, "buffer_all": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
		"cancel_other": enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER, "allow_all": enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
	}
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		ticks := make([]time.Time, 100)
		for i := range ticks {
			ticks[i] = start.Add(time.Duration(i*10) * time.Second)
		}
		var down []tick.Span
		for at := start; at.Before(ticks[99]); {
			at = at.Add(time.Duration(random.IntN(200)) * time.Second)
			span := tick.Span{From: at, To: at.Add(time.Duration(1+random.IntN(100)) * time.Second)}
			down, at = append(down, span), span.To.Add(time.Second)
		}
		length := func(at time.Time) time.Duration {
			return time.Duration(1+rand.New(rand.NewPCG(seed, uint64(at.Unix()))).IntN(35)) * time.Second
		}
		for name, policy := range policies {
			got := tick.Simulate(ticks, length, down, tick.Policy{Overlap: name, CatchUp: 45 * time.Second})
			want := engineFates(ticks, length, down, policy, 45*time.Second)
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("seed %d, %s, tick %d:\n got %+v\nwant %+v", seed, name, i, got[i], want[i])
				}
			}
		}
	}
}
