package templates_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

func TestAGridLinesStepsUpAndKeepsFailures(t *testing.T) {
	steps := map[bine.RunID][]bine.Step{}
	for i := range 150 {
		state := bine.Succeeded
		if i == 3 {
			state = bine.Failed
		}
		steps["a-2"] = append(steps["a-2"], bine.Step{Name: bine.StepName(fmt.Sprint("s", i)), State: state, Reason: "no"})
	}
	steps["a-1"] = []bine.Step{{Name: "s0", State: bine.Skipped}, {Name: "gone", State: bine.Succeeded}}
	g := templates.NewGrid("p", []bine.Run{{ID: "a-2"}, {ID: "a-1"}}, steps)
	if len(g.Rows) != 100 || g.Folded != 51 || g.Runs[0].ID != "a-1" {
		t.Fatalf("%d rows, %d folded, the first run is %s; want 100, 51 and the oldest", len(g.Rows), g.Folded, g.Runs[0].ID)
	}
	if g.Rows[0].Name != "s3" || g.Rows[0].Cells[1].State != bine.Failed || g.Rows[0].Cells[0].State != "" {
		t.Errorf("the first row is %+v; want the step that failed, with no cell in the older run", g.Rows[0])
	}
}

func TestATrendCountsWhatHasEnded(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	run := func(state bine.State, seconds int) bine.Run {
		end := at.Add(time.Duration(seconds) * time.Second)
		return bine.Run{State: state, StartedAt: &at, EndedAt: &end}
	}
	trend := templates.NewTrend([]bine.Run{run(bine.Succeeded, 10), run(bine.Failed, 20), {State: bine.Running, StartedAt: &at}})
	if trend.Rate() != "50 %" || len(trend.Points) != 2 || trend.Points[1].Y != 6 || trend.Path == "" {
		t.Errorf("the trend is %+v, %s", trend, trend.Rate())
	}
	if none := templates.NewTrend(nil); none.Rate() != "–" || none.Path != "" {
		t.Errorf("the trend of nothing is %+v", none)
	}
}
