package store

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// Item is one item of a fan-out that is to be made.
type Item struct {
	Key  string
	With json.RawMessage
}

// putAtOnce is how many items one statement makes.
const putAtOnce = 200

// isItem is the condition for the items of a step, without batches.
const isItem = "project = ? AND run = ? AND name = ? AND position >= 0 AND item <> ''"

// PutItems makes the rows of all items of a fan-out, pending, and keeps their
// order; the row of its step then says how many they are. Those that are there stay as they are.
func (s *Store) PutItems(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName, items []Item) error {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if seen[item.Key] {
			return bine.Errorf(bine.Invalid, "two items of step %q have the key %q: keys must differ", string(step), item.Key)
		}
		if item.Key == "" || strings.HasPrefix(item.Key, batchPrefix) {
			return bine.Errorf(bine.Invalid, "%q cannot be the key of an item of step %q", item.Key, string(step))
		}
		seen[item.Key] = true
	}
	ref := StepRef{Run: run, Step: step}
	return s.write(ctx, func(t *tx) error {
		var kind string
		var environment int
		if err := t.row("SELECT kind, environment FROM steps"+isStep, ref.args(project)...).Scan(&kind, &environment); err != nil {
			return forDomain(err, ref.String())
		}
		ignore := " ON CONFLICT DO NOTHING"
		if t.db.Dialect() != "sqlite" {
			ignore = " ON DUPLICATE KEY UPDATE position = position"
		}
		position := 0
		for some := range slices.Chunk(items, putAtOnce) {
			var args []any
			for _, item := range some {
				args = append(args, project, run, item.Key, step, position, kind, bine.Pending, "", 0, 0, raw{item.With}, "", environment, t.now)
				position++
			}
			_, err := t.exec("INSERT INTO steps (project, run, item, name, position, kind, state, reason, attempts, items, settings, cached_from, environment, created_at) VALUES "+rows(len(some), 14)+ignore, args...)
			if err != nil {
				return err
			}
		}
		return t.change(ref.String(), "UPDATE steps SET items = ?"+isStep, append([]any{len(items)}, ref.args(project)...)...)
	})
}

// CopyItems makes the rows of items that follow those of another fan-out: of
// the same keys, in the same order and made with the same. Those that are there stay.
func (s *Store) CopyItems(ctx context.Context, project bine.ProjectName, run bine.RunID, from, to bine.StepName) error {
	ref := StepRef{Run: run, Step: to}
	return s.write(ctx, func(t *tx) error {
		var kind string
		if err := t.row("SELECT kind FROM steps"+isStep, ref.args(project)...).Scan(&kind); err != nil {
			return forDomain(err, ref.String())
		}
		_, err := t.exec(`INSERT INTO steps (project, run, item, name, position, kind, state, reason, attempts, items, settings, cached_from, environment, created_at)
			SELECT o.project, o.run, o.item, ?, o.position, ?, ?, '', 0, 0, o.settings, '', 0, ? FROM steps o
			WHERE o.project = ? AND o.run = ? AND o.name = ? AND o.position >= 0 AND o.item <> '' AND NOT EXISTS (
				SELECT 1 FROM steps n WHERE n.project = o.project AND n.run = o.run AND n.item = o.item AND n.name = ?)`,
			to, kind, bine.Pending, t.now, project, run, from, to)
		return err
	})
}

// ItemKeys gives the keys of count items of a fan-out, from the one at from.
func (s *Store) ItemKeys(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName, from, count int) ([]string, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT item FROM steps WHERE "+isItem+" AND position >= ? AND position < ? ORDER BY position", project, run, step, from, from+count)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var keys []string
	for found.Next() {
		var key string
		if err := found.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, found.Err()
}

// Item gives one item of a fan-out with what it was made with.
func (s *Store) Item(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName, key string) (bine.Step, error) {
	return s.Step(ctx, project, StepRef{run, step, key})
}

// Items gives a page of the items of a fan-out, those that failed first, then
// by key. after is the next of the page before, empty for the first.
func (s *Store) Items(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName, after string, limit int) (items []bine.Step, next string, err error) {
	skip := 0
	if after != "" {
		if skip, err = strconv.Atoi(after); err != nil || skip < 0 {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of items: use what the page before gave as next", after)
		}
	}
	items, err = s.querySteps(ctx, isItem+" ORDER BY CASE state WHEN 'failed' THEN 0 ELSE 1 END, item LIMIT ? OFFSET ?", project, run, step, limit+1, skip)
	if len(items) > limit {
		items, next = items[:limit], strconv.Itoa(skip+limit)
	}
	return items, next, err
}

// ItemStates counts the items of a fan-out by state.
func (s *Store) ItemStates(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName) (map[bine.State]int, error) {
	counts, err := s.itemStates(ctx, project, run, step)
	if counts[step] == nil {
		return map[bine.State]int{}, err
	}
	return counts[step], err
}

// countItems fills in the states of the items of those steps that have some.
func (s *Store) countItems(ctx context.Context, project bine.ProjectName, run bine.RunID, steps []bine.Step) error {
	var fanOuts []bine.StepName
	for _, st := range steps {
		if st.Items > 0 {
			fanOuts = append(fanOuts, st.Name)
		}
	}
	counts, err := s.itemStates(ctx, project, run, fanOuts...)
	for i, st := range steps {
		if counts[st.Name] != nil {
			steps[i].ItemStates = counts[st.Name]
		}
	}
	return err
}

// itemStates counts the items of fan-outs of a run by state.
func (s *Store) itemStates(ctx context.Context, project bine.ProjectName, run bine.RunID, fanOuts ...bine.StepName) (map[bine.StepName]map[bine.State]int, error) {
	if len(fanOuts) == 0 {
		return nil, nil
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT name, state, COUNT(*) FROM steps WHERE project = ? AND run = ? AND name IN "+in(len(fanOuts))+
		" AND position >= 0 AND item <> '' GROUP BY name, state", append([]any{project, run}, values(fanOuts)...)...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	counts := map[bine.StepName]map[bine.State]int{}
	for found.Next() {
		var name bine.StepName
		var state bine.State
		var n int
		if err := found.Scan(&name, &state, &n); err != nil {
			return nil, err
		}
		if counts[name] == nil {
			counts[name] = map[bine.State]int{}
		}
		counts[name][state] = n
	}
	return counts, found.Err()
}

// outputsAtOnce is how many items ItemOutputs reads at a time.
const outputsAtOnce = 500

// ItemOutputs goes through the items of a fan-out that succeeded or were
// cached, in their order, with their values and artifacts. It ends at the first error.
func (s *Store) ItemOutputs(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName) iter.Seq2[bine.Step, error] {
	return func(yield func(bine.Step, error) bool) {
		for from := 0; ; from += outputsAtOnce {
			keys, err := s.ItemKeys(ctx, project, run, step, from, outputsAtOnce)
			if err != nil {
				yield(bine.Step{}, err)
				return
			}
			if len(keys) == 0 {
				return
			}
			items, err := s.querySteps(ctx, isItem+" AND position >= ? AND position < ? AND state IN (?, ?) ORDER BY position", project, run, step, from, from+outputsAtOnce, bine.Succeeded, bine.Cached)
			if err != nil {
				yield(bine.Step{}, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
