package templates_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

// wideRun is the page of a run with n steps in layers of twenty, of which one
// in a hundred failed.
func wideRun(n int) templates.RunPage {
	f := &fixture{text: same}
	p := templates.RunPage{Shell: f.shell("wide-1", "runs"), Run: f.runRecord(8, bine.Failed)}
	begin := before(time.Hour)
	for i := range n {
		layer := i / 20
		start, end := begin.Add(time.Duration(layer)*time.Second), begin.Add(time.Duration(layer)*time.Second+900*time.Millisecond)
		s := bine.Step{Run: "wide-1", Name: bine.StepName(fmt.Sprintf("step%d", i)), Kind: "python", State: bine.Succeeded, Attempts: 1, CreatedAt: begin, StartedAt: &start, EndedAt: &end}
		if i%100 == 99 {
			s.State, s.Reason = bine.Failed, "exit code 1"
		}
		d := templates.DefinitionStep{Name: s.Name, Kind: s.Kind}
		for j := max(0, layer-1) * 20; j < layer*20; j += 7 {
			d.Needs = append(d.Needs, bine.StepName(fmt.Sprintf("step%d", j)))
		}
		p.Steps, p.Definition.Steps = append(p.Steps, s), append(p.Definition.Steps, d)
	}
	p.Step = &templates.StepView{Step: p.Steps[n-1], Tab: "outputs"}
	return p
}

func BenchmarkRunPage(b *testing.B) {
	for _, n := range []int{100, 1000, 3000} {
		b.Run(fmt.Sprintf("steps=%d", n), func(b *testing.B) {
			page := wideRun(n)
			for b.Loop() {
				if err := templates.Render(io.Discard, page); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
