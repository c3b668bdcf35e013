package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/tick"
)

// Bounds of a backfill.
const (
	mostSlots        = 10_000
	mostAtATime      = 500
	longestPartition = 100 // characters
)

// planBackfill says what a backfill would run: its slots in their order, those
// that the mode leaves out skipped.
func (a *API) planBackfill(ctx context.Context, p bine.ProjectName, name bine.PipelineName, in client.NewBackfill) (bine.Backfill, []bine.BackfillSlot, error) {
	version, err := a.Store.PipelineVersion(ctx, p, name, in.Version)
	if err != nil {
		return bine.Backfill{}, nil, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return bine.Backfill{}, nil, fmt.Errorf("decode version %d of %s: %w", version.Version, name, err)
	}
	b := bine.Backfill{Project: p, Pipeline: name, Version: version.Version, Mode: cmp.Or(in.Mode, bine.BackfillMissing), Order: cmp.Or(in.Order, "oldest"), Cap: cmp.Or(in.Cap, 1),
		From: in.From, To: in.To, Cron: in.Cron, TimeZone: in.TimeZone, Param: in.Param, CreatedBy: callOf(ctx).User, CreatedAt: a.now().UTC()}
	if len(in.Params) > 0 {
		if b.Params, err = json.Marshal(in.Params); err != nil {
			return b, nil, err
		}
	}
	if err := checkBackfill(b, in); err != nil {
		return b, nil, err
	}
	if in.Param != "" {
		return a.planPartitions(ctx, b, dag, in.Partitions)
	}
	return a.planTicks(ctx, b, dag)
}

func checkBackfill(b bine.Backfill, in client.NewBackfill) error {
	switch {
	case !slices.Contains([]bine.BackfillMode{bine.BackfillAll, bine.BackfillMissing, bine.BackfillFailed}, b.Mode):
		return bine.Errorf(bine.Invalid, "mode %q is not one of all, missing and failed", b.Mode)
	case b.Order != "oldest" && b.Order != "newest":
		return bine.Errorf(bine.Invalid, "order %q is neither oldest nor newest", b.Order)
	case b.Cap < 1 || b.Cap > mostAtATime:
		return bine.Errorf(bine.Invalid, "cap is %d: at least 1 and at most %d runs go on at a time", b.Cap, mostAtATime)
	case in.Param == "" && len(in.Partitions) > 0:
		return bine.Errorf(bine.Invalid, "the partitions have no param: name the one that gets each of them")
	case in.Param != "" && len(in.Partitions) == 0:
		return bine.Errorf(bine.Invalid, "param %s has no partitions: list them", in.Param)
	case in.Param != "" && (in.From != nil || in.To != nil || in.Cron != ""):
		return bine.Errorf(bine.Invalid, "a backfill has partitions or planned times, not both")
	case in.Param == "" && (in.From == nil || in.To == nil):
		return bine.Errorf(bine.Invalid, "give from and to, the time in which the planned times are; or partitions and param")
	}
	return nil
}

// planTicks plans the times of the pipeline's schedule, or of the one given.
func (a *API) planTicks(ctx context.Context, b bine.Backfill, dag dags.DAG) (bine.Backfill, []bine.BackfillSlot, error) {
	if b.Cron == "" {
		if err := a.scheduleFor(ctx, &b, dag); err != nil {
			return b, nil, err
		}
	}
	b.TimeZone = cmp.Or(b.TimeZone, "UTC")
	spec, err := tick.Parse(b.Cron, b.TimeZone)
	if err != nil {
		return b, nil, err
	}
	if b.To.After(b.CreatedAt) {
		return b, nil, bine.Errorf(bine.Invalid, "to is %s, which is to come: a backfill runs what has passed", b.To.Format(time.RFC3339))
	}
	if !b.From.Before(*b.To) {
		return b, nil, bine.Errorf(bine.Invalid, "from is not before to")
	}
	times := spec.Between(*b.From, *b.To, mostSlots+1)
	slots := make([]bine.BackfillSlot, len(times))
	for i, at := range times {
		slots[i] = bine.BackfillSlot{Key: at.Format(time.RFC3339), Tick: &at, State: bine.Pending}
	}
	if err := checkSlots(slots, dag, b); err != nil {
		return b, nil, err
	}
	past, err := a.Store.PastRuns(ctx, b.Project, b.Pipeline, *b.From, *b.To)
	if err != nil {
		return b, nil, err
	}
	byKey := map[string][]store.PastRun{}
	for _, r := range past {
		key := r.Tick.UTC().Format(time.RFC3339)
		byKey[key] = append(byKey[key], r)
	}
	return b, inOrder(leaveOut(slots, b.Mode, byKey), b.Order), nil
}

