package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const pipelineText = `
name: flights
description: for tests
params:
  n: {type: int, default: 3, min: 1, max: 10}
steps:
  ingest:
    python: ingest.py
    with: {n: "${{ params.n }}"}
    outputs: {rows: int}
  say:
    command: [echo, "${{ steps.ingest.rows }}"]
`

// code stores the files of the pipeline and gives the directory that holds them.
func (w *world) code(c *client.Client) bine.Hash {
	w.t.Helper()
	text := "print('hello')\n"
	_, err := c.PutArtifact(w.t.Context(), "demo", hashOf(text), strings.NewReader(text))
	w.ok(err)
	dir, err := c.PutManifest(w.t.Context(), "demo", []bine.ArtifactEntry{{Path: "ingest.py", Hash: hashOf(text), Size: int64(len(text))}})
	w.ok(err)
	return dir.Hash
}

// run stores the pipeline and starts a run of it.
func (w *world) run(user bine.UserName) bine.Run {
	w.t.Helper()
	c := w.as(user)
	_, err := c.StorePipeline(w.t.Context(), "demo", []byte(pipelineText), w.code(c))
	w.ok(err)
	run, err := c.StartRun(w.t.Context(), "demo", "flights", client.NewRun{})
	w.ok(err)
	return run
}

// attempt starts a run and the first attempt of its first step, on host h1.
func (w *world) attempt(user bine.UserName) bine.Attempt {
	w.t.Helper()
	run := w.run(user)
	w.ok(w.store.PutStep(w.t.Context(), "demo", bine.Step{Run: run.ID, Name: "ingest", Kind: "python", State: bine.Running}, 0))
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: string(run.ID), Step: "ingest"}
	process := bine.Process{Owner: owner, Python: "ingest.py", With: json.RawMessage(`{"n":3}`), Resources: bine.Resources{CPU: 1, Memory: 1 << 20}, LogLimit: 1 << 20}
	a, err := w.store.StartAttempt(w.t.Context(), owner, 1, process)
	w.ok(err)
	return a
}

// wants fails unless err has the kind.
func wants(t *testing.T, what string, err error, kind bine.Kind) {
	t.Helper()
	if !bine.IsKind(err, kind) {
		t.Errorf("%s answers %v, want the kind %s", what, err, kind)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s = %s, want %s", what, g, w)
	}
}
