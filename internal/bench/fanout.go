package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/workflows"
)

// What a fan-out of many light items is held to.
const (
	mostEvents     = 10_000 // of any history
	mostHeapGrowth = 1.2    // of 100,000 items beside 10,000
)

// FanOut runs fan-outs of more and more light items, each once: what an item
// takes, how long the longest history gets, and the memory that is in use
// meanwhile, with the server and all else in this process.
func FanOut(ctx context.Context, in Installation, _ int) ([]Row, error) {
	var rows []Row
	reference := 0.0
	for _, items := range []int{1_000, 10_000, 100_000} {
		text := fmt.Sprintf("name: fan-%d\nsteps:\n  fan: {foreach: {items: \"${{ range(%d) }}\"}, values: {n: \"${{ item }}\"}}\n", items, items)
		version, err := in.API.StorePipeline(ctx, in.Project, []byte(text), "")
		if err != nil {
			return rows, err
		}
		stop := watchHeap(ctx)
		done, err := in.run(ctx, version.Pipeline)
		heap := stop()
		if err != nil {
			return rows, err
		}
		events, err := in.longest(ctx, done.run.ID, "fan", items)
		if err != nil {
			return rows, err
		}
		memory := Row{Name: "memory in use during a fan-out", Size: items, Value: heap / (1 << 20), Unit: "MiB"}
		if items == 10_000 {
			reference = memory.Value
		} else if reference > 0 {
			memory = memory.Against(reference).HeldTo(RatioAtMost(mostHeapGrowth))
		}
		rows = append(rows, Row{Name: "fan-out of values items, each", Size: items, Value: perStep(done.took, items), Unit: "ms"},
			Row{Name: "longest history of a fan-out", Size: items, Value: events, Unit: "events"}.HeldTo(AtMost(mostEvents)), memory)
	}
	return rows, nil
}

// longest gives the events of the longest history of a run with a fan-out.
func (in Installation) longest(ctx context.Context, run bine.RunID, step bine.StepName, items int) (float64, error) {
	ids := []string{workflows.RunWorkflowID(in.Project, run)}
	for from := 0; from < items; from += workflows.GroupSize {
		ids = append(ids, workflows.GroupWorkflowID(in.Project, run, step, from))
	}
	var most int64
	for _, id := range ids {
		about, err := in.Temporal.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			return 0, fmt.Errorf("describe %s: %w", id, err)
		}
		most = max(most, about.GetWorkflowExecutionInfo().GetHistoryLength())
	}
	return float64(most), nil
}

// watchHeap looks every second how many bytes are in use after a collection;
// the answer stops that and gives the most.
func watchHeap(ctx context.Context) (stop func() float64) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			runtime.GC()
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			if pause(ctx, time.Second) != nil {
				ended <- most
				return
			}
		}
	}()
	return func() float64 { cancel(); return float64(<-ended) }
}
