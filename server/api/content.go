package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// content is what a caller gets byte by byte: a file or an artifact.
type content struct {
	name     string
	size     int64
	etag     string
	modified time.Time
	open     func(offset, length int64) (io.ReadCloser, error)
}

// span is a part of a content.
type span struct{ offset, length int64 }

// errRange says that no byte of a range is there.
func errRange(size int64) error {
	return bine.Errorf(bine.Invalid, "the range asked for is not in the %d bytes of the file", size)
}

// spanOf reads a Range header with one range. Without one, or with a form that
// is not understood, it is the whole content, as RFC 9110 allows.
func spanOf(header string, size int64) (span, bool, error) {
	whole := span{0, size}
	text, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	if !ok || strings.Contains(text, ",") {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return whole, false, nil
	}
	if first == "" { // the last n bytes
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return whole, false, nil
		}
		if n = min(n, size); n == 0 {
			return whole, false, errRange(size)
		}
		return span{size - n, n}, true, nil
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return whole, false, nil
	}
	to := size - 1
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < from {
			return whole, false, nil
		}
		to = min(n, to)
	}
	if from >= size {
		return whole, false, errRange(size)
	}
	return span{from, to - from + 1}, true, nil
}

// send answers a content or a range of it. It is always an attachment in a
// sandbox: what users store is never run as a page of this server.
func (a *API) send(ctx context.Context, c content, ranges, have string) (*huma.StreamResponse, error) {
	s, partial, err := spanOf(ranges, c.size)
	if err != nil {
		return nil, &problem{Problem: a.problemOf(ctx, err).Problem, header: http.Header{"Content-Range": {"bytes */" + digits(c.size)}}}
	}
	if s.offset+s.length > preview && !a.mayDownload(ctx) {
		return nil, auth.NeedRole(callOf(ctx).member.Project, bine.DataOwner)
	}
	if !partial && have != "" && (have == "*" || strings.Contains(have, c.etag)) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("ETag", c.etag)
			hc.SetStatus(http.StatusNotModified)
		}}, nil
	}
	body := io.NopCloser(strings.NewReader(""))
	if s.length > 0 {
		if body, err = c.open(s.offset, s.length); err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer body.Close()
		c.headers(hc, s, partial)
		if n, err := io.Copy(callOf(ctx).writer, body); n < s.length {
			// The length is promised: the caller must see that the answer broke off.
			a.Log.WarnContext(ctx, "download broke off", "file", c.name, "sent", n, "of", s.length, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// mayDownload says whether the caller may have all of a file: Data Owners, and
// the programs that the project runs.
func (a *API) mayDownload(ctx context.Context) bool {
	c := callOf(ctx)
	return c.member.Role == bine.DataOwner || c.Via == auth.ViaJob
}

func (c content) headers(hc huma.Context, s span, partial bool) {
	for name, value := range map[string]string{
		"Content-Type":            mediaType(c.name),
		"Content-Length":          digits(s.length),
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
		hc.SetHeader("Content-Range", "bytes "+digits(s.offset)+"-"+digits(s.offset+s.length-1)+"/"+digits(c.size))
	}
	hc.SetStatus(status)
}
