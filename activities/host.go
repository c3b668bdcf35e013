package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/bine-ml/bine"
)

// Supervisor is what an agent does for the activities of its host. All of its
// methods may be called again after a crash with the same input.
type Supervisor interface {
	// Take takes an attempt over: it starts its process, or attaches to the one
	// that an earlier call started. It returns soon; task is the token by which
	// the supervisor then sends heartbeats and completes the activity, with a
	// RunProcessResult or an error. It keeps the token on disk, so that a
	// restarted agent completes the same activity without waiting for a
	// time-out.
	Take(ctx context.Context, task []byte, in RunProcessInput) error
	// Stop ends the process of an attempt, asking first, and returns when it is
	// gone. An attempt that it does not know is no error.
	Stop(ctx context.Context, in StopProcessInput) error
	// InstallEnvironment puts a version of a project's environment in place.
	InstallEnvironment(ctx context.Context, in EnvironmentInput) error
	// LockEnvironment resolves requirements to exact versions.
	LockEnvironment(ctx context.Context, in LockEnvironmentInput) (LockEnvironmentResult, error)
	// RemoveEnvironments removes every environment of a project from the host.
	RemoveEnvironments(ctx context.Context, in ProjectInput) error
}

// Host groups the activities that run on a compute host, on its own queue.
type Host struct{ supervisor Supervisor }

// NewHost makes the activities of a host.
func NewHost(s Supervisor) *Host { return &Host{s} }

// RunProcessInput asks a host to run the process of an attempt, or to attach to it.
type RunProcessInput struct {
	Attempt bine.AttemptID `json:"attempt"`
	Owner   bine.Owner     `json:"owner"`
}

// RunProcessResult says how the attempt ended. The outputs are in the ledger
// already: the agent reported them before it completed the activity.
type RunProcessResult struct {
	State   bine.State   `json:"state"`
	Failure bine.Failure `json:"failure,omitempty"`
	Reason  string       `json:"reason,omitempty"`
}

// RunProcess runs a process to its end. It occupies no slot of the agent while
// the process runs.
func (h *Host) RunProcess(ctx context.Context, in RunProcessInput) (RunProcessResult, error) {
	if err := h.supervisor.Take(ctx, activity.GetInfo(ctx).TaskToken, in); err != nil {
		return RunProcessResult{}, unlessStopped(ctx, err)
	}
	return RunProcessResult{}, activity.ErrResultPending
}

// StopProcessInput asks a host to end the process of an attempt.
type StopProcessInput struct {
	Attempt bine.AttemptID `json:"attempt"`
	Reason  string         `json:"reason"`
}

// StopProcess ends a process.
func (h *Host) StopProcess(ctx context.Context, in StopProcessInput) error {
	return forTemporal(h.supervisor.Stop(ctx, in))
}

// EnvironmentInput names a version of a project's environment.
type EnvironmentInput struct {
	Project bine.ProjectName `json:"project"`
	Version int              `json:"version"`
	Lock    string           `json:"lock,omitempty"`
	Python  string           `json:"python,omitempty"`
}

// InstallEnvironment puts an environment in place on the host, complete or not at all.
func (h *Host) InstallEnvironment(ctx context.Context, in EnvironmentInput) error {
	stop := beat(ctx)
	defer stop()
	return unlessStopped(ctx, h.supervisor.InstallEnvironment(ctx, in))
}

// LockEnvironmentInput asks for exact versions.
type LockEnvironmentInput struct {
	Project  bine.ProjectName `json:"project"`
	Version  int              `json:"version"`
	Python   string           `json:"python,omitempty"`
	Requires []string         `json:"requires"`
	// Lock is what the version was resolved to when it was ready before: it
	// stays what it is.
	Lock string `json:"lock,omitempty"`
}

// LockEnvironmentResult is a set of exact versions.
type LockEnvironmentResult struct {
	Lock     string         `json:"lock"`
	Packages []bine.Package `json:"packages"`
	Python   string         `json:"python"`
}

// LockEnvironment resolves requirements to exact versions on a host.
func (h *Host) LockEnvironment(ctx context.Context, in LockEnvironmentInput) (LockEnvironmentResult, error) {
	stop := beat(ctx)
	defer stop()
	out, err := h.supervisor.LockEnvironment(ctx, in)
	return out, unlessStopped(ctx, err)
}

// ProjectInput names a project.
type ProjectInput struct {
	Project bine.ProjectName `json:"project"`
}

// RemoveEnvironments removes every environment of a project from the host.
func (h *Host) RemoveEnvironments(ctx context.Context, in ProjectInput) error {
	return forTemporal(h.supervisor.RemoveEnvironments(ctx, in))
}
