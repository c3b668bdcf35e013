package activities

import (
	"context"

	"github.com/bine-ml/bine"
)

// DeploymentEngine keeps the ledger of deployments.
type DeploymentEngine interface {
	Move(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, to bine.DeploymentState, reason string) error
	Forget(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) error
}

// Deployments groups the activities of deployments.
type Deployments struct{ engine DeploymentEngine }

// NewDeployments makes the activities of deployments.
func NewDeployments(e DeploymentEngine) *Deployments { return &Deployments{e} }

// MoveDeploymentInput says where a deployment stands now.
type MoveDeploymentInput struct {
	Project bine.ProjectName     `json:"project"`
	Name    bine.DeploymentName  `json:"name"`
	To      bine.DeploymentState `json:"to"`
	Reason  string               `json:"reason,omitempty"`
}

// MoveDeployment writes where a deployment stands.
func (d *Deployments) MoveDeployment(ctx context.Context, in MoveDeploymentInput) error {
	return forTemporal(d.engine.Move(ctx, in.Project, in.Name, in.To, in.Reason))
}

// ForgetDeployment removes a deployment that has stopped.
func (d *Deployments) ForgetDeployment(ctx context.Context, in MoveDeploymentInput) error {
	return forTemporal(d.engine.Forget(ctx, in.Project, in.Name))
}
