package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestVersionsCountWhenSomethingChanged(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		one := storeVersion(t, s, "flights", "a")
		same(t, "the same again", storeVersion(t, s, "flights", "a"), one)
		two := storeVersion(t, s, "flights", "b")
		same(t, "versions", []int{one.Version, two.Version, storeVersion(t, s, "flights", "a").Version}, []int{1, 2, 3})
		same(t, "newest", got(s.PipelineVersion(ctx, "p", "flights", 0))(t).Version, 3)
		same(t, "second", got(s.PipelineVersion(ctx, "p", "flights", 2))(t), two)
		same(t, "by hash", got(s.VersionByHash(ctx, "p", two.Hash))(t), two)
		kind(t, "no such version", second(s.PipelineVersion(ctx, "p", "flights", 9)), bine.NotFound)
		kind(t, "no such pipeline", second(s.PipelineVersions(ctx, "p", "none")), bine.NotFound)
		list := got(s.PipelineVersions(ctx, "p", "flights"))(t)
		if len(list) != 3 || list[0].Version != 3 || list[0].Source != "" {
			t.Errorf("versions = %+v; want three, newest first, without source", list)
		}
		_, err := s.StorePipeline(ctx, "p", store.NewVersion{Name: "flights", Kind: bine.KindJob, Hash: "x", By: "ann"})
		kind(t, "a job with the name of a pipeline", err, bine.Conflict)
		_, err = s.StorePipeline(ctx, "q", store.NewVersion{Name: "flights", Kind: bine.KindJob, Hash: "x", By: "ann"})
		kind(t, "in no project", err, bine.NotFound)
	})
}

func TestPipelinesShowTheirLastRun(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		accept(t, s, "flights")
		last := accept(t, s, "flights")
		storeVersion(t, s, "idle", "x")
		list := got(s.Pipelines(ctx, "p", bine.KindPipeline))(t)
		if len(list) != 2 || list[0].LastRun == nil || list[0].LastRun.ID != last.ID || list[0].Runs != 2 || list[1].LastRun != nil {
			t.Errorf("pipelines = %+v; want flights with its second run, idle with none", list)
		}
		same(t, "jobs", len(got(s.Pipelines(ctx, "p", bine.KindJob))(t)), 0)
		one := got(s.Pipeline(ctx, "p", "flights"))(t)
		same(t, "one", one, list[0])
	})
}

func TestAPipelineInUseStays(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		kind(t, "with a run that has not ended", s.DeletePipeline(ctx, "p", "flights"), bine.Conflict)
		ok(t, s.MoveRun(ctx, "p", run.ID, []bine.State{bine.Pending}, bine.Cancelled, ""))
		ok(t, s.PutSchedule(ctx, "p", bine.Schedule{Name: "nightly", Pipeline: "flights", Cron: "@daily"}))
		kind(t, "with a schedule", s.DeletePipeline(ctx, "p", "flights"), bine.Conflict)
		ok(t, s.DeleteSchedule(ctx, "p", "nightly"))
		ok(t, s.DeletePipeline(ctx, "p", "flights"))
		kind(t, "its run", second(s.Run(ctx, "p", run.ID)), bine.NotFound)
		kind(t, "deleting again", s.DeletePipeline(ctx, "p", "flights"), bine.NotFound)
		same(t, "number of the next run of that name", accept(t, s, "flights").Number, 2)
	})
}
