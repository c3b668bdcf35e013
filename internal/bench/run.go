package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/temporal/reference"
	"github.com/bine-ml/bine/workflows"
)

// node is a step of a pipeline that is made for measuring.
type node struct {
	name  string
	needs []string
}

// chain gives n steps, each of which needs the one before.
func chain(n int) []node {
	nodes := make([]node, n)
	for i := range nodes {
		nodes[i].name = fmt.Sprintf("s%d", i)
		if i > 0 {
			nodes[i].needs = []string{nodes[i-1].name}
		}
	}
	return nodes
}

// layers gives the graph that reference.Layers gives.
func layers(depth, width int) []node {
	var nodes []node
	for _, n := range reference.Layers(depth, width) {
		one := node{name: identifier(n.Name)}
		for _, need := range n.Needs {
			one.needs = append(one.needs, identifier(need))
		}
		nodes = append(nodes, one)
	}
	return nodes
}

func identifier(name string) string { return strings.ReplaceAll(name, "-", "_") }

// action is what every step of a pipeline does: its line of YAML.
type action string

// store stores a pipeline whose steps do do.
func (in Installation) store(ctx context.Context, name string, nodes []node, do action) (bine.PipelineName, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "name: %s\nsteps:\n", name)
	for _, n := range nodes {
		fmt.Fprintf(&text, "  %s:\n    %s\n", n.name, do)
		if len(n.needs) > 0 {
			fmt.Fprintf(&text, "    needs: [%s]\n", strings.Join(n.needs, ", "))
		}
	}
	version, err := in.API.StorePipeline(ctx, in.Project, text.Bytes(), "")
	if err != nil {
		return "", fmt.Errorf("store %s: %w", name, err)
	}
	return version.Pipeline, nil
}

// finished is a run that went well.
type finished struct {
	run   bine.Run
	asked time.Time
	took  time.Duration // from asking for it to the end of its workflow
}

// run runs a pipeline to its end.
func (in Installation) run(ctx context.Context, pipeline bine.PipelineName) (finished, error) {
	out := finished{asked: time.Now()}
	run, err := in.API.StartRun(ctx, in.Project, pipeline, client.NewRun{NoCache: true})
	if err != nil {
		return out, err
	}
	closed, err := in.closed(ctx, workflows.RunWorkflowID(in.Project, run.ID))
	if err != nil {
		return out, err
	}
	out.took = closed.Sub(out.asked)
	if out.run, err = in.API.Run(ctx, in.Project, run.ID); err != nil {
		return out, err
	}
	if out.run.State != bine.Succeeded {
		return out, fmt.Errorf("run %s is %s: %s", run.ID, out.run.State, out.run.Reason)
	}
	return out, nil
}

// closed waits for the end of a workflow and says when that was. When a caller
// gets to know of it says nothing: the engine may tell late.
func (in Installation) closed(ctx context.Context, id string) (time.Time, error) {
	for {
		err := in.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil)
		if _, missing := errors.AsType[*serviceerror.NotFound](err); missing { // accepted, not started yet
			if err := pause(ctx, time.Millisecond); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("wait for %s: %w", id, err)
		}
		break
	}
	_, end, err := in.lifetime(ctx, id)
	return end, err
}

// lifetime says when a workflow that has ended started and ended.
func (in Installation) lifetime(ctx context.Context, id string) (start, end time.Time, err error) {
	about, err := in.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return start, end, fmt.Errorf("describe %s: %w", id, err)
	}
	info := about.GetWorkflowExecutionInfo()
	return info.GetStartTime().AsTime(), info.GetCloseTime().AsTime(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// execute runs a program n times, one after the other.
func execute(ctx context.Context, n int, argv ...string) (time.Duration, error) {
	began := time.Now()
	for range n {
		if err := exec.CommandContext(ctx, argv[0], argv[1:]...).Run(); err != nil {
			return 0, fmt.Errorf("run %s: %w", argv[0], err)
		}
	}
	return time.Since(began), nil
}

// StepPython finds out which interpreter a Python step runs on, by running one.
func (in Installation) StepPython(ctx context.Context) (string, error) {
	pipeline, err := in.store(ctx, "interpreter", chain(1), `python: "import sys\nprint(sys.executable)\n"`)
	if err != nil {
		return "", err
	}
	done, err := in.run(ctx, pipeline)
	if err != nil {
		return "", err
	}
	log, err := in.API.Logs(ctx, in.Project, done.run.ID, client.StepRef{Step: "s0"}, 0, false)
	if err != nil {
		return "", err
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	return strings.TrimSpace(string(text)), err
}
