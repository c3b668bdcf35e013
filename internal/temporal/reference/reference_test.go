package reference_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/bine-ml/bine/internal/temporal/reference"
)

// run runs a reference workflow and gives the steps in the order of their runs.
func run(t *testing.T, name string, arg any) ([]string, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflow(reference.Chain)
	env.RegisterWorkflow(reference.Graph)
	var lock sync.Mutex
	var steps []string
	env.RegisterActivityWithOptions(func(_ context.Context, step string) (string, error) {
		lock.Lock()
		defer lock.Unlock()
		steps = append(steps, step)
		return step, nil
	}, activity.RegisterOptions{Name: reference.StepName})
	env.ExecuteWorkflow(name, arg)
	return steps, env.GetWorkflowError()
}

func TestAChainRunsEveryStep(t *testing.T) {
	steps, err := run(t, "Chain", 5)
	if err != nil || len(steps) != 5 {
		t.Errorf("ran %v, %v", steps, err)
	}
}

func TestAGraphRunsEachNodeAfterItsNeeds(t *testing.T) {
	nodes := reference.Layers(4, 3)
	steps, err := run(t, "Graph", nodes)
	if err != nil || len(steps) != 12 {
		t.Fatalf("ran %v, %v", steps, err)
	}
	place := make(map[string]int)
	for i, s := range steps {
		place[s] = i
	}
	for _, n := range nodes {
		for _, need := range n.Needs {
			if place[need] > place[n.Name] {
				t.Errorf("%s ran before %s, which it needs", n.Name, need)
			}
		}
	}
}

func TestACycleIsAnError(t *testing.T) {
	_, err := run(t, "Graph", []reference.Node{{Name: "a"}, {Name: "b", Needs: []string{"c"}}, {Name: "c", Needs: []string{"b"}}})
	if err == nil || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("got %v", err)
	}
}
