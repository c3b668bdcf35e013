package api

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// Store is the part of the platform's metadata that the API uses, noun by noun.
type Store interface {
	userStore
	projectStore
	environmentStore
	pipelineStore
	runStore
	attemptStore
	hostStore
	modelStore
	trackedStore
	deploymentStore
	scheduleStore
	backfillStore
	triggerStore
	approvalStore
	connectorStore
	transferStore
	settings
	eventStore
}

type userStore interface {
	CreateUser(ctx context.Context, user bine.User, passwordHash string) error
	User(ctx context.Context, name bine.UserName) (bine.User, error)
	Users(ctx context.Context) ([]bine.User, error)
	DeleteUser(ctx context.Context, name bine.UserName) error
	Keys(ctx context.Context, user bine.UserName) ([]bine.Key, error)
	SealKey(ctx context.Context, id, sealed string) error
	SealedKey(ctx context.Context, id string) (string, error)
	DeleteKey(ctx context.Context, user bine.UserName, id string) error
	AppendAudit(ctx context.Context, a bine.Audit) error
	Audits(ctx context.Context, after int64, limit int) ([]bine.Audit, error)
}

type projectStore interface {
	CreateProjectWith(ctx context.Context, p bine.Project, first *bine.Environment) error
	Project(ctx context.Context, name bine.ProjectName) (bine.Project, error)
	Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error)
	MoveProject(ctx context.Context, name bine.ProjectName, from []bine.ProjectState, to bine.ProjectState, reason string) error
	SetSandboxed(ctx context.Context, name bine.ProjectName, sandboxed bool) error
	Members(ctx context.Context, project bine.ProjectName) ([]bine.Member, error)
	SetMember(ctx context.Context, project bine.ProjectName, m bine.Member) error
	RemoveMember(ctx context.Context, project bine.ProjectName, user bine.UserName) error
	RoleOf(ctx context.Context, project bine.ProjectName, user bine.UserName) (bine.Role, bool, error)
}

type environmentStore interface {
	CreateEnvironment(ctx context.Context, project bine.ProjectName, e bine.Environment) (bine.Environment, error)
	Environment(ctx context.Context, project bine.ProjectName, version int) (bine.Environment, error)
	Environments(ctx context.Context, project bine.ProjectName) ([]bine.Environment, error)
	CurrentEnvironment(ctx context.Context, project bine.ProjectName) (int, error)
	UseEnvironment(ctx context.Context, project bine.ProjectName, version int) error
	AppendEnvironmentLog(ctx context.Context, project bine.ProjectName, version int, host bine.HostName, text string) error
	EnvironmentLog(ctx context.Context, project bine.ProjectName, version int, offset int64) (string, error)
}

type pipelineStore interface {
	StorePipeline(ctx context.Context, project bine.ProjectName, v store.NewVersion) (bine.PipelineVersion, error)
	Pipelines(ctx context.Context, project bine.ProjectName, kind bine.PipelineKind) ([]bine.Pipeline, error)
	Pipeline(ctx context.Context, project bine.ProjectName, name bine.PipelineName) (bine.Pipeline, error)
	PipelineVersion(ctx context.Context, project bine.ProjectName, name bine.PipelineName, version int) (bine.PipelineVersion, error)
	PipelineVersions(ctx context.Context, project bine.ProjectName, name bine.PipelineName) ([]bine.PipelineVersion, error)
	DeletePipeline(ctx context.Context, project bine.ProjectName, name bine.PipelineName) error
}

type runStore interface {
	RunOfKey(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, key string) (bine.Run, bool, error)
	AcceptRun(ctx context.Context, project bine.ProjectName, r store.NewRun) (bine.Run, bool, error)
	Run(ctx context.Context, project bine.ProjectName, run bine.RunID) (bine.Run, error)
	Runs(ctx context.Context, project bine.ProjectName, f store.RunFilter, after string, limit int) ([]bine.Run, string, error)
	DeleteRun(ctx context.Context, project bine.ProjectName, run bine.RunID) error
	GoingRuns(ctx context.Context, project bine.ProjectName) ([]bine.RunID, error)
	Step(ctx context.Context, project bine.ProjectName, ref store.StepRef) (bine.Step, error)
	Steps(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]bine.Step, error)
	Items(ctx context.Context, project bine.ProjectName, run bine.RunID, step bine.StepName, after string, limit int) ([]bine.Step, string, error)
}

type attemptStore interface {
	Attempt(ctx context.Context, id bine.AttemptID) (bine.Attempt, error)
	Attempts(ctx context.Context, owner bine.Owner) ([]bine.Attempt, error)
	AttemptProcess(ctx context.Context, id bine.AttemptID) (bine.Process, error)
	AttemptStarted(ctx context.Context, id bine.AttemptID, host bine.HostName, at time.Time) error
	EndAttempt(ctx context.Context, id bine.AttemptID, result bine.AttemptResult) (bool, error)
	SetLogSize(ctx context.Context, id bine.AttemptID, size int64) error
	Metrics(ctx context.Context, id bine.AttemptID) ([]bine.Metric, error)
	CurrentAttempts(ctx context.Context, host bine.HostName) ([]bine.Attempt, error)
}

