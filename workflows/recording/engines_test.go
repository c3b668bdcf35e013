package recording_test

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// engine plays every engine behind the activities. Names decide what happens:
// a step called bad fails, one called slow never ends, and so on.
type engine struct {
	mu       sync.Mutex
	waited   map[string]bool // owners whose first request for resources was not met
	looked   map[string]int  // how often something was looked at
	stopping int
}

func newEngine() *engine { return &engine{waited: map[string]bool{}, looked: map[string]int{}} }

// first reports whether something is looked at for the first time.
func (e *engine) first(what string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looked[what]++
	return e.looked[what] == 1
}

func (e *engine) Begin(_ context.Context, in activities.RunRef) (activities.Begun, error) {
	out := activities.Begun{State: bine.Running, Environment: 1}
	switch in.Run {
	case "queued-1":
		if e.first("queued-1") {
			return activities.Begun{State: bine.Waiting, Reason: "at most one at a time"}, nil
		}
	case "late-1":
		out.DeadlineAt = time.Now().UnixMicro()
	}
	return out, nil
}

// Check lets everything wait once.
func (e *engine) Check(_ context.Context, in activities.AwaitInput) (activities.Awaited, error) {
	switch {
	case in.Step == "ever" || e.first(in.Workflow):
		return activities.Awaited{State: bine.Waiting, Again: 0.2, Notify: in.Step == "ask"}, nil
	case in.Turn:
		return activities.Awaited{State: bine.Pending}, nil
	}
	return activities.Awaited{State: bine.Succeeded}, nil
}

func (e *engine) Abandon(context.Context, activities.AwaitInput) error { return nil }

func (e *engine) Advance(_ context.Context, in activities.BackfillRef) (activities.Advanced, error) {
	if e.first(string(in.Backfill)) {
		return activities.Advanced{State: bine.BackfillRunning, Again: 60}, nil
	}
	return activities.Advanced{State: bine.BackfillSucceeded}, nil
}

func (e *engine) Finish(_ context.Context, _ activities.RunRef, end activities.Outcome) (activities.Finished, error) {
	return activities.Finished{Outcome: end, Notify: end.State == bine.Failed}, nil
}

func (e *engine) Notify(context.Context, activities.RunRef) error { return nil }

func (e *engine) Resolve(_ context.Context, in activities.StepRef) (activities.Resolved, error) {
	switch {
	case in.Step == "turn" && e.first("turn of "+string(in.Run)):
		return activities.Resolved{State: bine.Waiting, Reason: "a pool is full"}, nil
	case in.Item == "" && (in.Step == "score" || in.Step == "label"):
		return activities.Resolved{State: bine.Pending, Items: 5}, nil
	case in.Step == "unwanted":
		return activities.Resolved{State: bine.Skipped, Reason: "its condition is false"}, nil
	case in.Step == "known" || in.Item == "a":
		return activities.Resolved{State: bine.Cached}, nil
	case in.Step == "fan" && in.Item == "":
		return activities.Resolved{State: bine.Pending, Items: 5}, nil
	}
	return activities.Resolved{State: bine.Pending}, nil
}

func (e *engine) ItemKeys(_ context.Context, _ activities.StepRef, from, count int) ([]string, error) {
	return []string{"a", "b", "c", "d", "e"}[from : from+count], nil
}

func (e *engine) Settle(_ context.Context, _ activities.StepRef, end activities.Outcome) (activities.Outcome, error) {
	return end, nil
}

func (e *engine) Gather(context.Context, activities.StepRef) (activities.Outcome, error) {
	return activities.Outcome{State: bine.Succeeded}, nil
}

func (e *engine) Perform(_ context.Context, in activities.StepRef) (activities.Outcome, error) {
	if in.Step == "tell" && e.first("the receiver") {
		return activities.Outcome{}, bine.Errorf(bine.Unavailable, "webhook answered 503")
	}
	return activities.Outcome{State: bine.Succeeded}, nil
}

func (e *engine) Accept(_ context.Context, in activities.TickInput) (activities.Accepted, error) {
	return activities.Accepted{RunRef: activities.RunRef{Project: in.Project, Run: "nightly-1"}, Plan: plan.Plan{Steps: []plan.Step{{Name: "known", Kind: "python", Process: true}}}}, nil
}

// attempts grants resources on host h1; the first attempt of a step called lost
// on a host that is not there, and what waits, when it asks for the second time.
type attempts struct{ *engine }

func (e attempts) Start(_ context.Context, in activities.StartAttemptInput) (activities.Granted, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number), Host: "h1"}
	switch {
	case in.Owner.Step == "lost" && in.Number == 1:
		out.Host = "gone"
	case in.Owner.Step == "huge":
		out.Host, out.Refused = "", "it asks for 64 cores, which no host has"
	case in.Owner.Step == "waits" && !e.waited[in.Owner.Name]:
		out.Host, e.waited[in.Owner.Name] = "", true
	}
	return out, nil
}

