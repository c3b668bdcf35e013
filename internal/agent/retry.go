package agent

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
)

const (
	// callWithin bounds one call of the API that carries no bytes.
	callWithin = 15 * time.Second
	firstPause = 50 * time.Millisecond
	mostPause  = 5 * time.Second
	// mostFaults is how often a call is repeated that the server answers with
	// a fault of its own.
	mostFaults = 20
)

// worthwhile says whether the n-th repetition of a call may help.
type worthwhile func(err error, n int) bool

// always repeats whatever the error: what must be told must be told.
func always(error, int) bool { return true }

// whileAway repeats while the server does not answer or does not know this
// agent, and for some time where it has a fault. It does not where the answer
// would stay the same.
func whileAway(err error, n int) bool {
	switch bine.KindOf(err) {
	case bine.Unavailable, bine.Unauthenticated, bine.Forbidden:
		return true
	case bine.Internal:
		_, answered := errors.AsType[*bine.Error](err) // an error of this machine stays the same
		return answered && n < mostFaults
	default:
		return false
	}
}

// whileSilent repeats while the server does not answer, and for some time where
// it has a fault: for calls with a job token, which may have ended.
func whileSilent(err error, n int) bool {
	kind := bine.KindOf(err)
	return (kind == bine.Unavailable || kind == bine.Internal) && whileAway(err, n)
}

// local reports whether err is of this machine: a full disk, no permission.
func local(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// persist calls do until it succeeds, ctx ends, or again says that it is no
// use. It logs the first failure and then one in a while.
func (a *Agent) persist(ctx context.Context, what string, do func(context.Context) error, again worthwhile) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !again(err, n) {
			return err
		}
		if n == 1 || n%20 == 0 {
			a.log.Warn("no success yet, trying again", "what", what, "try", n, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// brief bounds a call that carries few bytes.
func brief(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		inner, done := context.WithTimeout(ctx, callWithin)
		defer done()
		err := do(inner)
		if err != nil && ctx.Err() == nil && inner.Err() != nil {
			return bine.Errorf(bine.Unavailable, "no answer within %s: %w", callWithin, err)
		}
		return err
	}
}
