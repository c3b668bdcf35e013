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

const branching = `name: b
params: {n: {type: int, default: 1}}
steps:
  pick:
    branch:
      cases:
        - {when: "${{ params.n > 5 }}", steps: [big]}
        - {when: "${{ params.n > 0 }}", steps: [small, both]}
      else: [none]
  big: {values: {x: 1}}
  small: {values: {x: 2}}
  both: {values: {x: 3}}
  none: {values: {x: 4}}
  after: {needs: [big, small], join: none_failed, values: {x: "${{ has(steps.small.x) ? steps.small.x : 0 }}", big: "${{ steps.big.state }}"}}
`

func TestABranchSkipsWhatItDoesNotChoose(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(branching))
	w.is("pick", w.resolve(at(ref, "pick")).State, bine.Succeeded)
	w.is("chosen", string(w.row(at(ref, "pick")).Values["chosen"]), `["small","both"]`)
	out := w.resolve(at(ref, "big"))
	w.is("big", out, activities.Resolved{State: bine.Skipped, Reason: "branch pick chose small, both"})
	w.is("small", w.resolve(at(ref, "small")).State, bine.Succeeded)
	w.is("after", w.resolve(at(ref, "after")).State, bine.Succeeded)
	w.is("what after saw", w.row(at(ref, "after")).Values, map[string]json.RawMessage{"x": json.RawMessage("2"), "big": json.RawMessage(`"skipped"`)})
}

