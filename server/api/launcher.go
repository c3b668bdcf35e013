package api

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

// Launcher starts, signals and cancels workflows. Every call is harmless when
// made again.
type Launcher interface {
	runLauncher
	projectLauncher
	deploymentLauncher
	scheduleLauncher
	// History gives the history of a workflow by its id.
	History(ctx context.Context, workflow string) (client.History, error)
}

type runLauncher interface {
	StartRun(ctx context.Context, run bine.Run) error
	CancelRun(ctx context.Context, project bine.ProjectName, run bine.RunID) error
	StartBackfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID) error
	StartTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) error
	// Wake tells a workflow that waits to look again.
	Wake(ctx context.Context, workflow string) error
	// Granted tells waiting workflows where their resources are.
	Granted(ctx context.Context, grants []lease.Grant) error
}

type projectLauncher interface {
	// Provision makes a project whose row, and whose first environment's, are there.
	Provision(ctx context.Context, project bine.ProjectName) error
	DeleteProject(ctx context.Context, project bine.ProjectName) error
	BuildEnvironment(ctx context.Context, project bine.ProjectName, version int) error
}

type deploymentLauncher interface {
	Deploy(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, version int) error
	StopDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, forget bool) error
	// Ready tells a deployment that a model server answers.
	Ready(ctx context.Context, owner bine.Owner) error
}

type scheduleLauncher interface {
	SetSchedule(ctx context.Context, project bine.ProjectName, s bine.Schedule) error
	DeleteSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error
	TriggerSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error
	ScheduleNext(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) ([]time.Time, error)
}

// Ledger is the part of the ledger of resources and slots that the API uses.
type Ledger interface {
	SetHost(ctx context.Context, host bine.HostName, capacity bine.Resources, up bool) ([]lease.Grant, error)
	ReleaseProcess(ctx context.Context, attempt bine.AttemptID) ([]lease.Grant, error)
	Gang(ctx context.Context, attempt bine.AttemptID) (hosts []bine.HostName, rank int, err error)
	Leases(ctx context.Context) ([]bine.Lease, error)
	History(ctx context.Context, since time.Time, limit int) ([]bine.LeaseRecord, error)
	Pools(ctx context.Context, project bine.ProjectName) ([]bine.Pool, error)
	Pool(ctx context.Context, project bine.ProjectName, name bine.PoolName) (bine.Pool, error)
	SetPool(ctx context.Context, project bine.ProjectName, p bine.Pool) ([]lease.Grant, error)
	DeletePool(ctx context.Context, project bine.ProjectName, name bine.PoolName) error
	SetDevices(ctx context.Context, host bine.HostName, labels []string, devices []bine.Device) ([]lease.Grant, error)
	Devices(ctx context.Context) ([]bine.DeviceStatus, error)
	Cluster(ctx context.Context) (bine.Cluster, error)
	Hours(ctx context.Context, from, to time.Time, step int) (map[bine.ProjectName][]float64, error)
	SumHours(ctx context.Context, now time.Time) error
	GrantsOf(ctx context.Context, attempt bine.AttemptID) ([]bine.GrantRecord, error)
	NoteAskedBack(ctx context.Context, host bine.HostName) error
	AskedBackAt(ctx context.Context, attempt bine.AttemptID) (*time.Time, error)
	HostLeases(ctx context.Context, host bine.HostName) ([]bine.Lease, error)
	HostEvents(ctx context.Context, host bine.HostName, limit int) ([]bine.DeviceEvent, error)
	Picture(ctx context.Context) ([]bine.HostPicture, error)
	DeviceHistory(ctx context.Context, id bine.DeviceID, limit int) ([]bine.GrantRecord, []bine.DeviceEvent, error)
	Granted(ctx context.Context, attempt bine.AttemptID) ([]bine.DeviceGrant, error)
	Holds(ctx context.Context, attempt bine.AttemptID) error
	Leave(ctx context.Context, ids ...bine.AttemptID) ([]lease.Grant, error)
	Leaving(ctx context.Context, host bine.HostName) ([]bine.AttemptID, error)
	Gone(ctx context.Context, ids ...bine.AttemptID) ([]lease.Grant, error)
	Expired(ctx context.Context, host bine.HostName) (firsts, processes []bine.AttemptID, err error)
	Vacate(ctx context.Context, host bine.HostName) ([]lease.Grant, error)
	SweepIdle(ctx context.Context, w *lease.IdleWatch, rule func(bine.ProjectName) bine.IdleRule, now time.Time) ([]bine.Owner, error)
	IdleSince(ctx context.Context) (map[bine.AttemptID]time.Time, error)
	AskedBack(ctx context.Context, host bine.HostName) ([]bine.AttemptID, error)
	PruneGrants(ctx context.Context, before time.Time) error
	Heard(ctx context.Context, host bine.HostName, faults []bine.DeviceFault, tests []bine.DeviceTest) ([]bine.DeviceID, []lease.Grant, error)
	SetUse(ctx context.Context, samples []bine.DeviceUse) error
	Cordon(ctx context.Context, id bine.DeviceID, cordoned bool, reason string, by bine.UserName) ([]lease.Grant, error)
	CordonHost(ctx context.Context, host bine.HostName, cordoned bool, reason string, by bine.UserName) ([]lease.Grant, error)
	DrainDevice(ctx context.Context, id bine.DeviceID) (int, error)
	DrainHost(ctx context.Context, host bine.HostName) (int, error)
	Verdict(ctx context.Context, project bine.ProjectName, r bine.Resources) (bine.Verdict, error)
	Quota(ctx context.Context, project bine.ProjectName) (bine.Quota, error)
	SetQuota(ctx context.Context, project bine.ProjectName, q bine.Quota, going []bine.RunID) ([]lease.Grant, error)
	Standings(ctx context.Context) ([]bine.Standing, error)
	StandingOf(ctx context.Context, project bine.ProjectName) (bine.Standing, error)
	SetPriority(ctx context.Context, project bine.ProjectName, id bine.AttemptID, priority bine.Priority) ([]lease.Grant, error)
}
