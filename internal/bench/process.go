package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/workflows"
)

const (
	// leastSamples is how many single steps a percentile is taken of, at least.
	leastSamples = 20
	// mostAdded and mostAddedWide are what a process step may add to its
	// process, in milliseconds: alone or in a chain, and in layers.
	mostAdded     = 80
	mostAddedWide = 40
)

// Process compares steps that are processes with exec of the same, one after
// the other: one command, chains of Python programs that do nothing, and layers
// of 20. What it gives is the time that each step adds.
func Process(ctx context.Context, in Installation, runs int) ([]Row, error) {
	rows, err := in.single(ctx, max(runs, leastSamples))
	if err != nil {
		return rows, err
	}
	const noop action = "python: \"pass\\n\""
	for _, steps := range []int{10, 40, 80} {
		row, err := in.processes(ctx, runs, "chain of Python steps, added to each", chain(steps), noop)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row.HeldTo(AtMost(mostAdded)))
	}
	for _, depth := range []int{2, 5, 10} {
		row, err := in.processes(ctx, runs, "layers of 20 Python steps, added to each", layers(depth, 20), noop)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row.HeldTo(AtMost(mostAddedWide)))
	}
	return rows, nil
}

// processes measures a graph of processes.
func (in Installation) processes(ctx context.Context, runs int, name string, nodes []node, do action) (Row, error) {
	pipeline, err := in.store(ctx, fmt.Sprintf("python-%d-%d", len(nodes[len(nodes)-1].needs), len(nodes)), nodes, do)
	if err != nil {
		return Row{}, err
	}
	if _, err := in.run(ctx, pipeline); err != nil { // to warm up
		return Row{}, err
	}
	var bare, added sample
	for range runs {
		plain, err := execute(ctx, len(nodes), in.Python, "-c", "pass")
		if err != nil {
			return Row{}, err
		}
		done, err := in.run(ctx, pipeline)
		if err != nil {
			return Row{}, err
		}
		bare, added = append(bare, plain), append(added, done.took-plain)
	}
	r := Row{Name: name, Size: len(nodes), Value: perStep(added.median(), len(nodes)), Unit: "ms"}
	return r.Against(perStep(bare.median(), len(nodes))), nil
}

// parts are the times within one run of one process.
type parts struct {
	exec    sample // the bare program
	run     sample // from asking to the end of the run, less exec
	job     sample // the life of the step's workflow, less exec
	begin   sample // from asking to the begin of the process
	collect sample // from the end of the process to the end of the run
}

// single measures a run of one command.
func (in Installation) single(ctx context.Context, samples int) ([]Row, error) {
	argv := []string{in.Python, "-c", "pass"}
	pipeline, err := in.store(ctx, "command", chain(1), action(fmt.Sprintf("command: [%s]", strings.Join(argv, ", "))))
	if err != nil {
		return nil, err
	}
	var p parts
	for n := range samples + 1 {
		if n == 1 { // the first was to warm up
			p = parts{}
		}
		if err := in.one(ctx, pipeline, argv, &p); err != nil {
			return nil, err
		}
	}
	bare := ms(p.exec.median())
	row := func(name string, s sample) Row { return Row{Name: name, Value: ms(s.median()), Unit: "ms"} }
	return []Row{
		row("one command, added from asking for the run to its end, p50", p.run).Against(bare).HeldTo(AtMost(mostAdded)),
		row("one command, added within the workflow of the step, p50", p.job).Against(bare),
		row("one command, from asking for the run to the begin of the process, p50", p.begin),
		row("one command, from the end of the process to that of the run, p50", p.collect),
	}, nil
}

// one runs a program bare and as a run, and adds its times to p.
func (in Installation) one(ctx context.Context, pipeline bine.PipelineName, argv []string, p *parts) error {
	plain, err := execute(ctx, 1, argv...)
	if err != nil {
		return err
	}
	done, err := in.run(ctx, pipeline)
	if err != nil {
		return err
	}
	ref := client.StepRef{Step: "s0"}
	start, end, err := in.lifetime(ctx, workflows.StepWorkflowID(in.Project, done.run.ID, ref.Step, ""))
	if err != nil {
		return err
	}
	attempts, err := in.API.Attempts(ctx, in.Project, done.run.ID, ref)
	if err != nil {
		return err
	}
	if len(attempts) != 1 || attempts[0].StartedAt == nil || attempts[0].EndedAt == nil {
		return fmt.Errorf("run %s was not done by one attempt that started and ended: %d attempts", done.run.ID, len(attempts))
	}
	closed := done.asked.Add(done.took)
	p.exec, p.run, p.job = append(p.exec, plain), append(p.run, done.took-plain), append(p.job, end.Sub(start)-plain)
	p.begin = append(p.begin, attempts[0].StartedAt.Sub(done.asked))
	p.collect = append(p.collect, max(0, closed.Sub(*attempts[0].EndedAt)).Round(time.Microsecond))
	return nil
}
