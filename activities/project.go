package activities

import (
	"context"

	"github.com/bine-ml/bine"
)

// ProjectEngine makes and removes what a project consists of. Every method may
// be called again.
type ProjectEngine interface {
	MakeTree(ctx context.Context, project bine.ProjectName) error
	RemoveTree(ctx context.Context, project bine.ProjectName) error
	Move(ctx context.Context, project bine.ProjectName, to bine.ProjectState, reason string) error
	// StopAll cancels runs, stops deployments and removes schedules, and answers
	// how much of that is still going on.
	StopAll(ctx context.Context, project bine.ProjectName) (left int, err error)
	Delete(ctx context.Context, project bine.ProjectName) error
	Hosts(ctx context.Context) ([]bine.HostName, error)
}

// Projects groups the activities of projects.
type Projects struct{ engine ProjectEngine }

// NewProjects makes the activities of projects.
func NewProjects(e ProjectEngine) *Projects { return &Projects{e} }

// MakeProjectTree makes the directories of a project.
func (p *Projects) MakeProjectTree(ctx context.Context, in ProjectInput) error {
	return forTemporal(p.engine.MakeTree(ctx, in.Project))
}

// RemoveProjectTree removes the directories of a project; it undoes MakeProjectTree.
func (p *Projects) RemoveProjectTree(ctx context.Context, in ProjectInput) error {
	stop := beat(ctx)
	defer stop()
	return forTemporal(p.engine.RemoveTree(ctx, in.Project))
}

// MoveProjectInput says where a project stands now.
type MoveProjectInput struct {
	Project bine.ProjectName  `json:"project"`
	To      bine.ProjectState `json:"to"`
	Reason  string            `json:"reason,omitempty"`
}

// MoveProject writes where a project stands.
func (p *Projects) MoveProject(ctx context.Context, in MoveProjectInput) error {
	return forTemporal(p.engine.Move(ctx, in.Project, in.To, in.Reason))
}

// StopProject asks everything in a project to stop and answers how much of it still goes on.
func (p *Projects) StopProject(ctx context.Context, in ProjectInput) (int, error) {
	left, err := p.engine.StopAll(ctx, in.Project)
	return left, forTemporal(err)
}

// DeleteProjectRows forgets a project.
func (p *Projects) DeleteProjectRows(ctx context.Context, in ProjectInput) error {
	return forTemporal(p.engine.Delete(ctx, in.Project))
}

// ListHosts names the hosts that are up.
func (p *Projects) ListHosts(ctx context.Context) ([]bine.HostName, error) {
	hosts, err := p.engine.Hosts(ctx)
	return hosts, forTemporal(err)
}
