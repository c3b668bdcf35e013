package s3

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// transport makes connections that give up when nothing moves on them.
func (c Config) transport() (*http.Transport, error) {
	trust, err := c.tls()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: min(c.Timeout, 10*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &movingConn{Conn: conn, limit: c.Timeout}, nil
		},
		TLSClientConfig:       trust,
		TLSHandshakeTimeout:   min(c.Timeout, 10*time.Second),
		ResponseHeaderTimeout: c.Timeout,
		IdleConnTimeout:       c.Timeout / 2, // sooner than movingConn gives an idle connection up
		MaxIdleConnsPerHost:   64,
		WriteBufferSize:       128 << 10,
		ReadBufferSize:        128 << 10,
		DisableCompression:    true, // ranges count bytes as they are stored
	}, nil
}

// movingConn is a connection that fails when no byte moves on it, in either
// direction, for as long as limit. A body of any size may pass, however long
// that takes, but one that got stuck ends.
type movingConn struct {
	net.Conn
	limit time.Duration
	moved atomic.Int64 // when the deadline was last moved, in nanoseconds since 1970
}

func (c *movingConn) Read(p []byte) (int, error) {
	c.extend()
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.extend()
	}
	return n, err
}

func (c *movingConn) Write(p []byte) (int, error) {
	c.extend()
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.extend()
	}
	return n, err
}

// extend moves the deadline, but not for every few bytes.
func (c *movingConn) extend() {
	now := time.Now()
	if last := c.moved.Load(); now.UnixNano()-last > int64(c.limit/16) && c.moved.CompareAndSwap(last, now.UnixNano()) {
		c.SetDeadline(now.Add(c.limit))
	}
}
