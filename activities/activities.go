// Package activities holds what a workflow may ask for: the effects, behind
// small interfaces that cmd/bine fills with the real engines. It knows no
// database, no HTTP framework and no expression language.
//
// Every activity is safe to run twice. An error keeps its bine.Kind across the
// process boundary as the type of the application error.
package activities

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
)

// forTemporal keeps the kind of err across the process boundary, where Go
// types are lost, and stops retries that cannot succeed.
func forTemporal(err error) error {
	e, ok := errors.AsType[*bine.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case bine.Internal, bine.Unavailable, bine.NoQuota:
		return temporal.NewApplicationErrorWithCause(e.Message, string(e.Kind), nil)
	default:
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Kind), nil)
	}
}

// interrupted is the type of the error of an activity whose worker stopped.
const interrupted = string(bine.FailureInterrupted)

// unlessStopped is forTemporal for activities that last: when their worker stops, whatever
// error that led to says nothing of what they were to do.
func unlessStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !temporal.IsCanceledError(context.Cause(ctx)) {
		return temporal.NewApplicationError("the worker stopped", interrupted)
	}
	return forTemporal(err)
}

// Interrupted reports whether an activity ended because its worker stopped.
func Interrupted(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.Type() == interrupted
}

// KindOf reports the kind of an error that an activity returned to a workflow.
func KindOf(err error) bine.Kind {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.Type() != "" {
		return bine.Kind(e.Type())
	}
	return bine.KindOf(err)
}

// Message gives the sentence for people in an error that an activity returned.
func Message(err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.Message()
	}
	if late, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		switch late.TimeoutType() {
		case enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START:
			return "nobody took it in time"
		case enumspb.TIMEOUT_TYPE_HEARTBEAT:
			return "whoever did it fell silent"
		default:
			return "it took longer than it may"
		}
	}
	if temporal.IsCanceledError(err) {
		return "cancelled"
	}
	return err.Error()
}

const beatEvery = 5 * time.Second

// beat sends heartbeats until the returned function is called.
func beat(ctx context.Context) func() {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { close(done) }
}
