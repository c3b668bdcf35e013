// Package webhook talks to addresses outside that users name: it posts messages
// and makes requests. It never reaches an address of the platform's own
// network: the check is made on the resolved address at the moment of
// connecting, so that no name and no redirect leads around it.
//
// Addresses may hold secrets: no error has more of one than its host.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
)

// Poster posts messages.
type Poster struct{ http *http.Client }

// timeout bounds one post, its connection included.
const timeout = 15 * time.Second

// New makes a poster. Where allowPrivate is set, private and loopback
// addresses are reached too: for installations whose webhooks are inside.
func New(allowPrivate bool) *Poster {
	dialer := &net.Dialer{Timeout: timeout}
	if !allowPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return CheckAddress(address) }
	}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout}
	return &Poster{&http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// nat64 is the prefix under which IPv4 addresses appear in IPv6 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// CheckAddress refuses host:port where host, an address, is not on the public
// internet.
func CheckAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return bine.Errorf(bine.Invalid, "%q is not an address", address)
	}
	ip := at.Addr().Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	shared := netip.MustParsePrefix("100.64.0.0/10")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || shared.Contains(ip) {
		return bine.Errorf(bine.Forbidden, "%s is not a public address; an administrator may allow private ones (notify.allow_private)", ip)
	}
	return nil
}

// Post sends body as JSON. Any answer but 2xx is an error.
func (p *Poster) Post(ctx context.Context, address string, body []byte) error {
	return p.PostSigned(ctx, address, body, "")
}

// The headers of a signed post. The signature is sha256= and, in hexadecimal,
// the HMAC-SHA256 of the timestamp, a dot and the body, with the project's
// secret as its key.
const (
	SignatureHeader = "X-Bine-Signature"
	TimestampHeader = "X-Bine-Timestamp" // seconds since 1970 UTC
)

// Sign gives the signature of a body that is posted at a time.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// PostSigned is Post with a signature; an empty secret signs nothing.
func (p *Poster) PostSigned(ctx context.Context, address string, body []byte, secret string) error {
	headers := http.Header{"Content-Type": {"application/json"}}
	if secret != "" {
		now := strconv.FormatInt(time.Now().Unix(), 10)
		headers.Set(TimestampHeader, now)
		headers.Set(SignatureHeader, Sign(secret, now, body))
	}
	status, _, err := p.Do(ctx, http.MethodPost, address, headers, body, 0)
	switch {
	case err != nil:
		return err
	case status < 300:
		return nil
	case status >= 500 || status == http.StatusTooManyRequests:
		return bine.Errorf(bine.Unavailable, "webhook answered %d %s", status, http.StatusText(status))
	default:
		return bine.Errorf(bine.Invalid, "webhook answered %d %s", status, http.StatusText(status))
	}
}

// drained is how much of an answer is read that nobody looks at, so that the
// connection can be used again.
const drained = 64 << 10

// Do makes a request and reads its answer, which is TooLarge if it has more
// than most bytes; with 0 the answer is not given. Redirects are not followed.
// A server that cannot be reached is Unavailable, an address that may not be is
// Forbidden.
func (p *Poster) Do(ctx context.Context, method, address string, headers http.Header, body []byte, most int64) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return 0, nil, bine.Errorf(bine.Invalid, "this is no address of the web: http://host… or https://host… is expected")
	}
	req.Header = headers
	res, err := p.http.Do(req)
	if err != nil {
		if refused, ok := errors.AsType[*bine.Error](err); ok {
			return 0, nil, refused
		}
		return 0, nil, bine.Errorf(bine.Unavailable, "%s cannot be reached: %w", req.URL.Host, reason(err))
	}
	defer res.Body.Close()
	if most == 0 {
		_, _ = io.CopyN(io.Discard, res.Body, drained) // whether it can be read says nothing
		return res.StatusCode, nil, nil
	}
	answer, err = io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case err != nil:
		return 0, nil, bine.Errorf(bine.Unavailable, "the answer of %s broke off: %w", req.URL.Host, err)
	case int64(len(answer)) > most:
		return 0, nil, bine.Errorf(bine.TooLarge, "%s answered more than %d bytes: take it with a process", req.URL.Host, most)
	}
	return res.StatusCode, answer, nil
}

// reason takes the address, which may hold secrets, out of an error.
func reason(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
