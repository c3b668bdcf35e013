package activities_test

import (
	"context"
	"errors"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// performer is a run engine whose light steps end with err.
type performer struct {
	activities.RunEngine
	err error
}

func (p performer) Perform(ctx context.Context, _ activities.StepRef) (activities.Outcome, error) {
	if p.err == nil {
		<-ctx.Done()
		return activities.Outcome{}, ctx.Err()
	}
	return activities.Outcome{}, p.err
}

func perform(t *testing.T, ctx context.Context, err error) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	runs := activities.NewRuns(performer{err: err})
	env.RegisterActivity(runs)
	_, err = env.ExecuteActivity(runs.PerformStep, activities.StepRef{})
	return err
}

func TestAnErrorKeepsItsKindAndItsSentence(t *testing.T) {
	for kind, again := range map[bine.Kind]bool{
		bine.Internal: true, bine.Unavailable: true, bine.NoQuota: true,
		bine.Invalid: false, bine.NotFound: false, bine.Conflict: false, bine.Forbidden: false, bine.Fenced: false, bine.TooLarge: false,
	} {
		err := perform(t, t.Context(), bine.Errorf(kind, "the table has no rows"))
		app, ok := errors.AsType[*temporal.ApplicationError](err)
		if !ok || activities.KindOf(err) != kind || activities.Message(err) != "the table has no rows" || app.NonRetryable() == again {
			t.Errorf("%s arrived as %v of kind %s, want it to be tried again: %v", kind, err, activities.KindOf(err), again)
		}
	}
}

func TestAWorkerThatStopsIsNoFaultOfWhatItDid(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := perform(t, ctx, nil); !activities.Interrupted(err) {
		t.Errorf("got %v, want it to be interrupted", err)
	}
	if err := perform(t, t.Context(), errors.New("no")); err == nil || activities.Interrupted(err) {
		t.Errorf("got %v, want the fault of the step", err)
	}
}

func TestTimeOutsAndCancelsHaveASentenceToo(t *testing.T) {
	for want, err := range map[string]error{
		"nobody took it in time":     temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil),
		"whoever did it fell silent": temporal.NewHeartbeatTimeoutError(),
		"it took longer than it may": temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil),
		"cancelled":                  temporal.NewCanceledError(),
		"plain":                      errors.New("plain"),
	} {
		if got := activities.Message(err); got != want {
			t.Errorf("%v reads %q, want %q", err, got, want)
		}
	}
	if got := activities.KindOf(bine.Errorf(bine.Conflict, "taken")); got != bine.Conflict {
		t.Errorf("an error that crossed no boundary is %s", got)
	}
}
