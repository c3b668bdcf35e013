package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
)

// answer is what a request is answered with: XML, bytes of a file, or nothing.
type answer struct {
	status int // 0 is 200
	header http.Header
	xml    any
	stream io.ReadCloser
	length int64 // of the stream, or what that of a HEAD would have
}

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// answer sends an answer. What was promised and cannot be kept breaks the
// connection off, so that nobody takes a part for the whole.
func (c *call) answer(a answer) {
	h := c.w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	switch {
	case a.stream != nil:
		defer a.stream.Close()
		h["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
		c.w.WriteHeader(a.status)
		if n, err := io.Copy(c.w, a.stream); err != nil || n < a.length {
			panic(http.ErrAbortHandler)
		}
	case a.xml != nil && c.r.Method != http.MethodHead:
		body, err := xml.Marshal(a.xml)
		if err != nil {
			panic(err) // a value of ours that cannot be written is a fault of ours
		}
		body = append([]byte(xml.Header), body...)
		h["Content-Type"] = []string{"application/xml"}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		c.w.WriteHeader(a.status)
		c.w.Write(body) // the status is out: a caller who is gone is gone
	default:
		if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
			h["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
		}
		c.w.WriteHeader(a.status)
	}
}
