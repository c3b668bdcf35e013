package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

func sweepRef(in activities.StepRef) bine.SweepRef {
	return bine.SweepRef{Project: in.Project, Run: in.Run, Step: in.Step}
}

// resolveSweep reads the search of a step and begins its log; its segments
// become items of the step as they are decided for.
func (e *Engine) resolveSweep(ctx context.Context, r *resolution) (activities.Resolved, error) {
	ref := sweepRef(r.in)
	row := r.row(bine.Running)
	row.StartedAt = r.began
	at, err := e.store.SweepAt(ctx, ref)
	if err == nil {
		row.Items = at.Segments
		return activities.Resolved{State: bine.Pending}, e.store.PutStep(ctx, r.in.Project, row, r.place)
	}
	if !bine.IsKind(err, bine.NotFound) {
		return activities.Resolved{}, err
	}
	text, err := e.searchOf(ctx, r)
	if err != nil {
		return activities.Resolved{}, err
	}
	file, err := spec.Parse(text)
	if err != nil {
		return activities.Resolved{}, bine.Errorf(bine.KindOf(err), "steps.%s.sweep: %w", r.in.Step, err)
	}
	if file.Settings.Seed == 0 {
		file.Settings.Seed = seedOf(ref)
	}
	if err := e.store.PutStep(ctx, r.in.Project, row, r.place); err != nil {
		return activities.Resolved{}, err
	}
	return activities.Resolved{State: bine.Pending}, e.sweeps.Create(ctx, ref, text, file.Settings)
}

// seedOf gives a sweep that names no seed one that its run decides.
func seedOf(ref bine.SweepRef) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s", ref.Project, ref)
	return h.Sum64()>>1 | 1 // a signed number holds it, and it is not 0
}

// searchOf gives the search of a step as JSON, with its expressions evaluated.
func (e *Engine) searchOf(ctx context.Context, r *resolution) (json.RawMessage, error) {
	file := r.step.SweepFile()
	text, err := r.step.EvaluateSweep(ctx, r.scope)
	if err != nil || file == "" {
		return text, err
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, bine.Errorf(bine.Invalid, "steps.%s.sweep: the name of a file is expected: %w", r.in.Step, err)
	}
	written, err := e.codeFile(ctx, r, file)
	if err != nil {
		return nil, err
	}
	step := r.step
	if step.Sweep, err = dags.ReadSweep(written); err != nil {
		return nil, bine.Errorf(bine.KindOf(err), "%s: %w", file, err)
	}
	return step.EvaluateSweep(ctx, r.scope)
}

// codeFile reads a small file of the code of a run.
func (e *Engine) codeFile(ctx context.Context, r *resolution, name string) (text []byte, err error) {
	missing := bine.Errorf(bine.Invalid, "steps.%s.sweep: there is no file %s in the code of the pipeline", r.in.Step, name)
	if r.code == "" {
		return nil, missing
	}
	entries, err := e.artifacts.Manifest(ctx, r.in.Project, r.code)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(entry bine.ArtifactEntry) bool { return entry.Path == name })
	if i < 0 {
		return nil, missing
	}
	body, err := e.artifacts.Open(ctx, r.in.Project, entries[i].Hash)
	if err != nil {
		return nil, err
	}
	text, err = io.ReadAll(io.LimitReader(body, dags.MaxText+1))
	return text, errors.Join(err, body.Close())
}

// segment makes the process of an item of a sweep that of its trial: with its
// configuration, and with what the segment before left to go on from.
func (e *Engine) segment(ctx context.Context, r *resolution, p *bine.Process) error {
	var s bine.TrialSegment
	if err := json.Unmarshal(r.item, &s); err != nil {
		return fmt.Errorf("read segment %s of %s: %w", r.in.Item, r.in.Step, err)
	}
	with := map[string]json.RawMessage{}
	for _, text := range []json.RawMessage{p.With, s.Config} {
		if len(text) == 0 {
			continue
		}
		if err := json.Unmarshal(text, &with); err != nil {
			return fmt.Errorf("read what segment %s of %s is given: %w", r.in.Item, r.in.Step, err)
		}
	}
	var err error
	if p.With, err = json.Marshal(with); err != nil {
		return err
	}
	from := s.From
	s.From = 0
	for n := s.Segment - 1; from > 0 && n > 0 && p.Resume == nil; n-- {
		row, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: r.in.Step, Item: bine.SegmentKey(s.Trial, n)})
		if err != nil {
			return err
		}
		if left, found := row.Artifacts[bine.CheckpointName]; found && left.Kind == bine.ArtifactDir {
			p.Resume, s.From = &left, from
		}
	}
	p.Segment = &s
	return nil
}
