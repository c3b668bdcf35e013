package store_test

import (
	"encoding/json"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// putItem writes an item of a fan-out that ended, with a value.
func putItem(t testing.TB, s *store.Store, run bine.RunID, step bine.StepName, item, with string, state bine.State) {
	t.Helper()
	ok(t, s.PutStep(t.Context(), "p", bine.Step{Run: run, Name: step, Item: item, Kind: "python", State: state, With: json.RawMessage(with),
		Values: map[string]json.RawMessage{"x": json.RawMessage(`"` + item + `"`)}, Environment: 3}, 0))
}

// fanOut makes a fan-out with items of a value each.
func fanOut(t testing.TB, s *store.Store, run bine.RunID, step bine.StepName, items ...string) {
	t.Helper()
	putStep(t, s, run, step, "", bine.Running)
	var list []store.Item
	for i := 0; i < len(items); i += 2 {
		list = append(list, store.Item{Key: items[i], With: json.RawMessage(items[i+1])})
	}
	ok(t, s.PutItems(t.Context(), "p", run, step, list))
}

func TestARunKeepsAStepOfAnotherWithItsItems(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		old, run := accept(t, s, "flights"), accept(t, s, "flights")
		fanOut(t, s, old.ID, "train", "b", "1", "a", "2")
		putItem(t, s, old.ID, "train", "b", "1", bine.Succeeded)
		putItem(t, s, old.ID, "train", "a", "2", bine.Skipped)
		ok(t, s.PutStep(t.Context(), "p", bine.Step{Run: old.ID, Name: "train", Kind: "python", State: bine.Succeeded, Items: 2}, 7))
		putStep(t, s, old.ID, "train", "batch@b", bine.Succeeded)
		k := store.Kept{From: old.ID, To: run.ID, Step: "train", Note: "kept from flights-1"}
		ok(t, s.KeepStep(t.Context(), "p", k, 2))
		ok(t, s.KeepStep(t.Context(), "p", k, 2)) // again
		row := got(s.Step(t.Context(), "p", store.StepRef{Run: run.ID, Step: "train"}))(t)
		same(t, "row", []any{row.State, row.Items, row.CachedFrom, row.CacheNote}, []any{bine.Cached, 2, old.ID, "kept from flights-1"})
		same(t, "order", got(s.ItemKeys(t.Context(), "p", run.ID, "train", 0, 9))(t), []string{"b", "a"})
		same(t, "states", got(s.ItemStates(t.Context(), "p", run.ID, "train"))(t), map[bine.State]int{bine.Cached: 1, bine.Skipped: 1})
		item := got(s.Item(t.Context(), "p", run.ID, "train", "b"))(t)
		same(t, "item", []any{string(item.Values["x"]), item.Environment, item.EndedAt != nil}, []any{`"b"`, 3, true})
		third := accept(t, s, "flights")
		ok(t, s.KeepStep(t.Context(), "p", store.Kept{From: run.ID, To: third.ID, Step: "train", Note: "kept from flights-2"}, 0))
		same(t, "where it is from in the end", got(s.Item(t.Context(), "p", third.ID, "train", "b"))(t).CachedFrom, old.ID)
	})
}

