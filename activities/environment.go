package activities

import (
	"context"

	"github.com/bine-ml/bine"
)

// EnvironmentEngine keeps the ledger of environments.
type EnvironmentEngine interface {
	Get(ctx context.Context, project bine.ProjectName, version int) (bine.Environment, error)
	SetLock(ctx context.Context, project bine.ProjectName, version int, lock LockEnvironmentResult) error
	SetHost(ctx context.Context, project bine.ProjectName, version int, host bine.HostName, state string) error
	Move(ctx context.Context, project bine.ProjectName, version int, to bine.EnvironmentState, reason string) error
}

// Environments groups the activities that write down how far an environment is.
type Environments struct{ engine EnvironmentEngine }

// NewEnvironments makes the activities of environments.
func NewEnvironments(e EnvironmentEngine) *Environments { return &Environments{e} }

// DescribeEnvironment reads what a version is to consist of.
func (e *Environments) DescribeEnvironment(ctx context.Context, in EnvironmentInput) (LockEnvironmentInput, error) {
	env, err := e.engine.Get(ctx, in.Project, in.Version)
	out := LockEnvironmentInput{Project: in.Project, Version: in.Version, Python: env.Python, Requires: env.Requires}
	if env.State == bine.EnvironmentReady {
		out.Lock = env.Lock
	}
	return out, forTemporal(err)
}

// RecordLockInput carries the exact versions of an environment.
type RecordLockInput struct {
	Project bine.ProjectName      `json:"project"`
	Version int                   `json:"version"`
	Lock    LockEnvironmentResult `json:"lock"`
}

// RecordLock writes the exact versions down.
func (e *Environments) RecordLock(ctx context.Context, in RecordLockInput) error {
	return forTemporal(e.engine.SetLock(ctx, in.Project, in.Version, in.Lock))
}

// RecordHostInput says how far a host is with an environment.
type RecordHostInput struct {
	Project bine.ProjectName `json:"project"`
	Version int              `json:"version"`
	Host    bine.HostName    `json:"host"`
	State   string           `json:"state"`
}

// RecordHost writes down how far a host is.
func (e *Environments) RecordHost(ctx context.Context, in RecordHostInput) error {
	return forTemporal(e.engine.SetHost(ctx, in.Project, in.Version, in.Host, in.State))
}

// MoveEnvironmentInput says where a version stands now.
type MoveEnvironmentInput struct {
	Project bine.ProjectName      `json:"project"`
	Version int                   `json:"version"`
	To      bine.EnvironmentState `json:"to"`
	Reason  string                `json:"reason,omitempty"`
}

// MoveEnvironment writes where a version stands.
func (e *Environments) MoveEnvironment(ctx context.Context, in MoveEnvironmentInput) error {
	return forTemporal(e.engine.Move(ctx, in.Project, in.Version, in.To, in.Reason))
}
