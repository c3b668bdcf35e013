package api_test

import (
	"math"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const trackedOne = bine.TrackedID("0123456789abcdef0123456789abcdef")

func TestATrackedRunFromOutside(t *testing.T) {
	w := newWorld(t)
	ctx, sven := t.Context(), w.as("sven")
	for range 2 {
		r, err := sven.StartTracked(ctx, "demo", trackedOne, client.NewTracked{Experiment: "churn", Params: map[string]string{"lr": "0.1"}})
		w.ok(err)
		if r.State != bine.Running || r.Experiment != 1 || r.Params["lr"] != "0.1" || r.CreatedBy != "sven" || r.Patience != 60 {
			t.Fatalf("started: %+v", r)
		}
	}
	a, err := sven.Report(ctx, "demo", trackedOne, bine.Report{Fence: 1, Source: "s", Seq: 1, Metrics: []bine.Metric{{Name: "loss", Value: 2, Step: 1}, {Name: "loss", Value: bine.Number(math.NaN()), Step: 2}}})
	w.ok(err)
	if a.Do != bine.Continue || a.Acked != 2 {
		t.Errorf("answer: %+v", a)
	}
	_, err = w.as("olga").ChangeTracked(ctx, "demo", trackedOne, client.TrackedChange{Order: new(bine.Stop), Claim: true})
	w.ok(err)
	if _, err := sven.Report(ctx, "demo", trackedOne, bine.Report{Fence: 1}); !bine.IsKind(err, bine.Fenced) {
		t.Errorf("an older fence: %v", err)
	}
	if a, err := sven.Report(ctx, "demo", trackedOne, bine.Report{Fence: 2}); err != nil || a.Do != bine.Stop {
		t.Errorf("an order: %+v, %v", a, err)
	}
	curves, err := sven.Curves(ctx, "demo", client.CurvesWanted{Runs: []bine.TrackedID{trackedOne}, Metrics: []string{"loss"}})
	w.ok(err)
	if len(curves) != 1 || len(curves[0].Points) != 2 || curves[0].Points[1].Value.String() != "NaN" {
		t.Errorf("curves: %+v", curves)
	}
	page, err := sven.SearchTracked(ctx, "demo", client.TrackedSearch{Filter: "params.lr = '0.1'", OrderBy: []string{"metrics.loss"}, Limit: 1})
	w.ok(err)
	if len(page.Runs) != 1 || page.Runs[0].ID != trackedOne || page.Next != "" {
		t.Errorf("found: %+v", page)
	}
	if _, err := sven.SearchTracked(ctx, "demo", client.TrackedSearch{Filter: "lr ~ 1"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a filter that is none: %v", err)
	}
	if _, err := w.as("mallory").Tracked(ctx, "demo", trackedOne); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestAStepHasATrackedRunOfItsOwn(t *testing.T) {
	w := newWorld(t)
	job := w.with(w.jobToken())
	r, err := job.OwnTracked(t.Context(), "demo")
	w.ok(err)
	if r.Kind != bine.TrackedStep || r.Run == "" || r.Step == "" {
		t.Errorf("tracked run of a step: %+v", r)
	}
	_, err = job.Report(t.Context(), "demo", r.ID, bine.Report{Fence: 1, Source: "attempt-1", Seq: 1, Metrics: []bine.Metric{{Name: "auc", Value: 0.7}}})
	w.ok(err)
	if _, err := w.as("olga").OwnTracked(t.Context(), "demo"); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("of a person: %v", err)
	}
}
