package run

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// Response is the answer to a request.
type Response struct {
	Status int
	Body   []byte
}

// hostOf names an address without what may be secret in it.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return "the address"
}

// request makes a request that is evaluated. An answer that is not as expected
// is an error, with its status: Unavailable where asking again may help. An
// answer of more than most bytes is TooLarge; 0 looks at its status only.
func (e *Engine) request(ctx context.Context, r dags.Request, most int64) (Response, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	headers := http.Header{}
	for name, v := range r.Headers {
		if strings.ContainsAny(v, "\r\n\x00") {
			return Response{}, bine.Errorf(bine.Invalid, "the header %s has a line break in its value", name)
		}
		headers.Set(name, v)
	}
	var body []byte
	if len(r.Body) > 0 {
		body = r.Body
		var text string
		if json.Unmarshal(r.Body, &text) == nil && r.Body[0] == '"' {
			body = []byte(text)
		} else if headers.Get("Content-Type") == "" {
			headers.Set("Content-Type", "application/json")
		}
	}
	status, answer, err := e.poster.Do(ctx, method, r.URL, headers, body, most)
	if err != nil {
		return Response{}, err
	}
	expected := status >= 200 && status < 300
	if len(r.Expect) > 0 {
		expected = slices.Contains(r.Expect, status)
	}
	if !expected {
		kind := bine.Invalid
		if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
			kind = bine.Unavailable
		}
		return Response{Status: status}, bine.Errorf(kind, "%s answered %d %s", hostOf(r.URL), status, http.StatusText(status))
	}
	return Response{status, answer}, nil
}

// makeRequest does a step of kind http.
func (e *Engine) makeRequest(ctx context.Context, action dags.HTTPAction) (map[string]json.RawMessage, error) {
	answer, err := e.request(ctx, action.Request, dags.MaxOutputs)
	if err != nil {
		return nil, err
	}
	status, err := json.Marshal(answer.Status)
	if err != nil {
		return nil, err
	}
	body := json.RawMessage(bytes.TrimSpace(answer.Body))
	if !json.Valid(body) {
		if !utf8.Valid(answer.Body) {
			return nil, bine.Errorf(bine.Invalid, "%s answered what is no text: take it with a process", hostOf(action.URL))
		}
		if body, err = json.Marshal(string(answer.Body)); err != nil {
			return nil, err
		}
	}
	if len(body) > dags.MaxOutputs { // quoting made it longer
		return nil, bine.Errorf(bine.TooLarge, "%s answered more than %d bytes: take it with a process", hostOf(action.URL), dags.MaxOutputs)
	}
	return map[string]json.RawMessage{"status": status, "body": body}, nil
}
