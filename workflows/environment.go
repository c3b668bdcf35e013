package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// noHostWait is how long an environment waits before it asks again whether a
// host answers.
const noHostWait = 5 * time.Second

// States of an environment on one host; any other text is why it failed.
const (
	hostInstalling = "installing"
	hostReady      = "ready"
	hostAway       = "away" // installed when the host first needs it
)

// BuildEnvironment makes a version of a project's environment: one host
// resolves the requirements to exact versions, then every host installs those.
// The version becomes ready when every host that answers has it.
func BuildEnvironment(ctx workflow.Context, in activities.EnvironmentInput) error {
	ctx = workflow.WithActivityOptions(ctx, quick)
	err := buildEnvironment(ctx, in)
	if workflow.IsContinueAsNewError(err) {
		return err
	}
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	if err == nil {
		return moveEnvironment(ctx, in, bine.EnvironmentReady, "")
	}
	if moveErr := moveEnvironment(ctx, in, bine.EnvironmentFailed, activities.Message(err)); moveErr != nil {
		workflow.GetLogger(ctx).Error("failure of the environment was not written", "version", in.Version, "error", moveErr)
	}
	return err
}

func moveEnvironment(ctx workflow.Context, in activities.EnvironmentInput, to bine.EnvironmentState, reason string) error {
	move := activities.MoveEnvironmentInput{Project: in.Project, Version: in.Version, To: to, Reason: reason}
	return workflow.ExecuteActivity(ctx, environments.MoveEnvironment, move).Get(ctx, nil)
}

func buildEnvironment(ctx workflow.Context, in activities.EnvironmentInput) error {
	var want activities.LockEnvironmentInput
	if err := workflow.ExecuteActivity(ctx, environments.DescribeEnvironment, in).Get(ctx, &want); err != nil {
		return err
	}
	if want.Lock == "" { // it was not ready before, but may have failed
		if err := moveEnvironment(ctx, in, bine.EnvironmentBuilding, ""); err != nil {
			return err
		}
	}
	lock, hosts, err := lockEnvironment(ctx, in, want)
	if err != nil {
		return err
	}
	in.Lock, in.Python = lock.Lock, lock.Python
	return installEverywhere(ctx, in, hosts)
}

// lockEnvironment resolves on the first host that answers, for which it waits.
// What was resolved before stays what it is.
func lockEnvironment(ctx workflow.Context, in activities.EnvironmentInput, want activities.LockEnvironmentInput) (lock activities.LockEnvironmentResult, hosts []bine.HostName, err error) {
	for {
		if hosts, err = listHosts(ctx); err != nil {
			return lock, nil, err
		}
		if want.Lock != "" && len(hosts) > 0 {
			return activities.LockEnvironmentResult{Lock: want.Lock, Python: want.Python}, hosts, nil
		}
		for _, name := range hosts {
			options := workflow.WithActivityOptions(ctx, onHost(install, name, reachHost))
			err := workflow.ExecuteActivity(options, host.LockEnvironment, want).Get(ctx, &lock)
			if err == nil {
				record := activities.RecordLockInput{Project: want.Project, Version: want.Version, Lock: lock}
				return lock, hosts, workflow.ExecuteActivity(ctx, environments.RecordLock, record).Get(ctx, nil)
			}
			if !unreached(err) {
				return lock, nil, err
			}
		}
		if err := workflow.Sleep(ctx, noHostWait); err != nil {
			return lock, nil, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return lock, nil, workflow.NewContinueAsNewError(ctx, BuildEnvironmentName, in)
		}
	}
}

// installEverywhere installs on all hosts at once. A host that does not answer
// is no failure: it installs when it is first asked to run something.
func installEverywhere(ctx workflow.Context, in activities.EnvironmentInput, hosts []bine.HostName) error {
	faults, wait := make([]error, len(hosts)), workflow.NewWaitGroup(ctx)
	for i, name := range hosts {
		wait.Add(1)
		workflow.GoNamed(ctx, string(name), func(ctx workflow.Context) {
			defer wait.Done()
			faults[i] = installOn(ctx, in, name)
		})
	}
	wait.Wait(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var lines []string
	for i, err := range faults {
		if err != nil {
			lines = append(lines, "host "+string(hosts[i])+": "+activities.Message(err))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(strings.Join(lines, "; "), string(bine.Internal), nil)
}

func installOn(ctx workflow.Context, in activities.EnvironmentInput, name bine.HostName) error {
	if err := recordHost(ctx, in, name, hostInstalling); err != nil {
		return err
	}
	options := workflow.WithActivityOptions(ctx, onHost(install, name, reachHost))
	err := workflow.ExecuteActivity(options, host.InstallEnvironment, in).Get(ctx, nil)
	switch {
	case err == nil:
		return recordHost(ctx, in, name, hostReady)
	case unreached(err):
		return recordHost(ctx, in, name, hostAway)
	default:
		if recordErr := recordHost(ctx, in, name, activities.Message(err)); recordErr != nil {
			return recordErr
		}
		return err
	}
}

func recordHost(ctx workflow.Context, in activities.EnvironmentInput, name bine.HostName, state string) error {
	record := activities.RecordHostInput{Project: in.Project, Version: in.Version, Host: name, State: state}
	return workflow.ExecuteActivity(ctx, environments.RecordHost, record).Get(ctx, nil)
}
