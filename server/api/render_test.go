package api_test

import (
	"encoding/json"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestRenderingSaysWhatARunWouldDoAndStartsNone(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	_, err := sven.StorePipeline(t.Context(), "demo", []byte(pipelineText), w.code(sven))
	w.ok(err)
	got, err := sven.RenderPipeline(t.Context(), "demo", "flights", client.RenderRun{Params: map[string]json.RawMessage{"n": json.RawMessage("7")}})
	w.ok(err)
	same(t, "what is known of all", []any{got.Pipeline, got.Version, string(got.Params), len(got.Steps)}, []any{"flights", 1, `{"n":7}`, 2})
	same(t, "ingest", []any{got.Steps[0].Runs, got.Steps[0].Known, string(got.Steps[0].With)}, []any{"yes", true, `{"n":7}`})
	same(t, "say", []any{got.Steps[1].Runs, got.Steps[1].Known, string(got.Steps[1].Action)}, []any{"yes", false, `{"args":["echo","${{ steps.ingest.rows }}"]}`})
	runs, err := sven.Runs(t.Context(), "demo", client.RunFilter{}, client.List{})
	w.ok(err)
	same(t, "runs", len(runs.Items), 0)
	_, err = sven.RenderPipeline(t.Context(), "demo", "flights", client.RenderRun{Params: map[string]json.RawMessage{"n": json.RawMessage("99")}})
	wants(t, "params out of bounds", err, bine.Invalid)
	_, err = sven.RenderPipeline(t.Context(), "demo", "flights", client.RenderRun{Version: 5})
	wants(t, "a version that is not there", err, bine.NotFound)
}
