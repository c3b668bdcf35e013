package workflows_test

import (
	"context"
	"slices"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// notes is what fakes were asked to do, in order; several workers write.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.lines)
}

func (n *notes) has(line string) bool { return slices.Contains(n.all(), line) }

// state is how the ledger notes a move.
func state(what, to, reason string) string {
	line := what + " " + to
	if reason != "" {
		line += ": " + reason
	}
	return line
}

// fakeProjects is a project engine in memory.
type fakeProjects struct {
	*notes
	hosts    func() []bine.HostName
	makeTree error
	move     func(to bine.ProjectState) error
	left     []int // answers of StopAll, in order; then nothing is left
}

func (f *fakeProjects) MakeTree(context.Context, bine.ProjectName) error {
	f.add("make tree")
	return f.makeTree
}

func (f *fakeProjects) RemoveTree(context.Context, bine.ProjectName) error {
	f.add("remove tree")
	return nil
}

func (f *fakeProjects) Move(_ context.Context, _ bine.ProjectName, to bine.ProjectState, reason string) error {
	if f.move != nil {
		if err := f.move(to); err != nil {
			return err
		}
	}
	f.add(state("project", string(to), reason))
	return nil
}

func (f *fakeProjects) StopAll(context.Context, bine.ProjectName) (left int, err error) {
	f.add("stop all")
	if len(f.left) > 0 {
		left, f.left = f.left[0], f.left[1:]
	}
	return left, nil
}

func (f *fakeProjects) Delete(context.Context, bine.ProjectName) error {
	f.add("delete rows")
	return nil
}

func (f *fakeProjects) Hosts(context.Context) ([]bine.HostName, error) { return f.hosts(), nil }

// fakeEnvironments is an environment engine in memory.
type fakeEnvironments struct {
	*notes
	is bine.Environment
}

func (f *fakeEnvironments) Get(context.Context, bine.ProjectName, int) (bine.Environment, error) {
	return f.is, nil
}

func (f *fakeEnvironments) SetLock(_ context.Context, _ bine.ProjectName, _ int, lock activities.LockEnvironmentResult) error {
	f.add("lock " + lock.Lock)
	return nil
}

func (f *fakeEnvironments) SetHost(_ context.Context, _ bine.ProjectName, _ int, host bine.HostName, to string) error {
	f.add(state(string(host), to, ""))
	return nil
}

func (f *fakeEnvironments) Move(_ context.Context, _ bine.ProjectName, _ int, to bine.EnvironmentState, reason string) error {
	f.add(state("environment", string(to), reason))
	return nil
}

// fakeDeployments is a deployment engine in memory.
type fakeDeployments struct{ *notes }

func (f *fakeDeployments) Move(_ context.Context, _ bine.ProjectName, _ bine.DeploymentName, to bine.DeploymentState, reason string) error {
	f.add(state("deployment", string(to), reason))
	return nil
}

func (f *fakeDeployments) Forget(context.Context, bine.ProjectName, bine.DeploymentName) error {
	f.add("deployment forgotten")
	return nil
}

// fakeTicks accepts every tick as the run nightly-1.
type fakeTicks struct {
	at   []int64
	plan activities.Accepted
}

func (f *fakeTicks) Accept(_ context.Context, in activities.TickInput) (activities.Accepted, error) {
	f.at = append(f.at, in.At)
	return f.plan, nil
}

// fakeAwaits is what steps wait for: nothing, unless told otherwise.
type fakeAwaits struct {
	mu        sync.Mutex
	check     func(in activities.AwaitInput, look int) (activities.Awaited, error)
	looks     int
	abandoned []string
}

func (f *fakeAwaits) Check(_ context.Context, in activities.AwaitInput) (activities.Awaited, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looks++; f.check != nil {
		return f.check(in, f.looks)
	}
	return activities.Awaited{State: bine.Succeeded}, nil
}

func (f *fakeAwaits) Abandon(_ context.Context, in activities.AwaitInput) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abandoned = append(f.abandoned, in.Workflow)
	return nil
}

// fakeBackfills answers what it is told to, and then that all has succeeded.
type fakeBackfills struct {
	answers []activities.Advanced
	fault   error
	looks   int
}

func (f *fakeBackfills) Advance(context.Context, activities.BackfillRef) (activities.Advanced, error) {
	if f.looks++; f.looks <= len(f.answers) {
		return f.answers[f.looks-1], f.fault
	}
	return activities.Advanced{State: bine.BackfillSucceeded}, f.fault
}
