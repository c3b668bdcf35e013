package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
)

const (
	partSize  = 16 << 20 // what one upload holds in memory
	mostParts = 10_000   // of one object, as S3 has it
)

// Create makes a file of what r yields: one request where it fits a part, else
// a multipart upload, which nobody sees before its end.
func (l *Lake) Create(ctx context.Context, p string, r io.Reader, o lake.CreateOptions) (lake.Entry, error) {
	e, err := l.Stat(ctx, p)
	switch {
	case err == nil && e.Dir:
		return e, lake.IsDirectory(p)
	case err == nil && !o.Overwrite:
		return e, lake.Exists(p)
	case err != nil && !bine.IsKind(err, bine.NotFound):
		return e, err
	}
	options := minio.PutObjectOptions{PartSize: partSize, DisableContentSha256: false}
	if !o.Overwrite {
		options.SetMatchETagExcept("*") // services that know no conditions pay no heed to it
	}
	size := o.Size
	if size < 0 {
		first := make([]byte, partSize)
		n, err := io.ReadFull(r, first)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			r, size = bytes.NewReader(first[:n]), int64(n)
		case err != nil:
			return e, err
		default:
			r = io.MultiReader(bytes.NewReader(first), r)
		}
	}
	if size > partSize*mostParts {
		options.PartSize = uint64((size/mostParts/partSize + 1) * partSize)
	}
	source := &reading{r: r}
	if _, err := l.core.Client.PutObject(ctx, l.bucket, l.prefix+p, source, size, options); err != nil {
		if source.err != nil { // what was to be written could not be read
			return e, source.err
		}
		if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
			return e, lake.Exists(p)
		}
		return e, l.explain(p, err)
	}
	return l.Stat(ctx, p)
}

// reading remembers how reading failed.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// wholeSize reads from Content-Range how large the object is that a part was sent of.
func wholeSize(h http.Header) (int64, bool) {
	_, whole, found := strings.Cut(h.Get("Content-Range"), "/")
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, found && err == nil
}

// explain says what went wrong and what to do about it.
func (l *Lake) explain(p string, err error) error {
	var answer minio.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &answer) || answer.StatusCode == 0:
		return lake.Unreachable(l.host, err)
	}
	fault := func(kind bine.Kind, what string) error {
		text := strings.Join(strings.Fields(answer.Code+": "+answer.Message), " ")
		if l.secret != "" {
			text = strings.ReplaceAll(text, l.secret, "…")
		}
		return bine.Errorf(kind, "%s (%s answered %.200s)", what, l.host, text)
	}
	switch {
	case answer.Code == minio.NoSuchBucket:
		return fault(bine.NotFound, "there is no bucket "+l.bucket)
	case answer.Code == "InvalidAccessKeyId" || answer.Code == "XAdminUserNotFound":
		return fault(bine.Forbidden, "the access key is not known there")
	case missing(err) && p == "":
		return fault(bine.NotFound, "there is no bucket "+l.bucket)
	case missing(err):
		return lake.NotFound(p)
	case answer.Code == "SignatureDoesNotMatch":
		return fault(bine.Forbidden, "the secret key does not belong to the access key, or the region is another one")
	case answer.Code == "AuthorizationHeaderMalformed" || answer.Code == minio.InvalidRegion || answer.Code == "PermanentRedirect" || answer.StatusCode == http.StatusMovedPermanently:
		return fault(bine.Invalid, "the bucket is in another region: set the region of the connector")
	case answer.Code == "RequestTimeTooSkewed":
		return fault(bine.Unavailable, "the clocks are too far apart")
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return fault(bine.Forbidden, "access is denied: the keys may not do this with the bucket "+l.bucket)
	case answer.StatusCode == http.StatusInsufficientStorage || answer.Code == "QuotaExceeded" || answer.Code == "XMinioStorageFull":
		return fault(bine.NoQuota, "there is no room in the bucket "+l.bucket)
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.Code == "SlowDown":
		return fault(bine.Unavailable, "the service cannot answer at present")
	}
	return fault(bine.Invalid, "the service refused")
}
