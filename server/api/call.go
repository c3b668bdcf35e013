package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// call is what is known about a request beside its input.
type call struct {
	auth.Identity
	member  auth.Membership
	address string // of the caller
	request string // id
	object  string // what the audit record names; by default the path
	note    string // what it says beside
	actor   bine.UserName
	http    *http.Request
	writer  http.ResponseWriter
}

type callKey struct{}

// callOf gives what is known about the request; never nil.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// named sets what the audit record of the request names.
func named(ctx context.Context, object string) { callOf(ctx).object = object }

// noted sets what the audit record of the request says beside who did what.
func noted(ctx context.Context, note string) { callOf(ctx).note = note }

// admit is the middleware that every operation passes: it says who is asking,
// whether they may, and until when the answer must be there.
func (a *API) admit(hc huma.Context, next func(huma.Context)) {
	r, _ := hc.Operation().Metadata[routeKey].(route)
	g := humagin.Unwrap(hc)
	c := &call{http: g.Request, writer: g.Writer, request: RequestID(g.Request.Context()), address: auth.AddressOf(g.Request),
		object: strings.TrimPrefix(strings.TrimPrefix(g.Request.URL.Path, base), "/")}
	ctx, cancel := a.deadlines(context.WithValue(g.Request.Context(), callKey{}, c), c, r)
	defer cancel()
	id, member, err := a.guard.Admit(g.Request.WithContext(ctx), r.access, bine.ProjectName(hc.Param("project")))
	c.Identity, c.member, c.actor = id, member, id.User
	if err != nil {
		if r.audited() && id.Known() {
			err = a.record(ctx, r, err)
		}
		writeProblem(g.Writer, a.problemOf(ctx, err))
		return
	}
	if id.Attempt != "" {
		ctx = store.ByAttempt(ctx, id.Attempt)
	}
	next(huma.WithContext(hc, ctx))
}

type requestKey struct{}

// WithRequestID gives a context that carries the id of a request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID gives the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
