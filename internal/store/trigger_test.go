package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// storeTriggers stores the next version of the pipeline report, with triggers.
func storeTriggers(t testing.TB, s *store.Store, text string, list ...bine.Trigger) {
	t.Helper()
	_, err := s.StorePipeline(t.Context(), "p", store.NewVersion{Name: "report", Kind: bine.KindPipeline, Hash: bine.HashOf([]byte(text)), Source: text, DAG: json.RawMessage(`{"steps":[]}`), Triggers: list, By: "ann"})
	ok(t, err)
}

func TestTriggersAreThoseOfTheNewestVersionAndKeepTheirPlace(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		accept(t, s, "ingest") // which leaves an event
		ends := bine.Trigger{Kind: bine.TriggerPipeline, Source: "ingest", On: bine.Failed, Params: json.RawMessage(`{"a":1}`)}
		files := bine.Trigger{Kind: bine.TriggerDataset, Source: "Resources/raw", Settle: 2.5}
		storeTriggers(t, s, "a", ends, files)
		last := got(s.LastEvent(ctx, "p"))(t)
		list := got(s.Triggers(ctx, "p", ""))(t)
		same(t, "number", len(list), 2)
		same(t, "first", []any{list[0].Pipeline, list[0].Number, list[0].On, string(list[0].Params), list[0].Position}, []any{bine.PipelineName("report"), 1, bine.Failed, `{"a":1}`, fmt.Sprint(last)})
		same(t, "second", []any{list[1].Settle, strings.HasPrefix(list[1].Position, store.SinceTime)}, []any{2.5, true})

		active := got(s.ActiveTriggers(ctx))(t)
		ok(t, s.MoveTrigger(ctx, active[1], store.TriggerMove{Position: "x", Run: "report-1"}))
		kind(t, "moved by another", s.MoveTrigger(ctx, active[1], store.TriggerMove{Position: "y"}), bine.Conflict)
		ok(t, s.PauseTrigger(ctx, "p", "report", 1, true))
		kind(t, "while paused", s.MoveTrigger(ctx, active[0], store.TriggerMove{Position: "9"}), bine.Conflict)
		storeTriggers(t, s, "b", files, files, ends)
		list = got(s.Triggers(ctx, "p", "report"))(t)
		same(t, "places", []any{list[0].Position, list[0].LastRun, list[0].FiredAt != nil, strings.HasPrefix(list[1].Position, store.SinceTime), list[2].Paused}, []any{"x", bine.RunID("report-1"), true, true, true})

		accept(t, s, "ingest")
		for range 2 {
			ok(t, s.PauseTrigger(ctx, "p", "report", 3, false))
		}
		list = got(s.Triggers(ctx, "p", "report"))(t)
		same(t, "resumed from now on", list[2].Position, fmt.Sprint(got(s.LastEvent(ctx, "p"))(t)))
		kind(t, "one that is none", s.PauseTrigger(ctx, "p", "report", 4, true), bine.NotFound)
		storeTriggers(t, s, "c")
		same(t, "none", len(got(s.Triggers(ctx, "p", ""))(t)), 0)
	})
}

func TestTheEndsOfRunsAreReadInOrder(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for _, to := range []bine.State{bine.Succeeded, bine.Running, bine.Failed} {
			run := accept(t, s, "ingest")
			ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, to, ""))
		}
		ends, last, err := s.EndedRuns(ctx, "p", 0, 1000)
		ok(t, err)
		same(t, "ends", []any{len(ends), ends[0].Name, ends[1].Name, ends[1].State, last}, []any{2, "ingest-1", "ingest-3", "failed", got(s.LastEvent(ctx, "p"))(t)})
		ends, again, err := s.EndedRuns(ctx, "p", last, 1000)
		ok(t, err)
		same(t, "later", []any{len(ends), again}, []any{0, last})
	})
}
