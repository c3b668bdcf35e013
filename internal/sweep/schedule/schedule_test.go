package schedule_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

func start(t *testing.T, s schedule.Settings) *hand {
	t.Helper()
	made, err := schedule.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return &hand{t: t, Scheduler: made}
}

// hand makes moves and numbers new trials.
type hand struct {
	t *testing.T
	schedule.Scheduler
	trials int
}

// next makes the next move and gives its trial and rung, or nothing.
func (h *hand) next(fresh int) string {
	h.t.Helper()
	m, found := h.Next(fresh)
	if !found {
		return "nothing"
	}
	trial := m.Trial
	if trial == 0 {
		h.trials++
		trial = h.trials
	}
	h.Started(trial, m)
	return fmt.Sprintf("%d in rung %d to %d", trial, m.Rung, m.To)
}

func (h *hand) want(fresh int, moves ...string) {
	h.t.Helper()
	for _, want := range moves {
		if got := h.next(fresh); got != want {
			h.t.Fatalf("the next move is %s, want %s", got, want)
		}
	}
}

func good(x float64) rank.Score { return rank.Score{Value: x} }

func TestSynchronousHalvingWaitsForItsRung(t *testing.T) {
	h := start(t, schedule.Settings{Kind: schedule.Halving, Min: 1, Max: 4, Eta: 2, Width: 4})
	h.want(5, "1 in rung 0 to 1", "2 in rung 0 to 1", "3 in rung 0 to 1", "4 in rung 0 to 1")
	h.Ended(1, 1, good(0.4))
	h.Ended(2, 1, good(0.1))
	h.want(1, "5 in rung 0 to 1") // another bracket, of the one that is left
	h.Ended(3, 1, rank.Score{Class: rank.Failed})
	h.want(0, "nothing")
	h.Ended(4, 1, good(0.3))
	h.want(0, "2 in rung 1 to 2", "4 in rung 1 to 2", "nothing")
	if dead := h.Dead(0); !reflect.DeepEqual(dead, []int{1}) {
		t.Errorf("%v can't go on any more", dead)
	}
	h.Ended(4, 2, good(0.05))
	h.Ended(2, 2, good(0.07))
	h.want(0, "4 in rung 2 to 4", "nothing")
	if v := h.Ended(4, 4, good(0.01)); v.Waits {
		t.Error("a trial waits in the last rung")
	}
	h.Ended(5, 1, good(0.9)) // a bracket of one has nobody to promote
	h.want(0, "nothing")
}

func TestATrialThatWasInvalidIsReplacedInItsBracket(t *testing.T) {
	h := start(t, schedule.Settings{Kind: schedule.Halving, Min: 1, Max: 2, Eta: 2, Width: 2})
	h.want(2, "1 in rung 0 to 1", "2 in rung 0 to 1")
	h.Forget(1)
	h.want(1, "3 in rung 0 to 1")
	h.Ended(2, 1, good(0.2))
	h.Ended(3, 1, good(0.1))
	h.want(0, "3 in rung 1 to 2")
}

func TestRoundsWaitForAll(t *testing.T) {
	h := start(t, schedule.Settings{Kind: schedule.Rounds, Width: 2, Max: 7})
	h.want(9, "1 in rung 0 to 7", "2 in rung 0 to 7", "nothing")
	h.Ended(2, 7, good(0))
	h.want(9, "nothing")
	h.Ended(1, 7, good(0))
	h.want(9, "3 in rung 0 to 7")
}

func TestTheMedianRuleComparesTheBestWithAverages(t *testing.T) {
	h := start(t, schedule.Settings{Kind: schedule.Median, Interval: 2, Finished: 1, Max: 6})
	run := func(trial int, values ...float64) schedule.Verdict {
		for i, x := range values[:len(values)-1] {
			if v := h.Report(trial, int64(2*(i+1)), good(x)); v.Stop {
				return v
			}
		}
		h.Ended(trial, 6, good(values[len(values)-1]))
		return schedule.Verdict{}
	}
	h.want(9, "1 in rung 0 to 6", "2 in rung 0 to 6", "3 in rung 0 to 6", "4 in rung 0 to 6", "5 in rung 0 to 6")
	if at, ok := h.Milestone(1); !ok || at != 2 {
		t.Errorf("it first looks at %d", at)
	}
	run(1, 4, 2, 1) // on average 4, 3, 7/3
	if v := run(2, 9, 8, 7); v.Stop {
		t.Error("a trial is stopped while there is only one to compare with")
	}
	// The median is now that of 4 and 9 at the first look, and of 3 and 8.5 at the second.
	if v := h.Report(3, 2, good(6.5)); v.Stop {
		t.Errorf("a trial whose best is the median is stopped: %+v", v)
	}
	if v := h.Report(3, 4, good(5.8)); !v.Stop || !strings.Contains(v.Reason, "median of 2 trials up to 4") {
		t.Errorf("a trial whose best is 5.8 beside a median of 5.75: %+v", v)
	}
	if v := h.Report(4, 2, rank.Score{Class: rank.NoNumber}); !v.Stop {
		t.Error("a trial without a number goes on")
	}
	if v := h.Report(5, 5, good(5.7)); v.Stop {
		t.Errorf("a report that is late for two looks is compared at the last of them: %+v", v)
	}
	if at, ok := h.Milestone(5); !ok || at != 6 {
		t.Errorf("after 5 it looks at %d", at)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for want, s := range map[string]schedule.Settings{
		"no scheduler":     {Kind: "bohb"},
		"eta must be":      {Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 1},
		"at least 1, not":  {Kind: schedule.ASHA, Max: 9, Eta: 3},
		"below the least":  {Kind: schedule.ASHA, Min: 10, Max: 9, Eta: 3},
		"can be left out":  {Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 3, Skip: 3},
		"2 brackets":       {Kind: schedule.Brackets, Min: 1, Max: 9, Eta: 3, Brackets: 3, Skip: 1},
		"at least 9 trial": {Kind: schedule.Halving, Min: 1, Max: 9, Eta: 3, Width: 8},
		"negative":         {Kind: schedule.None, Max: -1},
		"interval":         {Kind: schedule.Median},
	} {
		if _, err := schedule.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}

func TestRungsDoNotSufferFromTheLogarithm(t *testing.T) {
	s := schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 243, Eta: 3} // log 243 / log 3 is 4.999…
	if got := fmt.Sprint(s.Rungs()); got != "[1 3 9 27 81 243]" {
		t.Errorf("the rungs are %s", got)
	}
	s = schedule.Settings{Kind: schedule.Stopping, Min: 1, Eta: 1000} // to the end of numbers
	if rungs := s.Rungs(); len(rungs) != 7 || rungs[6] != 1e18 {
		t.Errorf("the rungs are %v", rungs)
	}
}

func TestAStateOfOtherSettingsIsRefused(t *testing.T) {
	h := start(t, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 3})
	text, err := json.Marshal(h.Scheduler)
	if err != nil {
		t.Fatal(err)
	}
	other := start(t, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 27, Eta: 3})
	if err := json.Unmarshal(text, other.Scheduler); err == nil {
		t.Error("the state of a scheduler with other rungs was taken in")
	}
}