func TestABranchThatChoosesNothingSaysSo(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: b\nsteps:\n  pick: {branch: {cases: [{when: \"${{ 1 > 2 }}\", steps: [a]}]}}\n  a: {values: {x: 1}}\n")
	ref := w.begin(name)
	w.resolve(at(ref, "pick"))
	w.is("a", w.resolve(at(ref, "a")).Reason, "branch pick chose nothing")
}

func TestAStepThatWaitsIsRunningWhenItIsResolved(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nparams: {n: {type: int, default: 3}}\nsteps:\n  nap: {wait: {for: 10m}}\n  ask: {approval: {message: \"go on with ${{ params.n }}?\"}}\n  sub: {pipeline: {name: other, params: {n: \"${{ params.n + 1 }}\"}}}\n"))
	for _, name := range []bine.StepName{"nap", "ask", "sub"} {
		w.is(string(name), w.resolve(at(ref, name)), activities.Resolved{State: bine.Pending})
		w.is("row of "+string(name), w.row(at(ref, name)).State, bine.Running)
	}
	w.is("with", string(w.row(at(ref, "sub")).With), `{"n":4}`)
}

func TestAStepAtTheEndOfARunSeesHowItStands(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nsteps:\n  work: {command: [\"false\"], outputs: {n: int}}\n  later: {needs: [work], values: {x: 1}}\nfinally:\n  tell: {values: {how: \"${{ run.state }}: ${{ run.reason }}\", work: \"${{ steps.work.state }}\", n: \"${{ has(steps.work.n) ? steps.work.n : 0 }}\", later: \"${{ steps.later.state }}\"}}\n"))
	w.resolve(at(ref, "work"))
	w.ok(w.store.FailStep(w.ctx(), "p", store.StepRef{Run: ref.Run, Step: "work"}, "no"))
	_, err := w.engine.Settle(w.ctx(), at(ref, "later"), activities.Outcome{State: bine.Skipped, Reason: "step work is failed"})
	w.ok(err)
	end := at(ref, "tell")
	end.SoFar = activities.Outcome{State: bine.Failed, Reason: "step work failed: no"}
	w.is("tell", w.resolve(end).State, bine.Succeeded)
	values := w.row(end).Values
	w.is("seen", []string{string(values["how"]), string(values["work"]), string(values["n"]), string(values["later"])},
		[]string{`"failed: step work failed: no"`, `"failed"`, "0", `"skipped"`})
}

func TestNestedLoopsAreItemsOfTheirNames(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(`name: n
params: {shops: {type: list, default: [{name: graz, days: [1, 2]}, {name: linz, days: [3]}]}}
steps:
  each:
    foreach:
      - {as: shop, items: "${{ params.shops }}", key: "${{ item.shop.name }}"}
      - {as: day, items: "${{ item.shop.days }}"}
    values: {text: "${{ item.shop.name }} ${{ item.day }}"}
`))
	w.is("each", w.resolve(at(ref, "each")), activities.Resolved{State: bine.Pending, Items: 3})
	w.is("item", w.resolve(at(ref, "each", "graz,2")).State, bine.Succeeded)
	w.is("text", string(w.row(at(ref, "each", "graz,2")).Values["text"]), `"graz 2"`)
}

const chained = `name: chain
steps:
  load: {command: [load], foreach: {items: [{n: x}, {n: y}], key: "${{ item.n }}"}, outputs: {rows: int, table: artifact}}
  fit: {command: [fit, "${{ item.n }}"], foreach: {per: load}, inputs: {table: load.table}, with: {rows: "${{ steps.load.rows }}"}, outputs: {error: float}}
  check: {foreach: {per: fit}, values: {good: "${{ steps.fit.error < 0.5 && steps.load.rows > 1 }}"}}
`

func TestAStepThatFollowsItemsSeesThoseOfItsKey(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(chained))
	w.is("load", w.resolve(at(ref, "load")), activities.Resolved{State: bine.Pending, Items: 2})
	for _, name := range []bine.StepName{"fit", "check"} {
		row := w.row(at(ref, name))
		w.is("row of "+string(name), []any{row.State, row.Items}, []any{bine.Running, 2})
		w.is(string(name), w.resolve(at(ref, name)), activities.Resolved{State: bine.Pending, Items: 2})
	}
	w.succeed(at(ref, "load", "y"), map[string]string{"rows": "7"}, "table")
	w.succeed(at(ref, "fit", "y"), map[string]string{"error": "0.25"})
	p := w.process(at(ref, "fit", "y"))
	w.is("with", string(p.With), `{"rows":7}`)
	w.is("command", p.Command, []string{"fit", "y"})
	w.is("table", p.Inputs["table"].Hash, bine.HashOf([]byte("table of load y")))
	w.is("check", w.resolve(at(ref, "check", "y")).State, bine.Succeeded)
	w.is("good", string(w.row(at(ref, "check", "y")).Values["good"]), "true")
	keys, err := w.engine.ItemKeys(w.ctx(), at(ref, "check"), 0, 9)
	w.ok(err)
	w.is("order", keys, []string{"x", "y"})
}

func TestAValueOfEveryItemIsAFileOfLines(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: r\nsteps:\n  each: {foreach: {items: [b, a, c]}, values: {v: \"${{ item }}!\"}}\n  sum: {command: [sum], inputs: {all: each.v}}\n"))
	w.resolve(at(ref, "each"))
	for _, key := range []string{"a", "b"} {
		w.is(key, w.resolve(at(ref, "each", key)).State, bine.Succeeded)
	}
	_, err := w.engine.Settle(w.ctx(), at(ref, "each", "c"), activities.Outcome{State: bine.Skipped})
	w.ok(err)
	_, err = w.engine.Gather(w.ctx(), at(ref, "each"))
	w.ok(err)
	w.resolve(at(ref, "sum"))
	file := w.process(at(ref, "sum")).Inputs["all"]
	text := `{"key":"b","value":"b!"}` + "\n" + `{"key":"a","value":"a!"}` + "\n"
	w.is("file", file, bine.ArtifactRef{Hash: bine.HashOf([]byte(text)), Kind: bine.ArtifactFile, Size: int64(len(text)), Name: "v.jsonl"})
}

func TestProcessesOfEveryKindAreStartedAsTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(`name: k
params: {dir: {type: string, default: Resources}}
steps:
  go: {go: {program: bin/steps, func: train}}
  book: {notebook: explore.ipynb, with: {days: 3}}
  ask: {sql: {query: "select 1", files: {orders: "${{ params.dir }}/orders.csv"}}}
  file: {sql: {query: report.sql}, env: {A: b}}
`, "code"))
	for _, name := range []bine.StepName{"go", "book", "ask", "file"} {
		w.is(string(name), w.resolve(at(ref, name)).State, bine.Pending)
	}
	w.is("go", w.process(at(ref, "go")).Command, []string{"code/bin/steps", "--bine-func", "train"})
	book := w.process(at(ref, "book"))
	w.is("book", []any{book.Python, book.Env, book.Outputs}, []any{"from bine import notebook\nnotebook.main()\n",
		map[string]string{"BINE_NOTEBOOK": "explore.ipynb"}, map[string]string{"notebook": "artifact", "html": "artifact"}})
	w.is("ask", w.process(at(ref, "ask")).Env, map[string]string{"BINE_SQL": `{"query":"select 1","file":false,"files":{"orders":"Resources/orders.csv"},"outputs":{}}`})
	w.is("file", w.process(at(ref, "file")).Env, map[string]string{"A": "b", "BINE_SQL": `{"query":"report.sql","file":true,"outputs":{}}`})
	w.is("why ask is not cached", w.row(at(ref, "ask")).CacheNote, "cache is off: it reads files of the project, which may change at any time")
}

