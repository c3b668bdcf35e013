package run_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

func TestAValuesStepIsDoneWhenItIsResolved(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nparams: {n: {type: int, default: 2}}\nsteps:\n  sum: {values: {twice: \"${{ params.n * 2 }}\"}}\n  use: {values: {more: \"${{ steps.sum.twice + 1 }}\"}}\n"))
	w.is("sum", w.resolve(at(ref, "sum")).State, bine.Succeeded)
	w.is("use", w.resolve(at(ref, "use")).State, bine.Succeeded)
	w.is("values", w.row(at(ref, "use")).Values, map[string]json.RawMessage{"more": json.RawMessage("5")})
}

func TestAStepWhoseConditionIsFalseIsSkipped(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nsteps:\n  no: {when: \"${{ 1 > 2 }}\", command: [\"true\"]}\n  yes: {when: \"${{ 2 > 1 }}\", command: [\"true\"]}\n"))
	out := w.resolve(at(ref, "no"))
	w.is("no", out.State, bine.Skipped)
	w.is("reason", w.row(at(ref, "no")).Reason, out.Reason)
	w.is("yes", w.resolve(at(ref, "yes")).State, bine.Pending)
}

func TestAProcessIsWhatItsStepSaysAfterEvaluation(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: a\nparams: {n: {type: int, default: 3}}\nsteps:\n  work:\n    command: [echo, \"${{ run.id }}\"]\n    with: {n: \"${{ params.n }}\"}\n    env: {LEVEL: \"l${{ params.n }}\"}\n    timeout: 5m\n    resources: {cpu: 1, memory: 1GiB}\n    outputs: {table: artifact, rows: int}\n", "code")
	ref := w.begin(name)
	w.is("state", w.resolve(at(ref, "work")).State, bine.Pending)
	want := bine.Process{
		Owner: ownerOf(at(ref, "work")), Command: []string{"echo", "a-1"}, Code: bine.HashOf([]byte("code")), Env: map[string]string{"LEVEL": "l3"},
		With: json.RawMessage(`{"n":3}`), Outputs: map[string]string{"table": "artifact", "rows": "int"},
		Resources: bine.Resources{CPU: 1, Memory: 1 << 30}, Timeout: 300, LogLimit: 64 << 20,
	}
	w.is("process", w.process(at(ref, "work")), want)
	w.is("with", string(w.row(at(ref, "work")).With), `{"n":3}`)
}

const fanOut = `name: fan
params: {names: {type: list, default: [x, y, z]}}
steps:
  train:
    python: "print(1)\n"
    foreach: {items: "${{ params.names }}"}
    with: {name: "${{ item }}!"}
    outputs: {model: artifact, score: float}
  best:
    python: "print(2)\n"
    inputs: {models: train.model}
    with: {scores: "${{ steps.train.score }}"}
`

func TestTheItemsOfAFanOutKeepTheirValueAndGetTheirOwnProcess(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(fanOut))
	w.is("fan-out", w.resolve(at(ref, "train")), activities.Resolved{State: bine.Pending, Items: 3})
	keys, err := w.engine.ItemKeys(w.ctx(), at(ref, "train"), 1, 2)
	w.ok(err)
	w.is("keys", keys, []string{"y", "z"})
	w.is("item", w.resolve(at(ref, "train", "y")).State, bine.Pending)
	w.is("row", string(w.row(at(ref, "train", "y")).With), `"y"`)
	w.is("process", string(w.process(at(ref, "train", "y")).With), `{"name":"y!"}`)
}

func TestAnInputFromAFanOutIsADirectoryOfItsItems(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(fanOut))
	w.resolve(at(ref, "train"))
	for i, key := range []string{"x", "y", "z"} {
		w.succeed(at(ref, "train", key), map[string]string{"score": fmt.Sprintf("0.%d", i+1)}, "model")
	}
	out, err := w.engine.Gather(w.ctx(), at(ref, "train"))
	w.ok(err)
	w.is("gathered", out, activities.Outcome{State: bine.Succeeded})
	w.is("best", w.resolve(at(ref, "best")).State, bine.Pending)
	models := w.process(at(ref, "best")).Inputs["models"]
	if models.Kind != bine.ArtifactDir || len(models.Parts) != 3 || models.Parts["y"].Hash != bine.HashOf([]byte("model of train y")) || models.Hash == "" {
		t.Errorf("input is %+v, want a directory of three", models)
	}
	w.is("with", string(w.process(at(ref, "best")).With), `{"scores":{"x":0.1,"y":0.2,"z":0.3}}`)
}

