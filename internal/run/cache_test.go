package run_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

const cached = `name: c
params: {n: {type: int, default: 1}}
steps:
  source: {command: [make], env: {N: "${{ params.n }}"}, outputs: {table: artifact}}
  work:
    python: "print(1)\n"
    inputs: {table: source.table}
    with: {m: 1}
    outputs: {rows: int}
`

// worked runs work after source, with an output table of some content, and says how it was resolved.
func (w *world) worked(ref activities.StepRef, table string) activities.Resolved {
	w.t.Helper()
	if w.resolve(at(ref, "source")).State == bine.Pending {
		artifact := bine.ArtifactRef{Hash: bine.HashOf([]byte(table)), Kind: bine.ArtifactFile, Name: "t.csv"}
		w.report(at(ref, "source"), bine.AttemptResult{State: bine.Succeeded, Artifacts: map[string]bine.ArtifactRef{"table": artifact}})
	}
	out := w.resolve(at(ref, "work"))
	if out.State == bine.Pending {
		w.report(at(ref, "work"), bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"rows": json.RawMessage("7")}})
	}
	return out
}

func TestAStepThatWasDoneBeforeIsTakenFromThere(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(cached)
	w.is("first", w.worked(w.begin(name), "t").State, bine.Pending)
	for n := 2; n <= 3; n++ {
		ref := w.begin(name)
		w.is("later", w.worked(ref, "t").State, bine.Cached)
		row := w.row(at(ref, "work"))
		w.is("from", []any{row.CachedFrom, string(row.Values["rows"]), row.State}, []any{bine.RunID("c-1"), "7", bine.Cached})
	}
}

func TestWhateverDecidesTheOutputsIsPartOfTheKey(t *testing.T) {
	for name, change := range map[string]string{
		"program": strings.Replace(cached, "print(1)", "print(2)", 1),
		"with":    strings.Replace(cached, "m: 1", "m: 2", 1),
		"outputs": strings.Replace(cached, "rows: int", "rows: int, cols: int", 1),
		"input":   strings.Replace(cached, "default: 1", "default: 2", 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.worked(w.begin(w.pipeline(cached, "code")), "t")
			w.is("changed", w.worked(w.begin(w.pipeline(change, "code")), "t of "+name).State, bine.Pending)
		})
	}
	t.Run("code", func(t *testing.T) {
		w := newWorld(t)
		w.worked(w.begin(w.pipeline(cached, "code")), "t")
		w.is("changed", w.worked(w.begin(w.pipeline(cached, "other code")), "t").State, bine.Pending)
	})
	t.Run("resources are not", func(t *testing.T) {
		w := newWorld(t)
		w.worked(w.begin(w.pipeline(cached)), "t")
		more := strings.Replace(cached, "    with: {m: 1}", "    with: {m: 1}\n    resources: {cpu: 1}\n    timeout: 1h", 1)
		w.is("changed", w.worked(w.begin(w.pipeline(more)), "t").State, bine.Cached)
	})
}

func TestTheLockOfTheEnvironmentIsPartOfTheKey(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(cached)
	for n, c := range []struct {
		lock string
		want bine.State
	}{{"httpx==1", bine.Pending}, {"httpx==2", bine.Pending}, {"httpx==1", bine.Cached}} {
		env, err := w.store.CreateEnvironment(w.ctx(), "p", bine.Environment{CreatedBy: "ann"})
		w.ok(err)
		w.ok(w.store.SetLock(w.ctx(), "p", env.Version, c.lock, nil, "3.11"))
		w.ok(w.store.MoveEnvironment(w.ctx(), "p", env.Version, []bine.EnvironmentState{bine.EnvironmentBuilding}, bine.EnvironmentReady, ""))
		ref := w.begin(name)
		w.is("environment", ref.Environment, n+1)
		w.is(c.lock, w.worked(ref, "t").State, c.want)
		w.is("environment of the step", w.row(at(ref, "work")).Environment, n+1)
	}
}

func TestWhatIsNotToBeCachedIsNot(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(cached)
	w.worked(w.begin(name), "t")
	fresh := w.begin(name, func(n *store.NewRun) { n.NoCache = true })
	w.is("of a run without", w.worked(fresh, "t").State, bine.Pending)
	w.is("of the next run", w.worked(w.begin(name), "t").State, bine.Cached)
	off := strings.Replace(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: false", 1)
	for range 2 {
		ref := w.begin(w.pipeline(off))
		w.is("of a step without", w.worked(ref, "t").State, bine.Pending)
		w.is("its key", w.row(at(ref, "work")).CacheKey, bine.Hash(""))
	}
}

func TestItemsThatOnlyTheirKeysTellApartAreNotTakenForEachOther(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: items\nsteps:\n  each: {command: [work], foreach: {items: [a, b]}}\n")
	for n, want := range []bine.State{bine.Pending, bine.Cached} {
		ref := w.begin(name)
		w.resolve(at(ref, "each"))
		for _, key := range []string{"a", "b"} {
			out := w.resolve(at(ref, "each", key))
			w.is(fmt.Sprintf("%s in run %d", key, n+1), out.State, want)
			if out.State == bine.Pending {
				w.report(at(ref, "each", key), bine.AttemptResult{State: bine.Succeeded})
			}
		}
		end, err := w.engine.Gather(w.ctx(), at(ref, "each"))
		w.ok(err)
		w.is("gathered", end.State, map[bine.State]bine.State{bine.Pending: bine.Succeeded, bine.Cached: bine.Cached}[want])
	}
}

func TestABatchLeavesOutWhatTheCacheHolds(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(batches)
	ref := w.begin(name)
	w.resolve(at(ref, "train"))
	w.succeed(at(ref, "train", "a"), map[string]string{"score": "0.5"})
	ref = w.begin(name)
	w.resolve(at(ref, "train"))
	items := w.batchItems(batchOf(ref, "a", "b"))
	if len(items) != 1 || items[0].Key != "b" || w.row(at(ref, "train", "a")).State != bine.Cached {
		t.Errorf("the batch holds %+v, want b only", items)
	}
}
