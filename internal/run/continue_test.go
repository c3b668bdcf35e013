package run_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// withCode stores a version of a pipeline with files.
func (w *world) withCode(yaml string, files map[string]string) bine.PipelineName {
	w.t.Helper()
	dag, err := dags.Parse([]byte(yaml))
	w.ok(err)
	code := w.files.put(files).Hash
	_, err = w.store.StorePipeline(w.ctx(), "p", store.NewVersion{
		Name: dag.Name, Kind: bine.KindPipeline, Hash: bine.HashOf(append(dag.JSON(), code...)), Code: code, Source: yaml, DAG: dag.JSON(), By: "ann",
	})
	w.ok(err)
	return dag.Name
}

// finishes ends a run, twice, as after a crash.
func (w *world) finishes(ref activities.StepRef, state bine.State) {
	w.t.Helper()
	for range 2 {
		_, err := w.engine.Finish(w.ctx(), ref.RunRef, activities.Outcome{State: state})
		w.ok(err)
	}
}

// goOn begins a run that goes on from another, twice, as after a crash.
func (w *world) goOn(old activities.StepRef, name bine.PipelineName, from ...bine.StepName) activities.StepRef {
	w.t.Helper()
	ref := w.begin(name, func(n *store.NewRun) { n.Continues, n.From = old.Run, from })
	before, err := w.store.Steps(w.ctx(), "p", ref.Run)
	w.ok(err)
	_, err = w.engine.Begin(w.ctx(), ref.RunRef)
	w.ok(err)
	after, err := w.store.Steps(w.ctx(), "p", ref.Run)
	w.ok(err)
	w.is("begun again", after, before)
	return ref
}

// states gives the state of each step of a run.
func (w *world) states(ref activities.StepRef) map[bine.StepName]bine.State {
	w.t.Helper()
	rows, err := w.store.Steps(w.ctx(), "p", ref.Run)
	w.ok(err)
	out := map[bine.StepName]bine.State{}
	for _, row := range rows {
		out[row.Name] = row.State
	}
	return out
}

func (w *world) fail(ref activities.StepRef) {
	w.t.Helper()
	w.resolve(ref)
	w.ok(w.store.FailStep(w.ctx(), "p", storeRef(ref), "no"))
}

const sales = `name: sales
steps:
  load: {python: load.py, outputs: {table: artifact, rows: int}, cache: off}
  fit: {python: fit.py, inputs: {table: load.table}, outputs: {error: float}, cache: off}
  sum: {values: {text: "${{ steps.load.rows }} ${{ steps.fit.error }}"}}
`

func TestARunGoesOnWhereAnotherFailed(t *testing.T) {
	w := newWorld(t)
	name := w.withCode(sales, map[string]string{"load.py": "1", "fit.py": "1"})
	old := w.begin(name)
	w.succeed(at(old, "load"), map[string]string{"rows": "7"}, "table")
	w.fail(at(old, "fit"))
	w.finishes(old, bine.Failed)
	ref := w.goOn(old, w.withCode(sales, map[string]string{"load.py": "1", "fit.py": "2"}))
	w.is("states", w.states(ref), map[bine.StepName]bine.State{"load": bine.Cached, "fit": bine.Pending, "sum": bine.Pending})
	row := w.row(at(ref, "load"))
	w.is("kept", []any{row.CachedFrom, row.CacheNote, string(row.Values["rows"])}, []any{old.Run, "kept from sales-1", "7"})
	w.is("load, resolved", w.resolve(at(ref, "load")).State, bine.Cached)
	w.succeed(at(ref, "fit"), map[string]string{"error": "0.5"})
	w.is("input of fit", w.process(at(ref, "fit")).Inputs["table"].Hash, row.Artifacts["table"].Hash)
	w.is("sum", w.resolve(at(ref, "sum")).State, bine.Succeeded)
	w.is("text", string(w.row(at(ref, "sum")).Values["text"]), `"7 0.5"`)
}

