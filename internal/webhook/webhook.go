// Package webhook posts messages to addresses that users name. It never
// reaches an address of the platform's own network: the check is made on the
// resolved address at the moment of connecting, so that no name and no
// redirect leads around it.
package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
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
func (p *Poster) Post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return bine.Errorf(bine.Invalid, "webhook %q: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.http.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch {
	case res.StatusCode < 300:
		return nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return bine.Errorf(bine.Unavailable, "webhook answered %s", res.Status)
	default:
		return bine.Errorf(bine.Invalid, "webhook answered %s", res.Status)
	}
}
