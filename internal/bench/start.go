package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// What a run may take to begin, in milliseconds.
const (
	mostToLight = 50
	mostToLine  = 250
)

// Start measures how long a run that is asked for over REST takes to begin: to
// the start of a light step, and to the first line that a Python step prints,
// as a client that follows its log sees it.
func Start(ctx context.Context, in Installation, runs int) ([]Row, error) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer receiver.Close()
	samples := max(runs, leastSamples)
	var rows []Row
	for _, m := range []struct {
		name, pipeline string
		do             action
		goal           float64
		once           func(context.Context, bine.PipelineName) (time.Duration, error)
	}{
		{"REST to the start of a values step", "start-values", "values: {n: 1}", mostToLight, in.toStart},
		{"REST to the start of a notify step", "start-notify", action(fmt.Sprintf("notify: {webhook: %q, message: done}", receiver.URL)), mostToLight, in.toStart},
		{"REST to the first line of a Python step", "start-python", `python: "print('ready')\n"`, mostToLine, in.toLine},
	} {
		pipeline, err := in.store(ctx, m.pipeline, chain(1), m.do)
		if err != nil {
			return rows, err
		}
		var took sample
		for range samples + 1 {
			d, err := m.once(ctx, pipeline)
			if err != nil {
				return rows, err
			}
			took = append(took, d)
		}
		took = took[1:] // the first was to warm up
		rows = append(rows,
			Row{Name: m.name + ", p50", Value: ms(took.median()), Unit: "ms"}.HeldTo(AtMost(m.goal)),
			Row{Name: m.name + ", p95", Value: ms(took.percentile(95)), Unit: "ms"})
	}
	return rows, nil
}

// toStart runs a pipeline of one step and says how long that took to start.
func (in Installation) toStart(ctx context.Context, pipeline bine.PipelineName) (time.Duration, error) {
	done, err := in.run(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	steps, err := in.API.Steps(ctx, in.Project, done.run.ID)
	if err != nil {
		return 0, err
	}
	if len(steps) != 1 || (steps[0].StartedAt == nil && steps[0].EndedAt == nil) {
		return 0, fmt.Errorf("run %s has no step that started", done.run.ID)
	}
	first := steps[0].StartedAt
	if first == nil { // it was done the moment it began
		first = steps[0].EndedAt
	}
	return first.Sub(done.asked), nil
}

// toLine runs a pipeline of one step and says how long its first line took to
// be seen.
func (in Installation) toLine(ctx context.Context, pipeline bine.PipelineName) (time.Duration, error) {
	began := time.Now()
	run, err := in.API.StartRun(ctx, in.Project, pipeline, client.NewRun{NoCache: true})
	if err != nil {
		return 0, err
	}
	log, err := in.API.Logs(ctx, in.Project, run.ID, client.StepRef{Step: "s0"}, 0, true)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	if _, err := bufio.NewReader(log).ReadString('\n'); err != nil {
		return 0, fmt.Errorf("first line of run %s: %w", run.ID, err)
	}
	took := time.Since(began)
	_, err = in.API.Follow(ctx, in.Project, run.ID, nil)
	return took, err
}
