package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// TestSchedules makes a schedule, lets a tick pass, triggers one more, and finds
// that an edited pipeline reaches its schedule.
func TestSchedules(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("ticks")
	store := func(word string) {
		s.mustCLI("pipeline", "store", s.pipeline("tell", "name: tell\nparams:\n  who: {type: string, default: nobody}\nsteps:\n  say:\n    command: [echo, "+word+", '${{ params.who }}']\n", nil), "-p", "ticks")
	}
	store("first")
	out := s.mustCLI("schedule", "set", "often", "-p", "ticks", "--pipeline", "tell", "--cron", "0 0 1 1 *", "--time-zone", "Europe/Stockholm", "-P", "who=everybody")
	if !strings.Contains(out, "often") {
		t.Errorf("schedule set printed %q", out)
	}
	schedule, err := s.client().Schedule(t.Context(), p, "often")
	if err != nil || len(schedule.Next) == 0 || schedule.Next[0].UTC().Format("01-02 15:04") != "12-31 23:00" {
		t.Fatalf("schedule is %+v (%v), want the first of January in Stockholm next", schedule, err)
	}

	ticked := func(n int) []bine.Run {
		var runs []bine.Run
		eventually(t, 30*time.Second, "the tick's run has ended", func() bool {
			page, err := s.client().Runs(t.Context(), p, client.RunFilter{}, client.List{})
			runs = page.Items
			return err == nil && len(runs) == n && runs[0].State.Ended()
		})
		return runs
	}
	s.mustCLI("schedule", "trigger", "often", "-p", "ticks")
	run := ticked(1)[0]
	if run.State != bine.Succeeded || run.Schedule != "often" || run.Tick == nil {
		t.Errorf("the tick's run is %+v, want one that names its schedule and tick", run)
	}
	var params map[string]string
	if err := json.Unmarshal(run.Params, &params); err != nil || params["who"] != "everybody" {
		t.Errorf("its params are %s, want those of the schedule", run.Params)
	}
	store("second")
	s.mustCLI("schedule", "trigger", "often", "-p", "ticks")
	if run := ticked(2)[0]; run.Version != 2 {
		t.Errorf("after an edit the tick ran version %d, want 2", run.Version)
	}
	s.mustCLI("schedule", "pause", "often", "-p", "ticks")
	schedule, err = s.client().Schedule(t.Context(), p, "often")
	if err != nil || !schedule.Paused || len(schedule.Next) != 0 {
		t.Errorf("the paused schedule is %+v (%v), want no next tick", schedule, err)
	}
	s.mustCLI("schedule", "delete", "often", "-p", "ticks")
}