type hostStore interface {
	PutHost(ctx context.Context, h bine.Host) error
	BeatHost(ctx context.Context, name bine.HostName, at time.Time) (bool, error)
	Hosts(ctx context.Context) ([]bine.Host, error)
	Setting(ctx context.Context, name string) (value string, ok bool, err error)
	PutSetting(ctx context.Context, name, value string) error
	MarkLost(ctx context.Context, before time.Time) ([]bine.HostName, error)
	SilentHosts(ctx context.Context, before time.Time) (n int, err error)
}

type modelStore interface {
	RegisterModel(ctx context.Context, project bine.ProjectName, v bine.ModelVersion, key string) (bine.ModelVersion, error)
	Models(ctx context.Context, project bine.ProjectName) ([]bine.Model, error)
	ModelVersion(ctx context.Context, project bine.ProjectName, name bine.ModelName, version int) (bine.ModelVersion, error)
	ModelVersions(ctx context.Context, project bine.ProjectName, name bine.ModelName) ([]bine.ModelVersion, error)
}

type deploymentStore interface {
	PutDeployment(ctx context.Context, project bine.ProjectName, d bine.Deployment) (bine.Deployment, error)
	Deployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error)
	Deployments(ctx context.Context, project bine.ProjectName) ([]bine.Deployment, error)
	SetServing(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, r store.Route) error
	ClearServing(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, attempt bine.AttemptID) error
}

type scheduleStore interface {
	PutSchedule(ctx context.Context, project bine.ProjectName, s bine.Schedule) error
	Schedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) (bine.Schedule, error)
	Schedules(ctx context.Context, project bine.ProjectName) ([]bine.Schedule, error)
	DeleteSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error
	ScheduleRuns(ctx context.Context, project bine.ProjectName, s bine.Schedule, from, to time.Time) ([]bine.Run, error)
}

type backfillStore interface {
	Sweep(ctx context.Context, ref bine.SweepRef) (bine.Sweep, error)
	SweepAt(ctx context.Context, ref bine.SweepRef) (store.SweepAt, error)
	Sweeps(ctx context.Context, project bine.ProjectName, after string, limit int) ([]bine.Sweep, string, error)
	SweepTrials(ctx context.Context, ref bine.SweepRef, state bine.TrialState, order store.TrialOrder, skip, limit int) ([]bine.SweepTrial, error)
	SweepDecisions(ctx context.Context, ref bine.SweepRef, trial int, after int64, limit int) ([]bine.SweepDecision, error)
	SweepEvents(ctx context.Context, ref bine.SweepRef, after int64, limit int) ([]bine.SweepEvent, error)
	AcceptBackfill(ctx context.Context, b bine.Backfill, slots []bine.BackfillSlot, key string) (bine.Backfill, bool, error)
	BackfillOfKey(ctx context.Context, project bine.ProjectName, key string) (bine.Backfill, bool, error)
	Backfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID) (bine.Backfill, error)
	Backfills(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, after string, limit int) ([]bine.Backfill, string, error)
	BackfillSlots(ctx context.Context, project bine.ProjectName, id bine.BackfillID, after string, limit int) ([]bine.BackfillSlot, string, error)
	MoveBackfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID, from []bine.BackfillState, to bine.BackfillState, reason string) error
	PastRuns(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, from, to time.Time) ([]store.PastRun, error)
}

type approvalStore interface {
	Approval(ctx context.Context, project bine.ProjectName, ref store.StepRef) (store.Approval, error)
	Approvals(ctx context.Context, project bine.ProjectName, state bine.ApprovalState, after string, limit int) ([]store.Approval, string, error)
	WaitingApprovals(ctx context.Context, user bine.UserName) ([]store.Approval, error)
	AnswerApproval(ctx context.Context, project bine.ProjectName, ref store.StepRef, answer store.ApprovalAnswer) error
	Notices(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]store.Notice, error)
}

type triggerStore interface {
	Triggers(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName) ([]bine.Trigger, error)
	PauseTrigger(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, number int, paused bool) error
}

type eventStore interface {
	Events(ctx context.Context, project bine.ProjectName, after int64, limit int) ([]bine.Event, error)
	LastEvent(ctx context.Context, project bine.ProjectName) (int64, error)
	Watch(project bine.ProjectName) (woken <-chan struct{}, stop func())
	PruneEvents(ctx context.Context, before time.Time) (int64, error)
}

type connectorStore interface {
	PutConnector(ctx context.Context, project bine.ProjectName, c bine.Connector, secret *string) (bine.Connector, error)
	Connector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (bine.Connector, error)
	Connectors(ctx context.Context, project bine.ProjectName) ([]bine.Connector, error)
	OpenConnector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (c bine.Connector, sealed string, sandboxed bool, err error)
	DeleteConnector(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) error
}

type transferStore interface {
	AcceptTransfer(ctx context.Context, t bine.Transfer, key string) (made bine.Transfer, created bool, err error)
	Transfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) (bine.Transfer, error)
	Transfers(ctx context.Context, project bine.ProjectName, after string, limit int) ([]bine.Transfer, string, error)
	TransferFaults(ctx context.Context, project bine.ProjectName, id bine.TransferID) ([]bine.TransferFault, error)
	MoveTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID, from []bine.TransferState, to bine.TransferState, reason string) error
	RestartTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) error
}
