package lake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/webhook"
)

const (
	dialTimeout = 10 * time.Second
	// idleLimit is after how long a connection on which nothing moves is given up.
	idleLimit = time.Minute
)

// NewTransport makes the connections to services that users name. Unless
// allowPrivate is set it reaches public addresses only; the check is made on
// the resolved address at the moment of connecting, so that no name and no
// redirect leads around it. There is no proxy, which would do so.
func NewTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !allowPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			err := webhook.CheckAddress(address)
			if bine.IsKind(err, bine.Forbidden) {
				err = bine.Errorf(bine.Forbidden, "%s is not a public address; an administrator may allow private ones (connectors.allow_private)", address)
			}
			return err
		}
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &moving{Conn: c}, nil
		},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: idleLimit,
		IdleConnTimeout:       idleLimit / 2,
		MaxIdleConnsPerHost:   16,
		DisableCompression:    true, // ranges count bytes as they are stored
	}
}

// moving is a connection that ends when nothing moves on it, in either
// direction: an upload waits for its answer, so both count for both.
type moving struct {
	net.Conn
	until atomic.Int64 // the deadline that was set, in nanoseconds since 1970
}

func (m *moving) Read(p []byte) (int, error)  { m.more(); return m.Conn.Read(p) }
func (m *moving) Write(p []byte) (int, error) { m.more(); return m.Conn.Write(p) }

func (m *moving) more() {
	next := time.Now().Add(idleLimit)
	if old := m.until.Load(); next.UnixNano()-old > int64(idleLimit/20) && m.until.CompareAndSwap(old, next.UnixNano()) {
		_ = m.SetDeadline(next) // one that is closed says so itself
	}
}

// Unreachable says in plain words why a service did not answer. Nothing of its
// address but the host is in it.
func Unreachable(host string, err error) error {
	if said, ok := errors.AsType[*bine.Error](err); ok {
		return said
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var (
		name      *net.DNSError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		other     x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return bine.Errorf(bine.Unavailable, "there is no host %s: check the endpoint", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return bine.Errorf(bine.Unavailable, "%s refuses connections: is the service running, and is that its port?", host)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return bine.Errorf(bine.Invalid, "%s does not speak TLS: write http:// if that is meant", host)
	case errors.As(err, &authority):
		return bine.Errorf(bine.Invalid, "the certificate of %s is of an authority that is not trusted here (TLS): an administrator adds it to those of the system", host)
	case errors.As(err, &other), errors.As(err, &invalid):
		return bine.Errorf(bine.Invalid, "the certificate of %s is not good for it (TLS): %w", host, err)
	case isTimeout(err):
		return bine.Errorf(bine.Unavailable, "%s did not answer in time: is the address right, and the way to it open?", host)
	}
	return bine.Errorf(bine.Unavailable, "%s cannot be reached, or broke off: %w", host, err)
}

func isTimeout(err error) bool {
	timed, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timed.Timeout()
}
