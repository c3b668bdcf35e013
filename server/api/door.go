package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/store"
)

// Explain says what is told of an error, with headers that go with it. What is
// our own fault is logged and not told. The other front doors put it into words
// of their protocols.
func (a *API) Explain(ctx context.Context, err error) (client.Problem, http.Header) {
	p := a.problemOf(ctx, err)
	return p.Problem, p.header
}

// Record writes down what a request at another front door did, or that it was
// refused, before it is answered. It gives err back, or its own where the record
// cannot be kept. Time and result of the entry are filled in.
func (a *API) Record(ctx context.Context, entry bine.Audit, err error) error {
	entry.At, entry.Result, entry.Request = a.now().UTC(), "done", RequestID(ctx)
	if err != nil {
		entry.Result = string(bine.KindOf(err))
	}
	// The record is kept although the caller is gone meanwhile, or has ended.
	if failed := a.Store.AppendAudit(store.ByAttempt(context.WithoutCancel(ctx), ""), entry); failed != nil {
		a.Log.ErrorContext(ctx, "audit record could not be kept", "entry", entry, "error", failed)
		if err == nil {
			return bine.Errorf(bine.Internal, "keep audit record of %s: %w", entry.Action, failed)
		}
	}
	return err
}

// CountAs names the operation under which a request of another front door is counted.
func CountAs(c *gin.Context, operation string) { c.Set(operationKey, operation) }
