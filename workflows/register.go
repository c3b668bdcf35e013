// Package workflows says what happens next. Its code is deterministic: it
// knows no database, no network, no expression language and no clock but
// Temporal's. Every recorded history of it replays for ever.
package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// The names under which workflows are registered. They are part of stored
// histories: a Go function may be renamed, its name here may not.
const (
	RunPipelineName      = "run_pipeline"
	RunGroupName         = "run_group"
	RunJobName           = "run_job"
	ProvisionProjectName = "provision_project"
	DeleteProjectName    = "delete_project"
	BuildEnvironmentName = "build_environment"
	ServeDeploymentName  = "serve_deployment"
	TickName             = "tick"
	AwaitStepName        = "await_step"
	RunBackfillName      = "run_backfill"
	RunTransferName      = "run_transfer"
	RunSweepName         = "run_sweep"
)

// Register adds every workflow to w.
func Register(w worker.WorkflowRegistry) {
	for name, f := range all() {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
}

func all() map[string]any {
	return map[string]any{
		RunPipelineName:      RunPipeline,
		RunGroupName:         RunGroup,
		RunJobName:           RunJob,
		ProvisionProjectName: ProvisionProject,
		DeleteProjectName:    DeleteProject,
		BuildEnvironmentName: BuildEnvironment,
		ServeDeploymentName:  ServeDeployment,
		TickName:             Tick,
		AwaitStepName:        AwaitStep,
		RunBackfillName:      RunBackfill,
		RunTransferName:      RunTransfer,
		RunSweepName:         RunSweep,
	}
}
