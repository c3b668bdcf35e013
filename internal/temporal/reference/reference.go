// Package reference holds the smallest possible workflows for what Bine does
// with Temporal: a chain of activities, and an interpreter of a graph of them.
// Benchmarks run them on the same server, in the same minute, as Bine's own, so
// that what Bine costs over the bare SDK is a ratio and not a machine's figure.
// Nothing else uses them.
package reference

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
)

// The names under which the workflows and the activity are registered, and the
// queue they are usually run on.
const (
	Queue     = "reference"
	NoopName  = "reference-noop"
	ChainName = "reference-chain"
	GraphName = "reference-graph"
	StepName  = "reference-step"
)

// Register adds the reference workflows and their activity to a worker.
func Register(w worker.Registry) {
	w.RegisterWorkflowWithOptions(Noop, workflow.RegisterOptions{Name: NoopName})
	w.RegisterWorkflowWithOptions(Chain, workflow.RegisterOptions{Name: ChainName})
	w.RegisterWorkflowWithOptions(Graph, workflow.RegisterOptions{Name: GraphName})
	w.RegisterActivityWithOptions(Step, activity.RegisterOptions{Name: StepName})
}

// Step is the activity that does nothing; it answers the name it was given.
func Step(_ context.Context, name string) (string, error) { return name, nil }

// Noop is the workflow that does nothing.
func Noop(workflow.Context) error { return nil }

// Chain runs steps one after the other.
func Chain(ctx workflow.Context, steps int) error {
	ctx = withOptions(ctx)
	for range steps {
		if err := workflow.ExecuteActivity(ctx, StepName, "step").Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// Node is a step of a graph and the names of the steps that it waits for.
type Node struct {
	Name  string   `json:"name"`
	Needs []string `json:"needs,omitempty"`
}

// Layers makes a graph of layers of equal width in which every node waits for
// two nodes of the layer before it: those at its place and at the next.
func Layers(layers, width int) []Node {
	nodes := make([]Node, 0, layers*width)
	for l := range layers {
		for i := range width {
			n := Node{Name: nodeName(l, i)}
			if l > 0 {
				n.Needs = []string{nodeName(l-1, i)}
			}
			if l > 0 && width > 1 {
				n.Needs = append(n.Needs, nodeName(l-1, (i+1)%width))
			}
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func nodeName(layer, place int) string { return fmt.Sprintf("n-%d-%d", layer, place) }

// Graph starts each node the moment that the last of its needs is done, and
// fails with the first failure. It walks slices only, never a map, so that a
// replay asks for the same in the same order.
func Graph(ctx workflow.Context, nodes []Node) error {
	ctx = withOptions(ctx)
	waits := make(map[string]int, len(nodes))       // needs that are not done yet
	followers := make(map[string][]int, len(nodes)) // places in nodes, in order
	for i, n := range nodes {
		waits[n.Name] = len(n.Needs)
		for _, need := range n.Needs {
			followers[need] = append(followers[need], i)
		}
	}
	selector := workflow.NewSelector(ctx)
	running, done := 0, 0
	var failure error
	var start func(n Node)
	start = func(n Node) {
		running++
		selector.AddFuture(workflow.ExecuteActivity(ctx, StepName, n.Name), func(f workflow.Future) {
			running--
			if err := f.Get(ctx, nil); err != nil {
				failure = errors.Join(failure, err)
				return
			}
			done++
			for _, i := range followers[n.Name] {
				if waits[nodes[i].Name]--; waits[nodes[i].Name] == 0 && failure == nil {
					start(nodes[i])
				}
			}
		})
	}
	for _, n := range nodes {
		if len(n.Needs) == 0 {
			start(n)
		}
	}
	for running > 0 {
		selector.Select(ctx)
	}
	if failure == nil && done < len(nodes) {
		return bine.Errorf(bine.Invalid, "the graph has a cycle, or a need that is no node")
	}
	return failure
}

func withOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 5 * time.Second})
}
