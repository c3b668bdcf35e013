package run

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
)

// Projects is the part of the engine that makes and removes projects.
type Projects struct{ *Engine }

// MakeTree makes the directories of a project.
func (e Projects) MakeTree(ctx context.Context, project bine.ProjectName) error {
	return e.trees.MakeProjectTree(ctx, project)
}

// RemoveTree removes the directories of a project.
func (e Projects) RemoveTree(ctx context.Context, project bine.ProjectName) error {
	return e.trees.RemoveProject(ctx, project)
}

// Move writes where a project stands.
func (e Projects) Move(ctx context.Context, project bine.ProjectName, to bine.ProjectState, reason string) error {
	from := []bine.ProjectState{bine.ProjectProvisioning}
	if to == bine.ProjectDeleting {
		from = []bine.ProjectState{bine.ProjectProvisioning, bine.ProjectReady, bine.ProjectFailed}
	}
	return e.store.MoveProject(ctx, project, from, to, reason)
}

// StopAll asks everything in a project to stop, and counts what has not.
func (e Projects) StopAll(ctx context.Context, project bine.ProjectName) (int, error) {
	schedules, err := e.store.Schedules(ctx, project)
	if err != nil {
		return 0, err
	}
	for _, s := range schedules {
		if err := e.launcher.DeleteSchedule(ctx, project, s.Name); err != nil {
			return 0, err
		}
		if err := e.store.DeleteSchedule(ctx, project, s.Name); err != nil {
			return 0, err
		}
	}
	if err := e.stopBackfills(ctx, project); err != nil {
		return 0, err
	}
	left, err := e.stopRuns(ctx, project)
	if err != nil {
		return 0, err
	}
	copying, err := e.stopTransfers(ctx, project)
	if err != nil {
		return 0, err
	}
	left += copying
	versions, err := e.store.Environments(ctx, project)
	if err != nil {
		return 0, err
	}
	for _, v := range versions {
		if v.State != bine.EnvironmentBuilding {
			continue
		}
		going, err := e.launcher.StopBuilding(ctx, project, v.Version)
		if err != nil {
			return 0, err
		}
		if going {
			left++
		}
	}
	deployments, err := e.store.Deployments(ctx, project)
	if err != nil {
		return 0, err
	}
	for _, d := range deployments {
		left++
		if err := e.launcher.StopDeployment(ctx, project, d.Name, true); err != nil {
			return 0, err
		}
	}
	return left, nil
}

// stopAtOnce is how many runs in one state are cancelled in one go; StopAll is
// called until nothing is left.
const stopAtOnce = 1000

func (e Projects) stopRuns(ctx context.Context, project bine.ProjectName) (int, error) {
	left := 0
	for _, state := range unfinished() {
		runs, _, err := e.store.Runs(ctx, project, store.RunFilter{State: state}, "", stopAtOnce)
		if err != nil {
			return 0, err
		}
		for _, run := range runs {
			left++
			if err := e.launcher.CancelRun(ctx, project, run.ID); err != nil {
				return 0, err
			}
		}
	}
	return left, nil
}

// Delete forgets a project.
func (e Projects) Delete(ctx context.Context, project bine.ProjectName) error {
	return e.store.DeleteProject(ctx, project)
}

// Hosts names the hosts that are up.
func (e Projects) Hosts(ctx context.Context) ([]bine.HostName, error) {
	hosts, err := e.store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	var up []bine.HostName
	for _, h := range hosts {
		if h.State == bine.HostUp {
			up = append(up, h.Name)
		}
	}
	return up, nil
}

// Environments is the part of the engine that keeps environments.
type Environments struct{ *Engine }

// Get describes a version.
func (e Environments) Get(ctx context.Context, project bine.ProjectName, version int) (bine.Environment, error) {
	return e.store.Environment(ctx, project, version)
}

// SetLock writes the exact versions of an environment.
func (e Environments) SetLock(ctx context.Context, project bine.ProjectName, version int, lock activities.LockEnvironmentResult) error {
	return e.store.SetLock(ctx, project, version, lock.Lock, lock.Packages, lock.Python)
}

// SetHost writes how far a host is.
func (e Environments) SetHost(ctx context.Context, project bine.ProjectName, version int, host bine.HostName, state string) error {
	return e.store.SetEnvironmentHost(ctx, project, version, host, state)
}

// Move writes where a version stands. One that failed can be built again.
func (e Environments) Move(ctx context.Context, project bine.ProjectName, version int, to bine.EnvironmentState, reason string) error {
	from := []bine.EnvironmentState{bine.EnvironmentBuilding}
	if to == bine.EnvironmentBuilding {
		from = append(from, bine.EnvironmentFailed)
	}
	return e.store.MoveEnvironment(ctx, project, version, from, to, reason)
}

// Deployments is the part of the engine that keeps deployments.
type Deployments struct{ *Engine }

// Move writes where a deployment stands. One that was deleted meanwhile has no
// place to write it to.
func (e Deployments) Move(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, to bine.DeploymentState, reason string) error {
	from := []bine.DeploymentState{bine.DeploymentStarting, bine.DeploymentUpdating, bine.DeploymentReady, bine.DeploymentFailed, bine.DeploymentStopped}
	err := e.store.MoveDeployment(ctx, project, name, from, to, reason)
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// Forget removes a deployment.
func (e Deployments) Forget(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) error {
	return e.store.DeleteDeployment(ctx, project, name)
}