func TestWhatAStepThatRunsAnywayDidNotGetIsLeftOut(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: a\nsteps:\n  one: {command: [a], outputs: {table: artifact}}\n  two: {command: [b], outputs: {table: artifact}}\n  any: {command: [c], needs: [one, two], join: any_succeeded, inputs: {x: one.table, y: two.table}}\n"))
	w.succeed(at(ref, "one"), nil, "table")
	w.is("any", w.resolve(at(ref, "any")).State, bine.Pending)
	inputs := w.process(at(ref, "any")).Inputs
	if _, found := inputs["y"]; found || inputs["x"].Hash == "" {
		t.Errorf("inputs are %v, want x only", inputs)
	}
}

func TestTwoRunsThatNeedTheSameStartOneProcess(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: s\nsteps:\n  work: {command: [work], outputs: {rows: int}}\n")
	first, second := w.begin(name), w.begin(name)
	w.is("first", w.resolve(at(first, "work")).State, bine.Pending)
	out := w.resolve(at(second, "work"))
	w.is("second", out, activities.Resolved{State: bine.Waiting, Reason: "work of s-1 is making the same outputs"})
	w.report(at(first, "work"), bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"rows": json.RawMessage("7")}})
	w.is("second, then", w.resolve(at(second, "work")).State, bine.Cached)
	row := w.row(at(second, "work"))
	w.is("its row", []any{string(row.Values["rows"]), row.CachedFrom, row.CacheNote}, []any{"7", bine.RunID("s-1"), "the same as work of s-1"})
	third := w.begin(name)
	w.is("third", w.resolve(at(third, "work")).State, bine.Cached)
}

func TestWhoWaitedForOneThatFailedDoesItItself(t *testing.T) {
	for what, end := range map[string]func(w *world, ref activities.StepRef){
		"step": func(w *world, ref activities.StepRef) {
			w.ok(w.store.FailStep(w.ctx(), "p", store.StepRef{Run: ref.Run, Step: "work"}, "no"))
		},
		"run": func(w *world, ref activities.StepRef) {
			w.ok(w.store.MoveRun(w.ctx(), "p", ref.Run, []bine.State{bine.Running}, bine.Cancelled, ""))
		},
		"all of it": func(w *world, ref activities.StepRef) {
			w.ok(w.store.MoveRun(w.ctx(), "p", ref.Run, []bine.State{bine.Running}, bine.Cancelled, ""))
			w.ok(w.store.DeleteRun(w.ctx(), "p", ref.Run))
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			name := w.pipeline("name: s\nsteps:\n  work: {command: [work]}\n")
			first, second, third := w.begin(name), w.begin(name), w.begin(name)
			w.resolve(at(first, "work"))
			w.is("second", w.resolve(at(second, "work")).State, bine.Waiting)
			w.is("third", w.resolve(at(third, "work")).State, bine.Waiting)
			end(w, first)
			w.is("second, then", w.resolve(at(second, "work")).State, bine.Pending)
			w.is("third, then", w.resolve(at(third, "work")).Reason, "work of s-2 is making the same outputs")
		})
	}
}

func TestABatchWaitsForAnItemThatAnotherRunMakesAndClaimsNothing(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(batches)
	first, second := w.begin(name), w.begin(name)
	w.resolve(at(first, "train"))
	w.resolve(at(second, "train"))
	w.is("an item", w.resolve(at(first, "train", "b")).State, bine.Pending)
	w.is("the batch", w.resolve(batchOf(second, "a", "b")).State, bine.Waiting)
	w.is("the other item, for the first", w.resolve(at(first, "train", "a")).State, bine.Pending)
	for _, key := range []string{"a", "b"} {
		w.report(at(first, "train", key), bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"score": json.RawMessage("0.5")}})
	}
	w.is("the batch, then", w.resolve(batchOf(second, "a", "b")).State, bine.Cached)
}

// with changes the definition of a pipeline.
func with(yaml, old, changed string) string { return strings.Replace(yaml, old, changed, 1) }