func TestStepsThatAreChosenRunWhateverTheCacheHolds(t *testing.T) {
	w := newWorld(t)
	const yaml = "name: c\nsteps:\n  one: {command: [one], outputs: {x: int}}\n  two: {command: [two, \"${{ steps.one.x }}\"]}\n"
	name := w.pipeline(yaml)
	old := w.begin(name)
	w.succeed(at(old, "one"), map[string]string{"x": "1"})
	w.succeed(at(old, "two"), nil)
	w.finishes(old, bine.Succeeded)
	ref := w.goOn(old, name, "one")
	w.is("one", w.resolve(at(ref, "one")).State, bine.Pending)
	w.is("why", w.row(at(ref, "one")).CacheNote, "it was chosen to run again")
	w.report(at(ref, "one"), bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"x": json.RawMessage("1")}})
	w.is("two, which gets the same", w.resolve(at(ref, "two")).State, bine.Cached)
}

const shops = `name: shops
steps:
  list: {command: [list], outputs: {names: json}, cache: off}
  each: {command: [fit, "${{ item }}"], foreach: {items: "${{ steps.list.names }}"}, outputs: {x: string}, cache: off}
  use: {foreach: {per: each}, values: {y: "${{ steps.each.x + '!' }}"}}
  all: {values: {all: "${{ steps.each.x }}", used: "${{ steps.use.y }}"}}
`

// shop runs one item of shops to its end.
func (w *world) shop(ref activities.StepRef, key, x string) {
	w.t.Helper()
	if x == "" {
		w.fail(at(ref, "each", key))
		_, err := w.engine.Settle(w.ctx(), at(ref, "use", key), activities.Outcome{State: bine.Skipped})
		w.ok(err)
		return
	}
	w.succeed(at(ref, "each", key), map[string]string{"x": fmt.Sprintf("%q", x)})
	w.is("use of "+key, w.resolve(at(ref, "use", key)).State, bine.Succeeded)
}

// shopped runs shops over some names; those without a value fail.
func (w *world) shopped(values map[string]string, names ...string) activities.StepRef {
	w.t.Helper()
	ref := w.begin(w.pipeline(shops))
	list, err := json.Marshal(names)
	w.ok(err)
	w.succeed(at(ref, "list"), map[string]string{"names": string(list)})
	w.resolve(at(ref, "each"))
	for _, name := range names {
		w.shop(ref, name, values[name])
	}
	for _, step := range []bine.StepName{"each", "use"} {
		_, err := w.engine.Gather(w.ctx(), at(ref, step))
		w.ok(err)
	}
	w.finishes(ref, bine.Failed)
	return ref
}

// gathered ends the fan-outs and gives what the last step sees of them.
func (w *world) gathered(ref activities.StepRef) (all, used string) {
	w.t.Helper()
	for _, step := range []bine.StepName{"each", "use"} {
		out, err := w.engine.Gather(w.ctx(), at(ref, step))
		w.ok(err)
		w.is(string(step), out.State.OK(), true)
	}
	w.is("all", w.resolve(at(ref, "all")).State, bine.Succeeded)
	values := w.row(at(ref, "all")).Values
	return string(values["all"]), string(values["used"])
}

// itemStates gives the states of the items of a step, in their order.
func (w *world) itemStates(ref activities.StepRef) []string {
	w.t.Helper()
	keys, err := w.engine.ItemKeys(w.ctx(), ref, 0, 100)
	w.ok(err)
	var out []string
	for _, key := range keys {
		out = append(out, key+" "+string(w.row(at(ref, ref.Step, key)).State))
	}
	return out
}

