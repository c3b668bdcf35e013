package bine

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in terms that a caller can act on.
type Kind string

// The kinds. One is added only when some caller behaves differently because of it.
const (
	Internal        Kind = "internal"        // our fault, or that of something below us
	Invalid         Kind = "invalid"         // the request can never succeed as it is
	Unauthenticated Kind = "unauthenticated" // nobody, or nobody known, is asking
	Forbidden       Kind = "forbidden"       // known, but not allowed; the message names the role it takes
	NotFound        Kind = "not_found"       // no such thing, or none that the caller may know of
	Conflict        Kind = "conflict"        // the thing is in another state, or already there
	NoQuota         Kind = "no_quota"        // a limit or a full disk is in the way
	Unavailable     Kind = "unavailable"     // try again later: a part is down or not yet ready
	Fenced          Kind = "fenced"          // an attempt or writer that was replaced tried to write
	Leased          Kind = "leased"          // somebody else is writing: wait until they are done
	TooLarge        Kind = "too_large"       // over a written limit; the message names it
)

// Error is an error with a kind. Message is a full sentence for people: it says
// what is wrong and, where there is one, what to do. Detail carries parts that
// belong to one place each, such as a line of a YAML file.
type Error struct {
	Kind    Kind
	Message string
	Details []Detail
	Err     error // the cause, kept for errors.Is and errors.As
}

// Detail is one fault of several, with the place it belongs to.
type Detail struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty"` // a field of the body (body.name) or a path in a file (steps.train.with)
	Line     int    `json:"line,omitempty"`     // 1-based; 0 where there is none
	Column   int    `json:"column,omitempty"`   // 1-based; 0 where there is none
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind; a %w verb keeps the cause.
func Errorf(kind Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf reports the kind of err; an error without one is Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// IsKind reports whether err has the kind.
func IsKind(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