func (e attempts) End(_ context.Context, _ bine.AttemptID, end activities.Outcome) (activities.Outcome, error) {
	return end, nil
}

// projects are made and removed without anything to do; what is in them takes a
// moment to stop.
type projects struct{ *engine }

func (e projects) MakeTree(context.Context, bine.ProjectName) error   { return nil }
func (e projects) RemoveTree(context.Context, bine.ProjectName) error { return nil }
func (e projects) Delete(context.Context, bine.ProjectName) error     { return nil }
func (e projects) Hosts(context.Context) ([]bine.HostName, error) {
	return []bine.HostName{"h1"}, nil
}

func (e projects) Move(context.Context, bine.ProjectName, bine.ProjectState, string) error {
	return nil
}

func (e projects) StopAll(context.Context, bine.ProjectName) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopping++
	return max(0, 2-e.stopping), nil
}

type environments struct{ *engine }

func (e environments) Get(context.Context, bine.ProjectName, int) (bine.Environment, error) {
	return bine.Environment{Version: 1, State: bine.EnvironmentBuilding, Requires: []string{"httpx"}}, nil
}

func (e environments) SetLock(context.Context, bine.ProjectName, int, activities.LockEnvironmentResult) error {
	return nil
}

func (e environments) SetHost(context.Context, bine.ProjectName, int, bine.HostName, string) error {
	return nil
}

func (e environments) Move(context.Context, bine.ProjectName, int, bine.EnvironmentState, string) error {
	return nil
}

type deployments struct{ *engine }

func (e deployments) Move(context.Context, bine.ProjectName, bine.DeploymentName, bine.DeploymentState, string) error {
	return nil
}

func (e deployments) Forget(context.Context, bine.ProjectName, bine.DeploymentName) error { return nil }

// host plays the agent of a host: it completes processes as their names say.
type host struct {
	*engine
	client  client.Client
	mu      sync.Mutex
	servers map[string][]byte // tokens of model servers by generation
}

func (h *host) Take(_ context.Context, task []byte, in activities.RunProcessInput) error {
	end := activities.RunProcessResult{State: bine.Succeeded}
	switch {
	case in.Owner.Kind == bine.OwnerDeployment && in.Owner.Name != "delay@3":
		h.mu.Lock()
		defer h.mu.Unlock()
		h.servers[in.Owner.Item] = append([]byte(nil), task...)
		return nil
	case in.Owner.Step == "slow":
		return nil
	case in.Owner.Step == "bad" || in.Owner.Kind == bine.OwnerDeployment:
		end = activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"}
	}
	token := append([]byte(nil), task...)
	go func() {
		for h.client.CompleteActivity(context.Background(), token, end, nil) != nil {
		}
	}()
	return nil
}

// running says whether the server of a generation has been started.
func (h *host) running(generation string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.servers[generation] != nil
}

// kill ends the server of a generation.
func (h *host) kill(ctx context.Context, generation string) error {
	h.mu.Lock()
	task := h.servers[generation]
	delete(h.servers, generation)
	h.mu.Unlock()
	end := activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureMemory, Reason: "killed"}
	return h.client.CompleteActivity(ctx, task, end, nil)
}

func (h *host) Stop(context.Context, activities.StopProcessInput) error { return nil }

func (h *host) InstallEnvironment(context.Context, activities.EnvironmentInput) error { return nil }

func (h *host) LockEnvironment(_ context.Context, in activities.LockEnvironmentInput) (activities.LockEnvironmentResult, error) {
	if in.Project == "wrong" {
		return activities.LockEnvironmentResult{}, bine.Errorf(bine.Invalid, "no version of htpx is there")
	}
	return activities.LockEnvironmentResult{Lock: "httpx==0.28.1", Python: "3.11.7", Packages: []bine.Package{{Name: "httpx", Version: "0.28.1"}}}, nil
}

func (h *host) RemoveEnvironments(context.Context, activities.ProjectInput) error { return nil }

func (e *engine) Late(_ context.Context, in activities.RunRef) (activities.Finished, error) {
	return activities.Finished{Outcome: activities.Outcome{State: bine.Running}, Notify: true}, nil
}

// transferring needs two calls for an import, and can export nothing.
type transferring struct{ *engine }

func (e transferring) Move(_ context.Context, in activities.TransferRef) (activities.Moved, error) {
	switch {
	case in.Transfer == "export-2":
		return activities.Moved{}, bine.Errorf(bine.Forbidden, "the connector sea is read-only")
	case e.first(string(in.Transfer)):
		return activities.Moved{State: bine.TransferRunning, Progress: bine.Progress{Copied: 64, Bytes: 4096}}, nil
	}
	return activities.Moved{State: bine.TransferSucceeded, Progress: bine.Progress{Copied: 100, Bytes: 6400}}, nil
}

func (e transferring) GiveUp(context.Context, activities.GaveUp) (activities.Moved, error) {
	return activities.Moved{State: bine.TransferFailed}, nil
}