func TestCacheThatIsOffIsOffKubeflow8184(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(cached)
	w.worked(w.begin(name), "t")
	off := w.pipeline(with(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: off"))
	for range 2 {
		ref := w.begin(off)
		w.is("off", w.worked(ref, "t").State, bine.Pending)
		w.is("note", w.row(at(ref, "work")).CacheNote, "cache is off")
	}
	fresh := w.begin(w.pipeline(cached), func(n *store.NewRun) { n.NoCache = true })
	w.is("a run without", w.worked(fresh, "t").State, bine.Pending)
	w.is("note", w.row(at(fresh, "work")).CacheNote, "the run was started without cache")
}

func TestTheModesOfACache(t *testing.T) {
	for mode, c := range map[string]struct{ own, next bine.State }{
		"read":  {bine.Cached, bine.Pending}, // where nothing is there, it leaves nothing
		"write": {bine.Pending, bine.Cached},
	} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			name := w.pipeline(with(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: "+mode))
			w.worked(w.begin(name), "t")
			w.is("the next run of another pipeline", w.worked(w.begin(w.pipeline(with(cached, "name: c", "name: d"))), "t").State, c.next)
			w.is("its own next", w.worked(w.begin(name), "t").State, c.own)
		})
	}
}

func TestOutputsThatAreTooOldAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.worked(w.begin(w.pipeline(cached)), "t")
	ref := w.begin(w.pipeline(with(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: {expires: 1h}")))
	w.is("young", w.worked(ref, "t").State, bine.Cached)
	ref = w.begin(w.pipeline(with(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: {expires: 1ms}")))
	w.is("old", w.worked(ref, "t").State, bine.Pending)
	w.is("note", w.row(at(ref, "work")).CacheNote, "work of c-1 did the same, but longer ago than 1ms")
}

func TestWhatIsIgnoredDoesNotCountAndSaltDoes(t *testing.T) {
	const step = "name: i\nparams: {n: {type: int, default: 1}}\nsteps:\n  work: {command: [work], with: {seed: \"${{ params.n }}\", m: 1}, env: {DEBUG: \"${{ params.n }}\"}, cache: {ignore: [with.seed, env.DEBUG, code]}}\n"
	n := func(n int) func(*store.NewRun) {
		return func(r *store.NewRun) { r.Params = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)) }
	}
	w := newWorld(t)
	w.succeed(at(w.begin(w.pipeline(step, "code"), n(1)), "work"), nil)
	w.is("ignored", w.resolve(at(w.begin(w.pipeline(step, "other code"), n(2)), "work")).State, bine.Cached)
	salted := with(step, "code]}", "code], salt: \"2\"}")
	w.is("salted", w.resolve(at(w.begin(w.pipeline(salted, "code"), n(1)), "work")).State, bine.Pending)
}

func TestAMissSaysWhatDiffers(t *testing.T) {
	for want, change := range map[string]func() (yaml, code, table string){
		"it differs from work of c-1: with m":      func() (string, string, string) { return with(cached, "m: 1", "m: 2"), "code", "t" },
		"it differs from work of c-1: program":     func() (string, string, string) { return with(cached, "print(1)", "print(2)"), "code", "t" },
		"it differs from work of c-1: input table": func() (string, string, string) { return with(cached, "default: 1", "default: 2"), "code", "u" },
		"it differs from work of c-1: code":        func() (string, string, string) { return cached, "more code", "t" },
		"work of c-1 did the same with other settings of the cache": func() (string, string, string) {
			return with(cached, "    with: {m: 1}", "    with: {m: 1}\n    cache: {salt: x}"), "code", "t"
		},
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			first := w.begin(w.pipeline(cached, "code"))
			w.worked(first, "t")
			w.is("first", w.row(at(first, "work")).CacheNote, "no step of this project had the same key")
			yaml, code, table := change()
			ref := w.begin(w.pipeline(yaml, code))
			w.is("state", w.worked(ref, table).State, bine.Pending)
			w.is("note", w.row(at(ref, "work")).CacheNote, want)
		})
	}
	t.Run("failed", func(t *testing.T) {
		w := newWorld(t)
		name := w.pipeline(cached)
		first := w.begin(name)
		w.worked(first, "t")
		_ = first
		again := w.begin(w.pipeline(with(cached, "m: 1", "m: 5")))
		w.is("source", w.resolve(at(again, "source")).State, bine.Cached)
		w.resolve(at(again, "work"))
		w.ok(w.store.FailStep(w.ctx(), "p", store.StepRef{Run: again.Run, Step: "work"}, "no"))
		third := w.begin("c")
		w.resolve(at(third, "source"))
		w.resolve(at(third, "work"))
		w.is("note", w.row(at(third, "work")).CacheNote, "work of c-2 did the same, and is failed")
	})
}
