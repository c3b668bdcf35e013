package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

// claim claims the key where the step leaves its outputs for others; else it
// only looks who does.
func (e *Engine) claim(ctx context.Context, p *prepared) (by store.StepRef, mine bool, err error) {
	if p.step.Writes() {
		return e.store.ClaimCache(ctx, p.in.Project, p.key, p.ref())
	}
	by, found, err := e.store.CacheClaim(ctx, p.in.Project, p.key, p.ref())
	if !found {
		by = store.StepRef{}
	}
	return by, false, err
}

// making says who is making what a step waits for.
func making(by store.StepRef) string {
	return fmt.Sprintf("%s is making the same outputs", nameOf(by))
}

func nameOf(ref store.StepRef) string {
	name := string(ref.Step)
	if ref.Item != "" {
		name += "/" + ref.Item
	}
	return fmt.Sprintf("%s of %s", name, ref.Run)
}

// claimedBy says who else is making what a step, an item or the items of a batch
// wait for; it is empty where nobody is, so that their turn has come as far as
// that goes. row is that of the step or item.
func (e *Engine) claimedBy(ctx context.Context, in activities.StepRef, row bine.Step) (reason string, err error) {
	rows := []bine.Step{row}
	if len(in.Items) > 0 {
		rows = nil
		for _, item := range in.Items {
			row, err := e.store.Step(ctx, in.Project, store.StepRef{Run: in.Run, Step: in.Step, Item: item})
			if err != nil {
				return "", err
			}
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		if row.State != bine.Waiting || row.CacheKey == "" {
			continue
		}
		by, found, err := e.store.CacheClaim(ctx, in.Project, row.CacheKey, store.StepRef{Run: row.Run, Step: row.Name, Item: row.Item})
		if err != nil || found {
			return making(by), err
		}
	}
	return "", nil
}

// resolveBatch resolves the items of a batch. Items that the cache holds, or
// that have ended, are left out of its process; see batch. It waits where
// another run makes one of them, and then claims none itself, so that no two
// batches wait for each other.
func (e *Engine) resolveBatch(ctx context.Context, r *resolution) (activities.Resolved, error) {
	var todo []*prepared
	for _, key := range r.in.Items {
		one := *r
		one.in.Item, one.in.Items = key, nil
		row, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: r.in.Step, Item: key})
		if err == nil && row.State.Ended() {
			continue
		}
		if err := e.inItem(ctx, &one); err != nil {
			return activities.Resolved{}, err
		}
		p, err := e.prepare(ctx, &one)
		if err == nil {
			err = e.explain(ctx, p)
		}
		if err != nil {
			return activities.Resolved{}, err
		}
		todo = append(todo, p)
	}
	slices.SortFunc(todo, func(a, b *prepared) int { return strings.Compare(string(a.key), string(b.key)) })
	var all activities.Resolved
	err := e.together(ctx, func(ctx context.Context) error {
		all = activities.Resolved{State: bine.Cached}
		for _, p := range todo {
			out, err := e.putIn(ctx, p)
			if err != nil {
				return err
			}
			if out.State == bine.Waiting || out.State == bine.Pending && all.State == bine.Cached {
				all = out
			}
		}
		if all.State != bine.Waiting {
			return nil
		}
		for _, p := range todo {
			if err := e.store.ReleaseClaims(ctx, r.in.Project, p.ref()); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}
