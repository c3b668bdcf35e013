package webhdfs

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// class is a Java class of exceptions with the status that it is sent with.
// Hadoop's clients make the exception again from its name.
type class struct {
	name   string
	status int
}

// The classes that are sent.
var (
	illegalArgument      = class{"java.lang.IllegalArgumentException", http.StatusBadRequest}
	unsupportedOperation = class{"java.lang.UnsupportedOperationException", http.StatusBadRequest}
	security             = class{"java.lang.SecurityException", http.StatusUnauthorized}
	accessControl        = class{"org.apache.hadoop.security.AccessControlException", http.StatusForbidden}
	ioException          = class{"java.io.IOException", http.StatusForbidden}
	endOfFile            = class{"java.io.EOFException", http.StatusForbidden}
	alreadyExists        = class{"org.apache.hadoop.fs.FileAlreadyExistsException", http.StatusForbidden}
	parentNotDirectory   = class{"org.apache.hadoop.fs.ParentNotDirectoryException", http.StatusForbidden}
	notEmpty             = class{"org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", http.StatusForbidden}
	aclException         = class{"org.apache.hadoop.hdfs.protocol.AclException", http.StatusForbidden}
	snapshotException    = class{"org.apache.hadoop.hdfs.protocol.SnapshotException", http.StatusForbidden}
	quotaExceeded        = class{"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", http.StatusForbidden}
	namesExceeded        = class{"org.apache.hadoop.hdfs.protocol.NSQuotaExceededException", http.StatusForbidden}
	beingCreated         = class{"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException", http.StatusForbidden}
	leaseExpired         = class{"org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException", http.StatusForbidden}
	fileNotFound         = class{"java.io.FileNotFoundException", http.StatusNotFound}
	retriable            = class{"org.apache.hadoop.ipc.RetriableException", http.StatusServiceUnavailable}
	tooMany              = class{"java.io.IOException", http.StatusTooManyRequests}
	runtimeException     = class{"java.lang.RuntimeException", http.StatusInternalServerError}
)

// classes says what the kinds of error are here.
var classes = map[bine.Kind]class{
	bine.Internal:        runtimeException,
	bine.Invalid:         illegalArgument,
	bine.Unauthenticated: security,
	bine.Forbidden:       accessControl,
	bine.NotFound:        fileNotFound,
	bine.Conflict:        ioException,
	bine.NoQuota:         quotaExceeded,
	bine.Unavailable:     retriable,
	bine.Fenced:          leaseExpired,
	bine.Leased:          beingCreated,
	bine.TooLarge:        illegalArgument,
}

// exception is an error whose class is said by the operation.
type exception struct {
	class   class
	message string
	err     error // the cause, whose kind it keeps
}

func (e *exception) Error() string { return e.message }

// Unwrap gives the cause; without one the kind is read from the class.
func (e *exception) Unwrap() error {
	if e.err != nil {
		return e.err
	}
	kind := bine.Conflict
	switch e.class.status {
	case http.StatusBadRequest:
		kind = bine.Invalid
	case http.StatusUnauthorized:
		kind = bine.Unauthenticated
	case http.StatusNotFound:
		kind = bine.NotFound
	}
	if e.class == accessControl {
		kind = bine.Forbidden
	}
	return &bine.Error{Kind: kind, Message: e.message}
}

// conflictAs gives err the class if it is a Conflict.
func conflictAs(err error, c class) error {
	if bine.IsKind(err, bine.Conflict) {
		return &exception{class: c, message: err.Error(), err: err}
	}
	return err
}

// badParam says what is wrong with a parameter, as Hadoop begins it.
func badParam(name, format string, args ...any) error {
	return &exception{class: illegalArgument, message: fmt.Sprintf("Invalid value for webhdfs parameter %q: ", name) + fmt.Sprintf(format, args...)}
}

type remoteException struct {
	RemoteException struct {
		Exception     string `json:"exception"`
		JavaClassName string `json:"javaClassName"`
		Message       string `json:"message"`
	}
}

// fail answers the request with an error.
func (c *call) fail(err error) {
	problem, header := c.door.Desk.Explain(c.ctx(), err)
	kind, message := classes[problem.Kind], problem.Detail
	if problem.Kind == bine.NotFound { // clients look for these words
		message = "File does not exist: " + message
	}
	if l, ok := dfs.HeldBy(err); ok { // Hadoop's words, and then ours
		message = fmt.Sprintf("Failed to %s_FILE %s because this file lease is currently owned by %s on %s: %s", c.op.name, c.path, l.Holder, l.By, message)
	}
	if dfs.TooManyNames(err) {
		kind = namesExceeded
	}
	if e, ok := errors.AsType[*exception](err); ok {
		kind, message = e.class, e.message
	}
	if header.Get("Retry-After") != "" {
		kind = tooMany
	}
	maps.Copy(c.w.Header(), header)
	var body remoteException
	body.RemoteException.Exception = kind.name[strings.LastIndexByte(kind.name, '.')+1:]
	body.RemoteException.JavaClassName, body.RemoteException.Message = kind.name, message
	c.answer(answer{status: kind.status, json: body})
}
