package run

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/internal/store"
)

// inputs finds the artifacts that a step takes. Where a step runs whatever
// became of those that it reads, what they did not give is left out.
func (e *Engine) inputs(ctx context.Context, r *resolution, refs map[string]dags.Ref) (map[string]bine.ArtifactRef, error) {
	out := map[string]bine.ArtifactRef{}
	for name, ref := range refs {
		artifact, err := e.artifact(ctx, r, ref)
		if bine.IsKind(err, bine.NotFound) && r.maySkip(ref.Step) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[name] = artifact
	}
	return out, nil
}

// maySkip reports whether the step runs though another gave nothing.
func (r *resolution) maySkip(name bine.StepName) bool {
	from, _ := r.dag.Step(name)
	return r.step.Join != plan.AllSucceeded || from.Phase != r.step.Phase
}

// artifact finds an output; of a fan-out, the directory of that output of every
// item, or of values a file with a line for each; of one whose items the step
// follows, that of the item.
func (e *Engine) artifact(ctx context.Context, r *resolution, ref dags.Ref) (bine.ArtifactRef, error) {
	at := store.StepRef{Run: r.in.Run, Step: ref.Step}
	follows := slices.Contains(r.dag.Chain(r.in.Step), ref.Step)
	if follows {
		at.Item = r.in.Item
	}
	row, err := e.store.Step(ctx, r.in.Project, at)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	if artifact, found := row.Artifacts[ref.Output]; found {
		return artifact, nil
	}
	from, _ := r.dag.Step(ref.Step)
	switch {
	case from.Foreach == nil || follows || !row.State.Ended() || row.State == bine.Skipped:
		return bine.ArtifactRef{}, bine.Errorf(bine.NotFound, "step %s gave no output %s", path.Join(string(ref.Step), at.Item), ref.Output)
	case from.AllOutputs()[ref.Output] != dags.Artifact:
		return e.lines(ctx, r, ref)
	}
	return e.directory(ctx, r, ref)
}

// directory gathers an artifact of every item.
func (e *Engine) directory(ctx context.Context, r *resolution, ref dags.Ref) (bine.ArtifactRef, error) {
	all := bine.ArtifactRef{Kind: bine.ArtifactDir, Parts: map[string]bine.ArtifactRef{}}
	var sums []string
	for item, err := range e.store.ItemOutputs(ctx, r.in.Project, r.in.Run, ref.Step) {
		if err != nil {
			return all, err
		}
		part, found := item.Artifacts[ref.Output]
		if !found {
			continue
		}
		all.Parts[item.Item] = part
		all.Size += part.Size
		sums = append(sums, item.Item+" "+string(part.Hash))
	}
	slices.Sort(sums)
	all.Hash = bine.HashOf([]byte(strings.Join(sums, "\n")))
	return all, nil
}

// line is what a file of values says of one item.
type line struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// lines makes a file of a value of every item, in the order of the items: a
// line of JSON for each. It is streamed: of many items only some are in memory.
func (e *Engine) lines(ctx context.Context, r *resolution, ref dags.Ref) (bine.ArtifactRef, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	read, write := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		write.CloseWithError(e.writeLines(ctx, write, r, ref))
	}()
	file, err := e.artifacts.Keep(ctx, r.in.Project, read)
	read.CloseWithError(io.ErrClosedPipe) // so that the writer ends where not everything was read
	<-written
	if err != nil {
		return file, fmt.Errorf("gather %s: %w", ref, err)
	}
	file.Name = ref.Output + ".jsonl"
	return file, nil
}

func (e *Engine) writeLines(ctx context.Context, w io.Writer, r *resolution, ref dags.Ref) error {
	buffer := bufio.NewWriter(w)
	out := json.NewEncoder(buffer)
	out.SetEscapeHTML(false)
	for item, err := range e.store.ItemOutputs(ctx, r.in.Project, r.in.Run, ref.Step) {
		if err != nil {
			return err
		}
		value, found := item.Values[ref.Output]
		if !found {
			continue
		}
		if err := out.Encode(line{item.Item, value}); err != nil {
			return err
		}
	}
	return buffer.Flush()
}
