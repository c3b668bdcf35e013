package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"github.com/bine-ml/bine"
)

// failure is an error in the words of the protocol.
type failure struct {
	code    string
	status  int
	message string
	kind    bine.Kind
	header  http.Header
}

// Error gives the message.
func (f *failure) Error() string { return f.message }

// Unwrap gives the error as the rest of the program knows it.
func (f *failure) Unwrap() error { return &bine.Error{Kind: f.kind, Message: f.message} }

func fail(code string, status int, kind bine.Kind, format string, args ...any) *failure {
	return &failure{code: code, status: status, kind: kind, message: fmt.Sprintf(format, args...)}
}

func notImplemented(what string) *failure {
	return fail("NotImplemented", http.StatusNotImplemented, bine.Invalid, "%.60s is not offered here", what)
}

func badRequest(code, format string, args ...any) *failure {
	return fail(code, http.StatusBadRequest, bine.Invalid, format, args...)
}

func denied(format string, args ...any) *failure {
	return fail("AccessDenied", http.StatusForbidden, bine.Unauthenticated, format, args...)
}

func noUpload() *failure {
	return fail("NoSuchUpload", http.StatusNotFound, bine.NotFound, "there is no such upload: it may have been completed or aborted, or is older than a week")
}

func unmet(name string) *failure {
	return fail("PreconditionFailed", http.StatusPreconditionFailed, bine.Conflict, "the condition %s does not hold", name)
}

// codes are the words for kinds of errors that have no words of their own.
var codes = map[bine.Kind]failure{
	bine.Invalid:         {code: "InvalidArgument", status: http.StatusBadRequest},
	bine.Unauthenticated: {code: "InvalidAccessKeyId", status: http.StatusForbidden},
	bine.Forbidden:       {code: "AccessDenied", status: http.StatusForbidden},
	bine.NotFound:        {code: "NoSuchKey", status: http.StatusNotFound},
	bine.Conflict:        {code: "InvalidRequest", status: http.StatusConflict},
	bine.Leased:          {code: "OperationAborted", status: http.StatusConflict},
	bine.Fenced:          {code: "OperationAborted", status: http.StatusConflict},
	bine.NoQuota:         {code: "QuotaExceeded", status: http.StatusForbidden},
	bine.TooLarge:        {code: "EntityTooLarge", status: http.StatusBadRequest},
	bine.Unavailable:     {code: "SlowDown", status: http.StatusServiceUnavailable},
	bine.Internal:        {code: "InternalError", status: http.StatusInternalServerError},
}

type errorXML struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
}

// translate says an error in the words of the protocol, with headers that go with it.
func (c *call) translate(err error) (failure, http.Header) {
	problem, header := c.door.Desk.Explain(c.ctx(), err)
	f, known := codes[problem.Kind]
	if !known {
		f = codes[bine.Internal]
	}
	f.message = problem.Detail
	if own, ok := errors.AsType[*failure](err); ok {
		f = *own
	}
	if header.Get("Retry-After") != "" {
		f.code, f.status = "SlowDown", http.StatusServiceUnavailable
	}
	return f, header
}

func (c *call) explain(err error) (code, message string) {
	f, _ := c.translate(err)
	return f.code, f.message
}

// fail answers the request with an error.
func (c *call) fail(err error) {
	f, header := c.translate(err)
	for _, more := range []http.Header{header, f.header} {
		for name, values := range more {
			c.w.Header()[name] = values
		}
	}
	c.answer(answer{status: f.status, xml: errorXML{Code: f.code, Message: f.message, Resource: c.r.URL.Path, RequestID: c.w.Header().Get("X-Request-Id")}})
}
