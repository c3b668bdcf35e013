package workflows

import (
	"fmt"

	"github.com/bine-ml/bine"
)

// The ids of workflows. They are meaningful, so that starting twice is a no-op
// and whoever knows an object knows its workflow.

// RunWorkflowID is the id of a run's workflow.
func RunWorkflowID(project bine.ProjectName, run bine.RunID) string {
	return fmt.Sprintf("%s/run/%s", project, run)
}

// StepWorkflowID is the id of the workflow of a step, or of an item of it.
func StepWorkflowID(project bine.ProjectName, run bine.RunID, step bine.StepName, item string) string {
	id := fmt.Sprintf("%s/%s", RunWorkflowID(project, run), step)
	if item != "" {
		id += "/" + item
	}
	return id
}

// ServerWorkflowID is the id of the workflow of one model server.
func ServerWorkflowID(o bine.Owner) string {
	return fmt.Sprintf("%s/server/%s/%s", o.Project, o.Name, o.Item)
}

// TurnWorkflowID is the id of the workflow in which a step, an item or a batch
// waits for its turn.
func TurnWorkflowID(project bine.ProjectName, run bine.RunID, step bine.StepName, item string) string {
	return StepWorkflowID(project, run, step, item) + "~turn"
}

// GroupWorkflowID is the id of the workflow that runs the items of a fan-out from
// a place in its list on.
func GroupWorkflowID(project bine.ProjectName, run bine.RunID, step bine.StepName, from int) string {
	return fmt.Sprintf("%s@%d", StepWorkflowID(project, run, step, ""), from)
}

// BackfillWorkflowID is the id of a backfill's workflow.
func BackfillWorkflowID(project bine.ProjectName, id bine.BackfillID) string {
	return fmt.Sprintf("%s/backfill/%s", project, id)
}

// TransferWorkflowID is the id of a transfer's workflow.
func TransferWorkflowID(project bine.ProjectName, id bine.TransferID) string {
	return fmt.Sprintf("%s/transfer/%s", project, id)
}

// OwnerWorkflowID is the id of the workflow that runs the processes of an owner.
func OwnerWorkflowID(o bine.Owner) string {
	if o.Kind == bine.OwnerDeployment {
		return ServerWorkflowID(o)
	}
	return StepWorkflowID(o.Project, bine.RunID(o.Name), o.Step, o.Item)
}

// DeploymentWorkflowID is the id of a deployment's workflow.
func DeploymentWorkflowID(project bine.ProjectName, name bine.DeploymentName) string {
	return fmt.Sprintf("%s/deployment/%s", project, name)
}

// ProvisionWorkflowID is the id of the workflow that makes a project.
func ProvisionWorkflowID(project bine.ProjectName) string { return string(project) + "/provision" }

// DeleteWorkflowID is the id of the workflow that removes a project.
func DeleteWorkflowID(project bine.ProjectName) string { return string(project) + "/delete" }

// EnvironmentWorkflowID is the id of the workflow that builds an environment.
func EnvironmentWorkflowID(project bine.ProjectName, version int) string {
	return fmt.Sprintf("%s/environment/%d", project, version)
}

// ScheduleID is the id of a schedule in Temporal; its ticks' workflows begin with it.
func ScheduleID(project bine.ProjectName, name bine.ScheduleName) string {
	return fmt.Sprintf("%s/schedule/%s", project, name)
}
