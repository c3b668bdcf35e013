package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/bine-ml/bine"
)

// slack is what writing an answer may take longer than making it.
const slack = 10 * time.Second

// deadlines bounds a request by the time of its route. A stream has none, and
// the server's own are lifted for it; but what it sends must keep coming.
func (a *API) deadlines(ctx context.Context, c *call, r route) (context.Context, context.CancelFunc) {
	control := http.NewResponseController(c.writer)
	if r.stream {
		control.SetReadDeadline(time.Time{}) // refused in process, where there is no connection
		control.SetWriteDeadline(time.Time{})
		if r.body != "" {
			a.GiveUpIdle(c.writer, c.http)
		}
		return context.WithCancel(ctx)
	}
	timeout := r.wait()
	control.SetReadDeadline(time.Now().Add(timeout))
	control.SetWriteDeadline(time.Now().Add(timeout + slack))
	return context.WithTimeout(ctx, timeout)
}

// GiveUpIdle makes the body of a request fail when no byte of it comes for
// Config.Idle, so that a sender who fell silent gives the connection back.
func (a *API) GiveUpIdle(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	b := &idleBody{ReadCloser: r.Body, control: http.NewResponseController(w), idle: a.Idle}
	b.await() // also for what is left when nobody reads it
	r.Body = b
}

// idleBody is a body whose bytes have to keep coming.
type idleBody struct {
	io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
}

func (b *idleBody) await() { b.control.SetReadDeadline(time.Now().Add(b.idle)) }

// Read reads. When all is read the deadline is lifted: from then on the server
// watches the connection, and would take a deadline for its end.
func (b *idleBody) Read(p []byte) (int, error) {
	b.await()
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = bine.Errorf(bine.Unavailable, "no byte of the upload came for %s: it was given up", b.idle)
	}
	return n, err
}