func TestResultsOfARunThatGoesOnAreNotMixedFlyte3121(t *testing.T) {
	w := newWorld(t)
	old := w.shopped(map[string]string{"a": "old a", "c": "old c"}, "a", "b", "c")
	ref := w.goOn(old, "shops")
	w.is("states", w.states(ref), map[bine.StepName]bine.State{"list": bine.Cached, "each": bine.Pending, "use": bine.Pending, "all": bine.Pending})
	w.is("each", w.resolve(at(ref, "each")), activities.Resolved{State: bine.Pending, Items: 3})
	w.is("items", w.itemStates(at(ref, "each")), []string{"a cached", "b pending", "c cached"})
	w.is("what follows them", w.itemStates(at(ref, "use")), []string{"a cached", "b pending", "c cached"})
	w.shop(ref, "b", "new b")
	all, used := w.gathered(ref)
	w.is("all", all, `{"a":"old a","b":"new b","c":"old c"}`)
	w.is("used", used, `{"a":"old a!","b":"new b!","c":"old c!"}`)
}

func TestAFanOutThatIsPlannedAgainSkipsNoItemDagster30077(t *testing.T) {
	w := newWorld(t)
	old := w.shopped(map[string]string{"a": "old a", "b": "old b"}, "a", "b", "c")
	ref := w.goOn(old, "shops", "list")
	w.succeed(at(ref, "list"), map[string]string{"names": `["d","c","b"]`}) // a is gone, d is new, none is where it was
	w.is("each", w.resolve(at(ref, "each")), activities.Resolved{State: bine.Pending, Items: 3})
	w.is("items", w.itemStates(at(ref, "each")), []string{"d pending", "c pending", "b cached"})
	w.is("what follows them", w.itemStates(at(ref, "use")), []string{"d pending", "c pending", "b cached"})
	w.shop(ref, "d", "new d")
	w.shop(ref, "c", "new c")
	all, used := w.gathered(ref)
	w.is("all", all, `{"b":"old b","c":"new c","d":"new d"}`)
	w.is("used", used, `{"b":"old b!","c":"new c!","d":"new d!"}`)
}

func TestOnlyWhatFollowsItemsCanRunAgain(t *testing.T) {
	w := newWorld(t)
	old := w.shopped(map[string]string{"a": "1", "b": "2"}, "a", "b")
	ref := w.goOn(old, "shops", "use")
	w.is("states", w.states(ref), map[bine.StepName]bine.State{"list": bine.Cached, "each": bine.Cached, "use": bine.Pending, "all": bine.Pending})
	w.is("each", w.resolve(at(ref, "each")), activities.Resolved{State: bine.Cached, Items: 2})
	w.is("use", w.resolve(at(ref, "use")), activities.Resolved{State: bine.Pending, Items: 2})
	w.is("its items", w.itemStates(at(ref, "use")), []string{"a pending", "b pending"})
	w.is("use of a", w.resolve(at(ref, "use", "a")).State, bine.Succeeded)
}

func TestARunCannotGoOnFromOneThatWasDeleted(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: a\nsteps:\n  one: {values: {x: 1}}\n")
	old := w.begin(name)
	w.finishes(old, bine.Cancelled)
	accepted, _, err := w.store.AcceptRun(w.ctx(), "p", store.NewRun{Pipeline: name, Params: json.RawMessage("{}"), Continues: old.Run, By: "ann"})
	w.ok(err)
	w.ok(w.store.DeleteRun(w.ctx(), "p", old.Run))
	_, err = w.engine.Begin(w.ctx(), activities.RunRef{Project: "p", Run: accepted.ID})
	w.kind("begin", err, bine.NotFound, "run a-1, from which this one goes on, was deleted")
}

func TestAContinuedRunCanBeContinued(t *testing.T) {
	w := newWorld(t)
	first := w.shopped(map[string]string{"a": "1"}, "a", "b", "c")
	second := w.goOn(first, "shops")
	w.resolve(at(second, "each"))
	w.shop(second, "b", "2")
	w.shop(second, "c", "")
	w.finishes(second, bine.Failed)
	third := w.goOn(second, "shops")
	w.resolve(at(third, "each"))
	w.is("items", w.itemStates(at(third, "each")), []string{"a cached", "b cached", "c pending"})
	w.is("where a is from", []any{w.row(at(third, "each", "a")).CachedFrom, w.row(at(third, "each", "a")).CacheNote}, []any{first.Run, "kept from shops-2"})
}
