package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/reference"
)

// mostOverEngine is what a light step may take, in times of what the bare
// workflow engine takes for one.
const mostOverEngine = 1.5

// Pipeline compares pipelines of light steps with the smallest workflows that
// do as many no-op activities, on the same server by the same kind of worker:
// chains, and layers of 20. A values step computes where it is; a notify step
// is an activity that posts to a receiver on this machine.
func Pipeline(ctx context.Context, in Installation, runs int) ([]Row, error) {
	w := worker.New(in.Temporal, reference.Queue, temporal.WorkerOptions(temporal.ControlWorker))
	reference.Register(w)
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("start reference worker: %w", err)
	}
	defer w.Stop()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer receiver.Close()
	kinds := []lightKind{{"values", `values: {n: 1}`}, {"notify", action(fmt.Sprintf(`notify: {webhook: %q, message: done}`, receiver.URL))}}
	var rows []Row
	for _, steps := range []int{10, 40, 160} {
		more, err := in.light(ctx, runs, shape{"chain", chain(steps), reference.ChainName, steps}, kinds)
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
	for _, depth := range []int{1, 5, 10} {
		const width = 20
		more, err := in.light(ctx, runs, shape{"layers of 20", layers(depth, width), reference.GraphName, reference.Layers(depth, width)}, kinds)
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// lightKind is a kind of step that is no process.
type lightKind struct {
	name string
	do   action
}

// shape is a graph, and the reference workflow that does the same.
type shape struct {
	name     string
	nodes    []node
	workflow string
	input    any
}

// light measures one shape: each kind of step and the reference by turns.
func (in Installation) light(ctx context.Context, runs int, s shape, kinds []lightKind) ([]Row, error) {
	var bare sample
	took := make([]sample, len(kinds))
	for n := range runs + 1 {
		d, err := in.reference(ctx, s.workflow, s.input)
		if err != nil {
			return nil, err
		}
		bare = append(bare, d)
		for k, kind := range kinds {
			name, err := in.store(ctx, fmt.Sprintf("%s-%s-%d", kind.name, s.workflow, len(s.nodes)), s.nodes, kind.do)
			if err != nil {
				return nil, err
			}
			done, err := in.run(ctx, name)
			if err != nil {
				return nil, err
			}
			took[k] = append(took[k], done.took)
		}
		if n == 0 { // that was to warm up
			bare = bare[:0]
			for k := range took {
				took[k] = took[k][:0]
			}
		}
	}
	var rows []Row
	for k, kind := range kinds {
		r := Row{Name: fmt.Sprintf("%s of %s steps, each", s.name, kind.name), Size: len(s.nodes), Value: perStep(took[k].median(), len(s.nodes)), Unit: "ms"}
		rows = append(rows, r.Against(perStep(bare.median(), len(s.nodes))).HeldTo(RatioAtMost(mostOverEngine)))
	}
	return rows, nil
}

// reference runs a reference workflow to its end.
func (in Installation) reference(ctx context.Context, workflow string, input any) (time.Duration, error) {
	options := sdk.StartWorkflowOptions{ID: "bench/" + rand.Text(), TaskQueue: reference.Queue, EnableEagerStart: true}
	began := time.Now()
	if _, err := in.Temporal.ExecuteWorkflow(ctx, options, workflow, input); err != nil {
		return 0, fmt.Errorf("start %s: %w", workflow, err)
	}
	end, err := in.closed(ctx, options.ID)
	return end.Sub(began), err
}