func TestItemsAreKeptByKeyWhereTheirValueIsTheSame(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		old, run := accept(t, s, "flights"), accept(t, s, "flights")
		fanOut(t, s, old.ID, "load", "a", "1", "b", "2", "c", "3", "d", "4")
		fanOut(t, s, old.ID, "fit", "a", "1", "b", "2", "c", "3", "d", "4")
		for item, state := range map[string]bine.State{"a": bine.Succeeded, "b": bine.Failed, "c": bine.Cached, "d": bine.Succeeded} {
			with := map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}[item]
			putItem(t, s, old.ID, "load", item, with, state)
			putItem(t, s, old.ID, "fit", item, with, bine.Succeeded)
		}
		fanOut(t, s, run.ID, "load", "d", "4", "x", "9", "c", "30", "b", "2", "a", "1") // in another order, c with another value
		ok(t, s.PutStep(t.Context(), "p", bine.Step{Run: run.ID, Name: "fit", Kind: "python", State: bine.Running, Items: 5}, 0))
		ok(t, s.CopyItems(t.Context(), "p", run.ID, "load", "fit"))
		ok(t, s.CopyItems(t.Context(), "p", run.ID, "load", "fit"))
		k := store.Kept{From: old.ID, To: run.ID, Step: "load", Note: "kept"}
		same(t, "kept", got(s.KeepItems(t.Context(), "p", k, ""))(t), int64(2))
		same(t, "kept again", got(s.KeepItems(t.Context(), "p", k, ""))(t), int64(0))
		k.Step = "fit"
		same(t, "kept of what follows", got(s.KeepItems(t.Context(), "p", k, "load"))(t), int64(2))
		for _, step := range []bine.StepName{"load", "fit"} {
			for item, want := range map[string]bine.State{"a": bine.Cached, "b": bine.Pending, "c": bine.Pending, "d": bine.Cached, "x": bine.Pending} {
				row := got(s.Item(t.Context(), "p", run.ID, step, item))(t)
				same(t, string(step)+"/"+item, row.State, want)
				if want == bine.Cached {
					same(t, "value of "+item, []any{string(row.Values["x"]), row.CachedFrom, row.CacheNote}, []any{`"` + item + `"`, old.ID, "kept"})
				}
			}
			same(t, "order", got(s.ItemKeys(t.Context(), "p", run.ID, step, 0, 9))(t), []string{"d", "x", "c", "b", "a"})
		}
	})
}

func TestOneStepAtATimeMakesTheOutputsOfAKey(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), bine.HashOf([]byte("key"))
		one, two := accept(t, s, "flights"), accept(t, s, "flights")
		first, second := putStep(t, s, one.ID, "train", "", bine.Pending), putStep(t, s, two.ID, "train", "", bine.Pending)
		claim := func(me, by store.StepRef, mine bool) {
			t.Helper()
			is, got, err := s.ClaimCache(ctx, "p", key, me)
			ok(t, err)
			if !mine {
				same(t, "by", is, by)
			}
			same(t, "mine", got, mine)
		}
		claim(first, first, true)
		claim(first, first, true)
		claim(second, first, false)
		by, found, err := s.CacheClaim(ctx, "p", key, second)
		ok(t, err)
		same(t, "claim", []any{by, found}, []any{first, true})
		_, found, err = s.CacheClaim(ctx, "p", key, first)
		ok(t, err)
		same(t, "its own", found, false)
		ok(t, s.FailStep(ctx, "p", first, "no"))
		_, found, err = s.CacheClaim(ctx, "p", key, second)
		ok(t, err)
		same(t, "of one that failed", found, false)
		claim(second, second, true)
		ok(t, s.ReleaseClaims(ctx, "p", store.StepRef{Run: two.ID}))
		third := putStep(t, s, two.ID, "fit", "", bine.Pending)
		claim(third, third, true)
		ok(t, s.ReleaseClaims(ctx, "p", second)) // which it has not
		claim(second, third, false)
		ok(t, s.ReleaseClaims(ctx, "p", third))
		claim(second, second, true)
		claim(third, second, false)
	})
}

func TestTheEarlierProcessOfAStepIsThatOfTheNewestRunBefore(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var last bine.Run
		for n := range 3 {
			last = accept(t, s, "flights")
			ref := putStep(t, s, last.ID, "train", "", bine.Pending)
			if n != 1 { // the second made none
				ok(t, s.SetProcess(ctx, "p", ref, bine.Process{Python: string(last.ID)}))
			}
		}
		row, p, found, err := s.Earlier(ctx, "p", "flights", store.StepRef{Run: last.ID, Step: "train"})
		ok(t, err)
		same(t, "earlier", []any{row.Run, p.Python, found}, []any{bine.RunID("flights-1"), "flights-1", true})
		_, _, found, err = s.Earlier(ctx, "p", "flights", store.StepRef{Run: last.ID, Step: "train", Item: "a"})
		ok(t, err)
		same(t, "of an item that was not", found, false)
	})
}