// scheduleFor fills in the times of the pipeline's schedule.
func (a *API) scheduleFor(ctx context.Context, b *bine.Backfill, dag dags.DAG) error {
	if dag.Schedule != nil {
		b.Cron, b.TimeZone = dag.Schedule.Cron, cmp.Or(b.TimeZone, dag.Schedule.TimeZone)
		return nil
	}
	all, err := a.Store.Schedules(ctx, b.Project)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Pipeline == b.Pipeline {
			b.Cron, b.TimeZone = s.Cron, cmp.Or(b.TimeZone, s.TimeZone)
			return nil
		}
	}
	return bine.Errorf(bine.Invalid, "pipeline %s has no schedule: give the cron from which the planned times follow", b.Pipeline)
}

// planPartitions plans a run for each partition.
func (a *API) planPartitions(ctx context.Context, b bine.Backfill, dag dags.DAG, partitions []string) (bine.Backfill, []bine.BackfillSlot, error) {
	seen := map[string]bool{}
	slots := make([]bine.BackfillSlot, len(partitions))
	for i, name := range partitions {
		if name == "" || len(name) > longestPartition {
			return b, nil, bine.Errorf(bine.Invalid, "partition %q: names have 1 to %d characters", name, longestPartition)
		}
		if seen[name] {
			return b, nil, bine.Errorf(bine.Invalid, "partition %q is given twice", name)
		}
		seen[name] = true
		slots[i] = bine.BackfillSlot{Key: name, State: bine.Pending}
	}
	if err := checkSlots(slots, dag, b); err != nil {
		return b, nil, err
	}
	past, err := a.Store.PastRuns(ctx, b.Project, b.Pipeline, time.Time{}, time.Time{})
	if err != nil {
		return b, nil, err
	}
	byValue := map[string][]store.PastRun{}
	for _, r := range past {
		value := paramOf(r.Params, b.Param)
		byValue[value] = append(byValue[value], r)
	}
	byKey := map[string][]store.PastRun{}
	for _, s := range slots {
		params, err := launch.SlotParams(dag, b, s.Key)
		if err != nil {
			return b, nil, err
		}
		byKey[s.Key] = byValue[paramOf(params, b.Param)]
	}
	return b, inOrder(leaveOut(slots, b.Mode, byKey), b.Order), nil
}

// paramOf gives the value of a param as its JSON text.
func paramOf(params json.RawMessage, name string) string {
	var values map[string]json.RawMessage
	if json.Unmarshal(params, &values) != nil {
		return ""
	}
	return string(values[name])
}

// checkSlots checks how many there are, and that every run could start.
func checkSlots(slots []bine.BackfillSlot, dag dags.DAG, b bine.Backfill) error {
	switch {
	case len(slots) == 0:
		return bine.Errorf(bine.Invalid, "nothing is planned from %s to %s (cron %s in %s)", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339), b.Cron, b.TimeZone)
	case len(slots) > mostSlots:
		return bine.Errorf(bine.Invalid, "a backfill has at most %d slots: make several of them", mostSlots)
	}
	check := slots
	if b.Param == "" {
		check = slots[:1] // all have the same params
	}
	for _, s := range check {
		if _, err := launch.SlotParams(dag, b, s.Key); err != nil {
			return err
		}
	}
	return nil
}

// leaveOut skips the slots that the mode leaves out. past holds the runs that
// each had, oldest first.
func leaveOut(slots []bine.BackfillSlot, mode bine.BackfillMode, past map[string][]store.PastRun) []bine.BackfillSlot {
	for i := range slots {
		s := &slots[i]
		runs := past[s.Key]
		skip := func(run bine.RunID, reason string) { s.State, s.Run, s.Reason = bine.Skipped, run, reason }
		switch {
		case mode == bine.BackfillMissing:
			for _, r := range runs {
				if r.State.OK() || !r.State.Ended() {
					skip(r.Run, fmt.Sprintf("run %s is %s", r.Run, r.State))
				}
			}
		case mode == bine.BackfillFailed && len(runs) == 0:
			skip("", "it has no run")
		case mode == bine.BackfillFailed:
			if r := runs[len(runs)-1]; r.State.OK() || !r.State.Ended() {
				skip(r.Run, fmt.Sprintf("run %s is %s", r.Run, r.State))
			}
		}
	}
	return slots
}

func inOrder(slots []bine.BackfillSlot, order string) []bine.BackfillSlot {
	if order == "newest" {
		slices.Reverse(slots)
	}
	return slots
}
