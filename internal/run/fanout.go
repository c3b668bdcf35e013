package run

import (
	"context"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/continuation"
	"github.com/bine-ml/bine/internal/store"
)

// inItem makes a resolution that of one item, which sees of the fan-outs that
// its step follows the items of the same key.
func (e *Engine) inItem(ctx context.Context, r *resolution) error {
	item, err := e.store.Item(ctx, r.in.Project, r.in.Run, r.in.Step, r.in.Item)
	if err != nil {
		return err
	}
	var upstream []bine.Step
	for _, name := range r.dag.Chain(r.in.Step) {
		row, err := e.store.Item(ctx, r.in.Project, r.in.Run, name, r.in.Item)
		if err != nil {
			return err
		}
		upstream = append(upstream, row)
	}
	r.item = item.With
	r.scope, err = r.dag.ItemScope(r.scope, item, upstream)
	return err
}

// resolveFanOut evaluates the list of a fan-out and writes its items, and those
// of the steps that follow them one by one.
func (e *Engine) resolveFanOut(ctx context.Context, r *resolution) (activities.Resolved, error) {
	if r.step.Foreach.Per != "" {
		return e.resolveFollower(ctx, r)
	}
	list, err := r.step.Items(ctx, r.scope)
	if err != nil {
		return activities.Resolved{}, err
	}
	items := make([]store.Item, len(list))
	for i, item := range list {
		items[i] = store.Item{Key: item.Key, With: item.Value}
	}
	steps, err := e.goingOn(ctx, r.run)
	if err != nil {
		return activities.Resolved{}, err
	}
	row := r.row(bine.Running)
	row.Items, row.StartedAt = len(items), r.began
	return activities.Resolved{State: bine.Pending, Items: len(items)}, e.together(ctx, func(ctx context.Context) error {
		if err := e.store.PutStep(ctx, r.in.Project, row, r.place); err != nil {
			return err
		}
		if err := e.store.PutItems(ctx, r.in.Project, r.in.Run, r.in.Step, items); err != nil {
			return err
		}
		if err := e.keepItems(ctx, r, steps, r.step); err != nil {
			return err
		}
		for _, name := range r.dag.Followers(r.in.Step) {
			follower, _ := r.dag.Step(name)
			if err := e.follow(ctx, r, steps, follower, len(items)); err != nil {
				return err
			}
		}
		return nil
	})
}

// resolveFollower writes the items of a step that follows those of another: its
// fan-out did so already, unless that keeps what an earlier run made.
func (e *Engine) resolveFollower(ctx context.Context, r *resolution) (activities.Resolved, error) {
	chain := r.dag.Chain(r.in.Step)
	head, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: chain[len(chain)-1]})
	if err != nil {
		return activities.Resolved{}, err
	}
	steps, err := e.goingOn(ctx, r.run)
	if err != nil {
		return activities.Resolved{}, err
	}
	return activities.Resolved{State: bine.Pending, Items: head.Items}, e.together(ctx, func(ctx context.Context) error {
		return e.follow(ctx, r, steps, r.step, head.Items)
	})
}

// follow writes the row of a step that follows n items, and its items, once.
func (e *Engine) follow(ctx context.Context, r *resolution, steps []continuation.Step, step dags.Step, n int) error {
	was, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: step.Name})
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	if was.State.Ended() && was.State != "" || was.State == bine.Running {
		return nil
	}
	row := bine.Step{Run: r.in.Run, Name: step.Name, Kind: step.Kind(), State: bine.Running, Items: n}
	place := slices.IndexFunc(r.dag.Steps, func(s dags.Step) bool { return s.Name == step.Name })
	if err := e.store.PutStep(ctx, r.in.Project, row, place); err != nil {
		return err
	}
	chain := r.dag.Chain(step.Name)
	if err := e.store.CopyItems(ctx, r.in.Project, r.in.Run, chain[len(chain)-1], step.Name); err != nil {
		return err
	}
	return e.keepItems(ctx, r, steps, step)
}

// resolveItem resolves one item of a fan-out.
func (e *Engine) resolveItem(ctx context.Context, r *resolution) (activities.Resolved, error) {
	if err := e.inItem(ctx, r); err != nil {
		return activities.Resolved{}, err
	}
	return e.resolveStep(ctx, r)
}
