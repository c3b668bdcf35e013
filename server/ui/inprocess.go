package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// inProcess is a transport that hands requests to a handler of this process, on
// behalf of a reader: with the session and the network address of the reader's
// own request. It keeps the cookies that the handler sets, for the reader.
type inProcess struct {
	handler http.Handler
	from    *http.Request

	mu      sync.Mutex
	cookies []string
}

// RoundTrip calls the handler. The answer can be read while it is written.
func (t *inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.Header.Del("Cookie")
	if c := t.from.Header.Get("Cookie"); c != "" {
		in.Header.Set("Cookie", c)
	}
	in.Header.Set("User-Agent", t.from.UserAgent())
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr, in.Host, in.TLS = t.from.RemoteAddr, t.from.Host, t.from.TLS
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.URL.Scheme, in.URL.Host = "", ""
	reader, writer := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: writer, begun: make(chan struct{})}
	go func() {
		defer cancel()
		defer func() { w.end(recover()) }()
		t.handler.ServeHTTP(w, in)
	}()
	if err := answered(ctx, w.begun); err != nil {
		reader.CloseWithError(err)
		return nil, err
	}
	t.mu.Lock()
	t.cookies = append(t.cookies, w.sent.Values("Set-Cookie")...)
	t.mu.Unlock()
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, ContentLength: -1, Request: req,
		Body: &cancelBody{reader, cancel},
	}, nil
}

// answered waits until an answer has begun, or fails because nobody waits for it
// any more. A handler that has ended has both begun its answer and ended ctx.
func answered(ctx context.Context, begun <-chan struct{}) error {
	select {
	case <-begun:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-begun:
		return nil
	default:
		return ctx.Err()
	}
}

// cancelBody tells the handler that nobody reads on.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}

// pipeWriter is the handler's end of an answer.
type pipeWriter struct {
	header http.Header
	sent   http.Header // as it was when the answer began
	status int
	body   *io.PipeWriter
	begun  chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
	close(w.begun)
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush begins the answer; nothing is held back.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// end ends the answer, broken off if the handler panicked.
func (w *pipeWriter) end(panicked any) {
	if panicked != nil {
		w.WriteHeader(http.StatusInternalServerError)
		w.body.CloseWithError(errBrokenOff)
		return
	}
	w.WriteHeader(http.StatusOK)
	w.body.Close()
}

var errBrokenOff = errors.New("the answer broke off")
