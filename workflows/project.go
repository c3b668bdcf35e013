package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// ProvisionProjectInput makes a project whose row is there already. Environment
// is the version to build for it; 0 is none.
type ProvisionProjectInput struct {
	Project     bine.ProjectName `json:"project"`
	Environment int              `json:"environment,omitempty"`
}

// ProvisionProject makes what a project consists of. A part that fails for
// good, or a cancel, undoes the parts that were made, in reverse, and the
// project is failed with the reason.
func ProvisionProject(ctx workflow.Context, in ProvisionProjectInput) error {
	ctx = workflow.WithActivityOptions(ctx, quick)
	project := activities.ProjectInput{Project: in.Project}
	var undo []func(workflow.Context)
	fail := func(err error) error {
		ctx, done := workflow.NewDisconnectedContext(ctx)
		defer done()
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i](ctx)
		}
		return moveProject(ctx, in.Project, bine.ProjectFailed, activities.Message(err))
	}

	if err := moveProject(ctx, in.Project, bine.ProjectProvisioning, ""); err != nil {
		if final(err) { // it is ready by now, or is being deleted: nothing of it is ours to undo
			return err
		}
		return fail(err)
	}
	undo = append(undo, func(ctx workflow.Context) {
		logged(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, long), projects.RemoveProjectTree, project).Get(ctx, nil))
	})
	if err := workflow.ExecuteActivity(ctx, projects.MakeProjectTree, project).Get(ctx, nil); err != nil {
		return fail(err)
	}
	if in.Environment > 0 {
		undo = append(undo, func(ctx workflow.Context) { removeEnvironments(ctx, in.Project) })
		env := activities.EnvironmentInput{Project: in.Project, Version: in.Environment}
		id := EnvironmentWorkflowID(in.Project, in.Environment)
		if err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), BuildEnvironmentName, env).Get(ctx, nil); err != nil {
			return fail(err)
		}
	}
	if err := moveProject(ctx, in.Project, bine.ProjectReady, ""); err != nil {
		return fail(err)
	}
	return nil
}

func moveProject(ctx workflow.Context, project bine.ProjectName, to bine.ProjectState, reason string) error {
	return workflow.ExecuteActivity(ctx, projects.MoveProject, activities.MoveProjectInput{Project: project, To: to, Reason: reason}).Get(ctx, nil)
}

// logged notes an error of an undo, which must not keep the next one from being tried.
func logged(ctx workflow.Context, err error) {
	if err != nil {
		workflow.GetLogger(ctx).Error("undo failed", "error", err)
	}
}

// stopAgain is how often a project that is being deleted is asked whether
// everything in it has stopped.
const stopAgain = time.Second

// DeleteProject stops everything in a project and removes it.
func DeleteProject(ctx workflow.Context, in activities.ProjectInput) error {
	ctx = workflow.WithActivityOptions(ctx, quick)
	if err := moveProject(ctx, in.Project, bine.ProjectDeleting, ""); err != nil {
		return err
	}
	for {
		var left int
		if err := workflow.ExecuteActivity(ctx, projects.StopProject, in).Get(ctx, &left); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if err := workflow.Sleep(ctx, stopAgain); err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, DeleteProjectName, in)
		}
	}
	removeEnvironments(ctx, in.Project)
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, long), projects.RemoveProjectTree, in).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(ctx, projects.DeleteProjectRows, in).Get(ctx, nil)
}

// reachHost is how long a call on a host's queue waits for an agent that may be gone.
const reachHost = time.Minute

// removeEnvironments removes a project's environments from every host that
// answers; one that does not removes what belongs to nobody when it returns.
func removeEnvironments(ctx workflow.Context, project bine.ProjectName) {
	hosts, err := listHosts(ctx)
	if err != nil {
		logged(ctx, err)
		return
	}
	var futures []workflow.Future
	for _, name := range hosts {
		options := onHost(workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3}}, name, reachHost)
		futures = append(futures, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), host.RemoveEnvironments, activities.ProjectInput{Project: project}))
	}
	for _, f := range futures {
		logged(ctx, f.Get(ctx, nil))
	}
}

func listHosts(ctx workflow.Context) ([]bine.HostName, error) {
	var hosts []bine.HostName
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, quick), projects.ListHosts).Get(ctx, &hosts)
	return hosts, err
}
