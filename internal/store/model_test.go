package store_test

import (
	"encoding/json"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestAModelIsRegisteredOnceForAKey(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		v := bine.ModelVersion{Model: "delay", Artifact: bine.ArtifactRef{Hash: "m", Kind: bine.ArtifactDir, Size: 5}, Framework: "sklearn",
			Metrics: map[string]float64{"auc": 0.7}, Schema: json.RawMessage(`{"inputs":[]}`), Example: json.RawMessage(`{"a":1}`), Description: "d",
			Run: "flights-1", Step: "train", Pipeline: "flights", PipelineVersion: 2, Code: "c", Environment: 3,
			Data: map[string]bine.ArtifactRef{"train": {Hash: "t", Kind: bine.ArtifactFile}}, CreatedBy: "ann", CreatedAt: soon(0)}
		one := got(s.RegisterModel(ctx, "p", v, "flights-1/register"))(t)
		v.Version = 1
		same(t, "registered", one, v)
		same(t, "registered again", got(s.RegisterModel(ctx, "p", v, "flights-1/register"))(t), v)
		two := got(s.RegisterModel(ctx, "p", v, "flights-2/register"))(t)
		same(t, "second", two.Version, 2)
		same(t, "newest", got(s.ModelVersion(ctx, "p", "delay", 0))(t), two)
		same(t, "first", got(s.ModelVersion(ctx, "p", "delay", 1))(t), one)
		same(t, "all", got(s.ModelVersions(ctx, "p", "delay"))(t), []bine.ModelVersion{two, one})
		models := got(s.Models(ctx, "p"))(t)
		if len(models) != 1 || models[0].Latest != 2 || models[0].Versions != 2 || models[0].Newest == nil || models[0].Newest.Version != 2 {
			t.Errorf("models = %+v; want one with two versions", models)
		}
		kind(t, "no version", second(s.ModelVersion(ctx, "p", "delay", 9)), bine.NotFound)
		kind(t, "no model", second(s.ModelVersions(ctx, "p", "none")), bine.NotFound)
		kind(t, "in no project", second(s.RegisterModel(ctx, "q", v, "k")), bine.NotFound)
	})
}
