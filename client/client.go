// Package client is the Go client of Bine's REST API: the bodies of its
// requests, its calls, and the errors that they answer. What a call answers is
// a record of package bine, or one declared here where the wire alone needs it.
//
// A Client is safe for use by several goroutines. Every call takes a context;
// a call that only reads, or that carries an idempotency key, is tried again
// when the connection is lost, for as long as Options.Patience says.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// Options say how to reach an installation.
type Options struct {
	URL  string // for example http://127.0.0.1:7070
	Key  string // API key or job token; empty where HTTP carries a session
	HTTP *http.Client
	// Patience is how long a safe call is tried again while the server does
	// not answer. Zero: not at all.
	Patience time.Duration
}

// Client calls the REST API of one installation.
type Client struct {
	base     string
	key      string
	http     *http.Client
	patience time.Duration
}

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, bine.Errorf(bine.Invalid, "%q is not the address of a Bine server: write it like http://127.0.0.1:7070", o.URL)
	}
	c := o.HTTP
	if c == nil {
		c = &http.Client{}
	}
	return &Client{base: strings.TrimRight(o.URL, "/"), key: o.Key, http: c, patience: o.Patience}, nil
}

// URL gives the address of the installation, without a slash at its end.
func (c *Client) URL() string { return c.base }

// Problem is the body of an answer that is an error (RFC 9457,
// application/problem+json) with the kind of the error beside it.
type Problem struct {
	Type   string        `json:"type,omitempty"`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail,omitempty"`
	Kind   bine.Kind     `json:"kind"`
	Errors []bine.Detail `json:"errors,omitempty"`
}

// Page is one page of a list. Next is the cursor of the following page, empty
// on the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// List says which page of a list is wanted.
type List struct {
	After string // cursor: Page.Next of the page before
	Limit int    // entries; 0 is the server's default of 100
}

func (l List) query() url.Values {
	q := url.Values{}
	if l.After != "" {
		q.Set("after", l.After)
	}
	if l.Limit > 0 {
		q.Set("limit", strconv.Itoa(l.Limit))
	}
	return q
}

// request is one call before it is sent.
type request struct {
	method string
	path   []string // segments under /api/v1, escaped when sent
	query  url.Values
	body   any // nil, an io.Reader sent as it is, []byte, or a value sent as JSON
	mime   string
	header http.Header
	safe   bool // may be sent again
}

const firstWait = 50 * time.Millisecond

// send sends r and returns the answer, whose body the caller closes.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	stop := time.Now().Add(c.patience)
	for wait := firstWait; ; wait = min(2*wait, 2*time.Second) {
		res, err := c.once(ctx, r)
		again := r.safe && c.patience > 0 && time.Now().Before(stop) && ctx.Err() == nil
		if err != nil && (!again || !bine.IsKind(err, bine.Unavailable)) {
			return nil, err
		}
		if err == nil {
			return res, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (c *Client) once(ctx context.Context, r request) (*http.Response, error) {
	req, err := c.build(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &bine.Error{Kind: bine.Unavailable, Message: fmt.Sprintf("no answer from %s: %v", c.base, errors.Unwrap(err)), Err: err}
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	kind := r.mime
	switch b := r.body.(type) {
	case nil:
	case io.Reader:
		body = b
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode body of %s: %w", strings.Join(r.path, "/"), err)
		}
		body, kind = bytes.NewReader(text), "application/json"
	}
	address := c.base + "/api/v1"
	for _, segment := range r.path {
		address += "/" + url.PathEscape(segment)
	}
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return req, nil
}

// problem reads the error that an answer carries.
func problem(res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var p Problem
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if !strings.HasSuffix(media, "json") || json.Unmarshal(text, &p) != nil || p.Kind == "" {
		kind := bine.Internal
		if res.StatusCode == http.StatusBadGateway || res.StatusCode == http.StatusServiceUnavailable {
			kind = bine.Unavailable
		}
		return bine.Errorf(kind, "the server answered %s", res.Status)
	}
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	return &bine.Error{Kind: p.Kind, Message: message, Details: p.Errors}
}

// call sends r and decodes the JSON answer into a T.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	res, err := c.send(ctx, r)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if _, nothing := any(out).(none); nothing { // accepted, and nothing to say
		return out, nil
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read answer of %s: %w", strings.Join(r.path, "/"), err)
	}
	return out, nil
}

func get[T any](ctx context.Context, c *Client, query url.Values, path ...string) (T, error) {
	return call[T](ctx, c, request{method: http.MethodGet, path: path, query: query, safe: true})
}

func post[T any](ctx context.Context, c *Client, body any, path ...string) (T, error) {
	return call[T](ctx, c, request{method: http.MethodPost, path: path, body: body})
}

type none struct{}

func (c *Client) do(ctx context.Context, method string, body any, path ...string) error {
	_, err := call[none](ctx, c, request{method: method, path: path, body: body, safe: method == http.MethodDelete || method == http.MethodPut})
	return err
}

// stream sends r and hands out the body, which the caller closes.
func (c *Client) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// WithPatience gives a client that is like c but waits for as long for a server
// that does not answer.
func (c *Client) WithPatience(d time.Duration) *Client {
	patient := *c
	patient.patience = d
	return &patient
}

// WithHTTP gives a client that is like c but sends its requests by h.
func (c *Client) WithHTTP(h *http.Client) *Client {
	other := *c
	other.http = h
	return &other
}
