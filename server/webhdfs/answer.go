package webhdfs

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// answer is what a request is answered with: a value as JSON, bytes of a file,
// or nothing.
type answer struct {
	status   int // 0 is 200
	json     any
	name     string // under which the JSON is
	location string
	header   http.Header // of a stream
	stream   io.ReadCloser
	length   int64                   // of the stream
	write    func(w io.Writer) error // writes JSON that is too long to be made at once
}

// truth is the answer of operations that say whether they did something.
type truth struct {
	Boolean bool `json:"boolean"`
}

func yes(did bool) answer { return answer{json: truth{did}} }

// as answers a value under its name, as most answers are: {"Path": "/x"}.
func as(name string, value any) answer { return answer{name: name, json: value} }

const (
	jsonType   = "application/json"
	octetsType = "application/octet-stream"
)

// Values of headers that every answer shares. What replaces one of a header
// replaces the slice, so nobody changes these.
var (
	notStored  = []string{"no-store"}
	jsonHeader = []string{jsonType}
	octets     = []string{octetsType}
	zero       = []string{"0"}
)

// quick is JSON that writes itself, for what is asked for most.
type quick interface{ appendJSON([]byte) []byte }

// body gives the JSON of an answer.
func (a *answer) body() []byte {
	b := make([]byte, 0, 512)
	if a.name != "" {
		b = append(append(append(b, `{"`...), a.name...), `":`...)
	}
	if q, ok := a.json.(quick); ok {
		b = q.appendJSON(b)
	} else {
		text, err := json.Marshal(a.json)
		if err != nil {
			panic(err) // a value of ours that cannot be written is a fault of ours
		}
		b = append(b, text...)
	}
	if a.name != "" {
		b = append(b, '}')
	}
	return b
}

// answer sends an answer. What was promised and cannot be kept breaks the
// connection off, so that nobody takes a part for the whole.
func (c *call) answer(a answer) {
	h := c.w.Header()
	h["Cache-Control"] = notStored
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	switch {
	case a.stream != nil:
		defer a.stream.Close()
		for name, values := range a.header {
			h[name] = values
		}
		h["Content-Type"] = octets
		h["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
		c.w.WriteHeader(a.status)
		if n, err := io.Copy(c.w, a.stream); err != nil || n < a.length {
			panic(http.ErrAbortHandler)
		}
	case a.write != nil:
		h["Content-Type"] = jsonHeader
		c.w.WriteHeader(a.status)
		if err := a.write(c.w); err != nil {
			panic(http.ErrAbortHandler)
		}
	case a.json != nil:
		body := a.body()
		h["Content-Type"] = jsonHeader
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		c.w.WriteHeader(a.status)
		c.w.Write(body) // the status is out: a caller who is gone is gone
	default:
		h["Content-Type"] = octets
		h["Content-Length"] = zero
		c.w.WriteHeader(a.status)
	}
}
