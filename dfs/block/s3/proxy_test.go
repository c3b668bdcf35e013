package s3_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/bine-ml/bine/dfs/block/s3"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

// fault is what a proxy does to one request; the zero value lets it pass.
type fault struct {
	status       int    // answer with this, and code, instead of asking the server
	code         string // of the error in that answer
	cutRequest   int64  // break both connections after so many bytes of the body
	cutResponse  int64  // break the client's connection after so many bytes of the answer
	stopResponse int64  // say nothing more after so many bytes of the answer, and keep the connection
	endResponse  int64  // end the answer after so many bytes as if that were all
	loseResponse bool   // let the server do it, then break the client's connection
	stall        bool   // take the request and never answer
	flipRequest  bool   // change a byte of the body
	flipResponse bool   // change a byte of the answer
	body         string // answer with this and status 200
}

// proxy stands before a server and does faults.
type proxy struct {
	*httptest.Server
	mu       sync.Mutex
	decide   func(r *http.Request) fault
	requests []*http.Request
	over     chan struct{} // closed at the end of the test
}

func newProxy(t *testing.T, server *s3test.Server) *proxy {
	p := &proxy{over: make(chan struct{})}
	target := &url.URL{Scheme: "http", Host: server.Address}
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := p.decideOn(r)
		switch {
		case f.stall:
			p.wait(r)
		case f.status != 0:
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(f.status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>made up by a test</Message></Error>", f.code)
			return
		case f.body != "":
			io.WriteString(w, f.body)
			return
		}
		if f.cutRequest > 0 || f.flipRequest {
			r.Body = &meddler{ReadCloser: r.Body, cut: f.cutRequest, flip: f.flipRequest}
		}
		one := *reverse
		one.ModifyResponse = func(answer *http.Response) error {
			if f.loseResponse {
				return errors.New("lost")
			}
			if f.endResponse > 0 {
				answer.ContentLength = -1
				answer.Header.Del("Content-Length")
			}
			answer.Body = &meddler{ReadCloser: answer.Body, cut: f.cutResponse, end: f.endResponse, stop: f.stopResponse, flip: f.flipResponse, wait: func() { p.wait(r) }}
			return nil
		}
		one.ServeHTTP(w, r)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.Start()
	t.Cleanup(func() { close(p.over); p.CloseClientConnections(); p.Close() })
	return p
}

// wait waits for the end of the test or of the client's connection.
func (p *proxy) wait(r *http.Request) {
	select {
	case <-p.over:
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}

func (p *proxy) decideOn(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r)
	if p.decide == nil {
		return fault{}
	}
	return p.decide(r)
}

// set decides about the requests to come.
func (p *proxy) set(decide func(r *http.Request) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide, p.requests = decide, nil
}

// seen lists the requests since set.
func (p *proxy) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// config is c, through the proxy.
func (p *proxy) config(c s3.Config) s3.Config {
	c.Endpoint = p.URL
	return c
}

// first does f to the first n requests that are meant.
func first(n int, meant func(*http.Request) bool, f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if !meant(r) {
			return fault{}
		}
		if n--; n < 0 {
			return fault{}
		}
		return f
	}
}

// always does f to all requests that are meant.
func always(meant func(*http.Request) bool, f fault) func(*http.Request) fault {
	return first(1<<30, meant, f)
}

// The requests that faults are done to.
func puts(r *http.Request) bool   { return r.Method == http.MethodPut }
func gets(r *http.Request) bool   { return r.Method == http.MethodGet && !lists(r) }
func lists(r *http.Request) bool  { return r.URL.Query().Has("list-type") }
func begins(r *http.Request) bool { return r.URL.Query().Has("uploads") }
func ends(r *http.Request) bool   { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }
func aborts(r *http.Request) bool {
	return r.Method == http.MethodDelete && r.URL.Query().Has("uploadId")
}
func second(r *http.Request) bool { return puts(r) && r.URL.Query().Get("partNumber") == "2" }
func anything(*http.Request) bool { return true }

// meddler spoils what is read through it.
type meddler struct {
	io.ReadCloser
	at, cut, end, stop int64
	flip               bool
	wait               func()
}

func (m *meddler) Read(p []byte) (int, error) {
	for _, limit := range []int64{m.cut, m.end, m.stop} {
		if limit > 0 && int64(len(p)) > limit-m.at {
			p = p[:limit-m.at]
		}
	}
	switch {
	case len(p) > 0:
	case m.cut > 0:
		return 0, errors.New("cut")
	case m.end > 0:
		return 0, io.EOF
	case m.stop > 0:
		m.wait()
	}
	n, err := m.ReadCloser.Read(p)
	if m.flip && n > 0 && m.at+int64(n) > 1000 && m.at <= 1000 {
		p[1000-m.at] ^= 1
	}
	m.at += int64(n)
	return n, err
}
