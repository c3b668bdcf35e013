package api_test

import (
	"testing"

	"github.com/bine-ml/bine"
)

const reportText = `
name: report
params: {from: {type: string, default: ""}}
triggers:
  - {pipeline: flights, params: {from: "${{ event.run }}"}}
  - {dataset: Resources/raw, settle: 3s}
steps:
  say: {command: [echo, hello]}
`

func TestTheTriggersOfAPipelineAreListedPausedAndResumed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	sven := w.as("sven")
	none, err := sven.Triggers(ctx, "demo", "")
	w.ok(err)
	same(t, "none", len(none), 0)
	_, err = sven.StorePipeline(ctx, "demo", []byte(reportText), "")
	w.ok(err)
	all, err := sven.Triggers(ctx, "demo", "report")
	w.ok(err)
	same(t, "number", len(all), 2)
	same(t, "first", []any{all[0].Kind, all[0].Source, all[0].Number}, []any{"pipeline", "flights", 1})
	same(t, "second", []any{all[1].Kind, all[1].Source, all[1].Settle}, []any{"dataset", "Resources/raw", 3})
	paused, err := sven.PauseTrigger(ctx, "demo", "report", 2, true)
	w.ok(err)
	same(t, "paused", []any{paused.Number, paused.Paused}, []any{2, true})
	resumed, err := sven.PauseTrigger(ctx, "demo", "report", 2, false)
	w.ok(err)
	same(t, "resumed", resumed.Paused, false)
	_, err = sven.PauseTrigger(ctx, "demo", "report", 3, true)
	wants(t, "one that is none", err, bine.NotFound)
}
