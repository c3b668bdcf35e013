package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// statuses maps the kinds of error to HTTP; nothing else does.
var statuses = map[bine.Kind]int{
	bine.Internal:        http.StatusInternalServerError,
	bine.Invalid:         http.StatusUnprocessableEntity,
	bine.Unauthenticated: http.StatusUnauthorized,
	bine.Forbidden:       http.StatusForbidden,
	bine.NotFound:        http.StatusNotFound,
	bine.Conflict:        http.StatusConflict,
	bine.NoQuota:         http.StatusTooManyRequests,
	bine.Unavailable:     http.StatusServiceUnavailable,
	bine.Fenced:          http.StatusConflict,
	bine.Leased:          http.StatusLocked,
	bine.TooLarge:        http.StatusRequestEntityTooLarge,
}

// Status gives the HTTP status for a kind of error.
func Status(k bine.Kind) int {
	if s, ok := statuses[k]; ok {
		return s
	}
	return http.StatusInternalServerError
}

const problemType = "application/problem+json"

// problem is an error on its way out.
type problem struct {
	client.Problem
	header http.Header
}

func (p *problem) Error() string                { return p.Detail }
func (p *problem) GetStatus() int               { return p.Status }
func (p *problem) GetHeaders() http.Header      { return p.header }
func (p *problem) ContentType(string) string    { return problemType }
func (p *problem) MarshalJSON() ([]byte, error) { return json.Marshal(p.Problem) }

// problemOf gives the problem for an error. What is our own fault is logged and
// not told: the answer only carries the id under which it is found.
func (a *API) problemOf(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if errors.Is(err, context.Canceled) {
		err = bine.Errorf(bine.Unavailable, "the request was given up")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = bine.Errorf(bine.Unavailable, "the request took too long; try again")
	}
	kind := bine.KindOf(err)
	status := Status(kind)
	p := &problem{Problem: client.Problem{Title: http.StatusText(status), Status: status, Detail: err.Error(), Kind: kind}, header: http.Header{}}
	if e, ok := errors.AsType[*bine.Error](err); ok {
		p.Errors = e.Details
	}
	if kind == bine.Internal {
		a.Log.ErrorContext(ctx, "request failed", "error", err, "request", RequestID(ctx))
		p.Detail, p.Errors = fmt.Sprintf("something went wrong on the server; its log says more under request %s", RequestID(ctx)), nil
	}
	if l, ok := errors.AsType[*auth.Limited](err); ok {
		p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(l.Wait.Seconds()))))
	}
	if kind == bine.Unauthenticated {
		p.header.Set("WWW-Authenticate", `Bearer realm="bine"`)
	}
	return p
}

// NotDone is the error for a method that is not done at a path.
func NotDone(r *http.Request) error {
	const status = http.StatusMethodNotAllowed
	return &problem{Problem: client.Problem{Title: http.StatusText(status), Status: status, Kind: bine.Invalid,
		Detail: fmt.Sprintf("%s is not done at %s", r.Method, r.URL.Path)}}
}

// WriteProblem answers a request with an error, outside of any operation.
func (a *API) WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, a.problemOf(r.Context(), err))
}

func writeProblem(w http.ResponseWriter, p *problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the status is out: a caller who is gone is gone
}

// translate turns the errors that huma itself finds into ours.
func translate(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := client.Problem{Title: e.Title, Status: e.Status, Detail: e.Detail, Kind: kindOf(e.Status)}
	for _, d := range e.Errors {
		p.Errors = append(p.Errors, bine.Detail{Message: d.Message, Location: d.Location})
	}
	if len(p.Errors) == 1 { // one fault is the message
		p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return &problem{Problem: p}, nil
}

// kindOf gives the kind for a status that huma chose.
func kindOf(status int) bine.Kind {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return bine.TooLarge
	case status == http.StatusRequestTimeout:
		return bine.Unavailable
	case status >= 400 && status < 500:
		return bine.Invalid
	default:
		return bine.Internal
	}
}