func TestAFanOutWithoutItemsIsAnEmptyDirectory(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(fanOut), func(n *store.NewRun) { n.Params = json.RawMessage(`{"names":[]}`) })
	w.is("fan-out", w.resolve(at(ref, "train")), activities.Resolved{State: bine.Pending})
	out, err := w.engine.Gather(w.ctx(), at(ref, "train"))
	w.ok(err)
	w.is("gathered", out, activities.Outcome{State: bine.Succeeded})
	w.is("best", w.resolve(at(ref, "best")).State, bine.Pending)
	if models := w.process(at(ref, "best")).Inputs["models"]; models.Parts == nil || len(models.Parts) != 0 {
		t.Errorf("input is %+v, want a directory without entries", models)
	}
}

func TestTwoItemsWithOneKeyAreRefused(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(fanOut), func(n *store.NewRun) { n.Params = json.RawMessage(`{"names":["x","x"]}`) })
	_, err := w.engine.Resolve(w.ctx(), at(ref, "train"))
	w.kind("fan-out", err, bine.Invalid, "both have the key x")
}

func TestAnOutputThatAStepDidNotGiveIsSaid(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nsteps:\n  one: {command: [\"true\"], outputs: {table: artifact}}\n  two: {command: [\"true\"], inputs: {table: one.table}}\n"))
	w.succeed(at(ref, "one"), nil)
	_, err := w.engine.Resolve(w.ctx(), at(ref, "two"))
	w.kind("two", err, bine.NotFound, "step one gave no output table")
}

const batches = `name: batch
steps:
  train:
    python: "print(1)\n"
    foreach: {items: [a, b, c, d, e], batch: 2}
    with: {name: "${{ item }}"}
    outputs: {score: float}
`

func batchOf(ref activities.StepRef, items ...string) activities.StepRef {
	ref = at(ref, "train", "batch@"+items[0])
	ref.Items = items
	return ref
}

func TestABatchIsOneProcessForTheItemsThatHaveNotEnded(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(batches))
	w.resolve(at(ref, "train"))
	batch := batchOf(ref, "c", "d")
	w.is("batch", w.resolve(batch).State, bine.Pending)
	w.ok(w.store.FailStep(w.ctx(), "p", store.StepRef{Run: ref.Run, Step: "train", Item: "c"}, "no"))
	granted := w.ask(ownerOf(batch), 1)
	p, err := w.store.AttemptProcess(w.ctx(), granted.Attempt)
	w.ok(err)
	w.is("items", p.Batch, []bine.BatchItem{{Key: "d", With: json.RawMessage(`{"name":"d"}`), Item: json.RawMessage(`"d"`)}})
	w.is("owner", p.Owner, ownerOf(batch))
	w.is("last batch", len(w.batchItems(batchOf(ref, "e"))), 1)
}

// batchItems resolves a batch and gives the items of its process.
func (w *world) batchItems(ref activities.StepRef) []bine.BatchItem {
	w.t.Helper()
	w.resolve(ref)
	p, err := w.store.AttemptProcess(w.ctx(), w.ask(ownerOf(ref), 1).Attempt)
	w.ok(err)
	return p.Batch
}

func TestABatchWhoseItemsHaveAllEndedHasNothingToRun(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(batches))
	w.resolve(at(ref, "train"))
	batch := batchOf(ref, "a", "b")
	w.resolve(batch)
	out, err := w.engine.Settle(w.ctx(), batch, activities.Outcome{State: bine.Failed, Reason: "no"})
	w.ok(err)
	w.is("settled", out.State, bine.Failed)
	w.is("resolved then", w.resolve(batch).State.Ended(), true)
	_, err = w.attempts.Start(w.ctx(), activities.StartAttemptInput{Owner: ownerOf(batch), Number: 1})
	w.kind("an attempt", err, bine.Conflict, "has ended already")
	_, err = w.attempts.Start(w.ctx(), activities.StartAttemptInput{Owner: ownerOf(at(ref, "train", "batch@none")), Number: 1})
	w.kind("a batch that is none", err, bine.NotFound, "batch@none")
}

func TestWhatIsAskedForATimeIsGivenBackThen(t *testing.T) {
	for timeout, want := range map[string]float64{"": 7200, "    timeout: 1h\n": 3600, "    timeout: 3h\n": 7200} {
		w := newWorld(t)
		ref := w.begin(w.pipeline("name: a\nsteps:\n  work:\n    command: [\"true\"]\n    resources: {gpus: 2 GPUs on 1 host for 2h}\n" + timeout))
		w.resolve(at(ref, "work"))
		w.is("timeout", w.process(at(ref, "work")).Timeout, want)
	}
}
