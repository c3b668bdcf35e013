package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
)

// content is what a caller gets byte by byte: a file or an artifact.
type content struct {
	name     string
	size     int64
	etag     string
	modified time.Time
	open     func(offset, length int64) (io.ReadCloser, error)
}

// Span is a part of a content.
type Span struct{ Offset, Length int64 }

// errRange says that no byte of a range is there.
func errRange(size int64) error {
	return bine.Errorf(bine.Invalid, "the range asked for is not in the %d bytes of the file", size)
}

// SpanOf reads a Range header with one range, and says whether it is a part.
// Without one, or with a form that is not understood, it is the whole content,
// as RFC 9110 allows.
func SpanOf(header string, size int64) (Span, bool, error) {
	whole := Span{0, size}
	text, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	if !ok || strings.Contains(text, ",") {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return whole, false, nil
	}
	if first == "" { // the last n bytes
		n, ok := position(last)
		if !ok {
			return whole, false, nil
		}
		if n = min(n, size); n == 0 {
			return whole, false, errRange(size)
		}
		return Span{size - n, n}, true, nil
	}
	from, ok := position(first)
	if !ok {
		return whole, false, nil
	}
	to := size - 1
	if last != "" {
		n, ok := position(last)
		if !ok || n < from {
			return whole, false, nil
		}
		to = min(n, to)
	}
	if from >= size {
		return whole, false, errRange(size)
	}
	return Span{from, to - from + 1}, true, nil
}

// position reads a number of a range: digits and nothing else. One that is too
// large for any content is the largest, so that it lies behind the end of all.
func position(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange) // which comes with the largest
}

// send answers a content or a range of it. It is always an attachment in a
// sandbox: what users store is never run as a page of this server.
func (a *API) send(ctx context.Context, c content, ranges, have string) (*huma.StreamResponse, error) {
	s, partial, err := SpanOf(ranges, c.size)
	if err != nil {
		return nil, &problem{Problem: a.problemOf(ctx, err).Problem, header: http.Header{"Content-Range": {"bytes */" + digits(c.size)}}}
	}
	if err := actorOf(ctx).MayRead(s.Offset + s.Length); err != nil {
		return nil, err
	}
	if !partial && have != "" && (have == "*" || strings.Contains(have, c.etag)) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("ETag", c.etag)
			hc.SetStatus(http.StatusNotModified)
		}}, nil
	}
	body := io.NopCloser(strings.NewReader(""))
	if s.Length > 0 {
		if body, err = c.open(s.Offset, s.Length); err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer body.Close()
		c.headers(hc, s, partial)
		if n, err := io.Copy(callOf(ctx).writer, body); n < s.Length {
			// The length is promised: the caller must see that the answer broke off.
			a.Log.WarnContext(ctx, "download broke off", "file", c.name, "sent", n, "of", s.Length, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (c content) headers(hc huma.Context, s Span, partial bool) {
	for name, value := range map[string]string{
		"Content-Type":            mediaType(c.name),
		"Content-Length":          digits(s.Length),
		"Content-Disposition":     attachment(c.name),
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'",
		"Accept-Ranges":           "bytes",
		"ETag":                    c.etag,
		"Cache-Control":           "private, no-cache",
	} {
		hc.SetHeader(name, value)
	}
	if !c.modified.IsZero() {
		hc.SetHeader("Last-Modified", c.modified.UTC().Format(http.TimeFormat))
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		hc.SetHeader("Content-Range", "bytes "+digits(s.Offset)+"-"+digits(s.Offset+s.Length-1)+"/"+digits(c.size))
	}
	hc.SetStatus(status)
}
