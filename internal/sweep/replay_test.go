package sweep_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

func encoded(t *rapid.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestALogGivesTheSameDecisionsFromTheBeginningAndFromEverySnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		var decisions []sweep.Decision
		var snapshots [][]byte
		var upTo []int // decisions before each snapshot
		log := walk(t, s, func(_ sweep.Event, out []sweep.Decision, e *sweep.Engine) {
			decisions = append(decisions, out...)
			text, err := e.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			snapshots, upTo = append(snapshots, text), append(upTo, len(decisions))
		})
		var events []sweep.Event // as they are read from a database
		if err := json.Unmarshal(encoded(t, log), &events); err != nil {
			t.Fatal(err)
		}
		if _, again, err := sweep.Replay(s, events, nil); err != nil || !bytes.Equal(encoded(t, again), encoded(t, decisions)) {
			t.Fatalf("the log gives other decisions: %v", err)
		}
		for i, text := range snapshots {
			e, err := sweep.Restore(s, text)
			if err != nil {
				t.Fatal(err)
			}
			rest := []sweep.Decision{}
			for _, v := range events[i+1:] {
				out, err := e.Decide(v)
				if err != nil {
					t.Fatalf("from snapshot %d: %v", i, err)
				}
				rest = append(rest, out...)
			}
			if !bytes.Equal(encoded(t, rest), encoded(t, append([]sweep.Decision{}, decisions[upTo[i]:]...))) {
				t.Fatalf("from snapshot %d there are other decisions", i)
			}
			if last, err := e.Snapshot(); err != nil || !bytes.Equal(last, snapshots[len(snapshots)-1]) {
				t.Fatalf("from snapshot %d the end is another: %v", i, err)
			}
		}
	})
}

func TestWhatHoldsForEveryLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		gone := map[int]bool{}
		over := false
		walk(t, s, func(v sweep.Event, out []sweep.Decision, e *sweep.Engine) {
			if v.Kind == sweep.Extend || v.Kind == sweep.Add {
				over = false
			}
			for _, d := range out {
				if d.Reason == "" {
					t.Fatalf("a decision has no reason: %+v", d)
				}
				switch d.Kind {
				case sweep.Discard:
					if gone[d.Trial] {
						t.Fatalf("checkpoints of trial %d are removed twice", d.Trial)
					}
					gone[d.Trial] = true
				case sweep.Run:
					if over {
						t.Fatalf("trial %d runs after the end", d.Trial)
					}
					if gone[d.Trial] && d.From > 0 {
						t.Fatalf("trial %d goes on from a checkpoint that was removed", d.Trial)
					}
					if s.Restart && d.From > 0 {
						t.Fatalf("trial %d goes on from a checkpoint that it can't make", d.Trial)
					}
					delete(gone, d.Trial)
				case sweep.Finished:
					over = true
				}
			}
			refused(t, v, e)
		})
	})
}

// refused says that an event which ends a job is not taken in twice.
func refused(t *rapid.T, v sweep.Event, e *sweep.Engine) {
	if v.Trial == 0 || v.Kind == sweep.Report {
		return
	}
	before, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Decide(v); !bine.IsKind(err, bine.Fenced) {
		t.Fatalf("%s of trial %d was taken in twice: %v", v.Kind, v.Trial, err)
	}
	if after, err := e.Snapshot(); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("a refused event changed something: %v", err)
	}
}

// Without events from people, a checkpoint that was removed is never wanted
// again: the engine tells so only of those that can't go on.
func TestNothingIsPromotedWhoseCheckpointWasRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		s.Trials, s.Restart, s.Budget, s.MaxFailed = rapid.IntRange(1, 40).Draw(t, "most"), false, 0, nil
		if rapid.Bool().Draw(t, "promotes") {
			s.Schedule = schedule.Settings{Kind: rapid.SampledFrom([]schedule.Kind{schedule.ASHA, schedule.Brackets}).Draw(t, "kind"), Min: 1, Max: 16, Eta: 2}
		}
		e, err := sweep.New(s)
		if err != nil {
			t.Fatal(err)
		}
		gone, jobs := map[int]bool{}, []sweep.Decision{}
		take := func(v sweep.Event) {
			out, err := e.Decide(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range out {
				switch d.Kind {
				case sweep.Discard:
					gone[d.Trial] = true
				case sweep.Run:
					if gone[d.Trial] {
						t.Fatalf("trial %d is wanted, but its checkpoint was removed", d.Trial)
					}
					jobs = append(jobs, d)
				}
			}
		}
		take(sweep.Event{Kind: sweep.Start})
		for len(jobs) > 0 {
			i := rapid.IntRange(0, len(jobs)-1).Draw(t, "who")
			d := jobs[i]
			jobs = append(jobs[:i], jobs[i+1:]...)
			v := ofJob(t, e, d)
			if take(v); v.Kind == sweep.Report {
				jobs = append(jobs, d)
			}
		}
		if _, over := e.Over(); !over {
			t.Fatal("nothing runs, but the sweep is not over")
		}
		for _, trial := range e.Trials() {
			if trial.State == sweep.TrialWaiting {
				t.Fatalf("the checkpoint of trial %d is kept, though the sweep is over", trial.Number)
			}
		}
	})
}

func TestTrialsKeepTheirConfigurationsWhenANewReleaseDrawsOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		var decisions []sweep.Decision
		log := walk(t, s, func(_ sweep.Event, out []sweep.Decision, _ *sweep.Engine) { decisions = append(decisions, out...) })
		s.Seed++ // as though samplers had changed
		if _, again, err := sweep.Replay(s, log, decisions); err != nil || !bytes.Equal(encoded(t, again), encoded(t, decisions)) {
			t.Fatalf("the log gives other decisions: %v", err)
		}
	})
}
