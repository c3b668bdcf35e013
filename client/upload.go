package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// UploadKey says which upload in parts is meant: that of one user, to one path,
// of content with a size and a tag. Who has the same content again goes on where
// they were.
type UploadKey struct {
	Path string
	Size int64
	Tag  string // tells contents of one size apart: the time of modification, a checksum
}

// PartialUpload is a file that comes in parts.
type PartialUpload struct {
	Path     string     `json:"path"`
	Size     int64      `json:"size" doc:"bytes of the whole"`
	Tag      string     `json:"tag" doc:"tells contents of one size apart"`
	Offset   int64      `json:"offset" doc:"bytes that are there"`
	Modified *time.Time `json:"modified,omitempty" doc:"when the last part came"`
	Exists   bool       `json:"exists,omitempty" doc:"there is a file at the path, which the upload would replace"`
}

// FinishUpload is the body of POST uploads/{path}.
type FinishUpload struct {
	Overwrite bool `json:"overwrite,omitempty" doc:"replace a file that is there"`
	Parents   bool `json:"parents,omitempty" doc:"make the directories above it too"`
}

func (k UploadKey) query() url.Values {
	q := url.Values{"size": {strconv.FormatInt(k.Size, 10)}}
	if k.Tag != "" {
		q.Set("tag", k.Tag)
	}
	return q
}

// Uploads lists what the caller has begun to upload and not finished.
func (c *Client) Uploads(ctx context.Context, p bine.ProjectName) ([]PartialUpload, error) {
	return get[[]PartialUpload](ctx, c, nil, "projects", string(p), "uploads")
}

// BegunUpload says how much of an upload is there, and fails where the whole could
// not be written.
func (c *Client) BegunUpload(ctx context.Context, p bine.ProjectName, key UploadKey) (PartialUpload, error) {
	return get[PartialUpload](ctx, c, key.query(), filePath(p, "uploads", key.Path)...)
}

// UploadPart adds bytes to an upload at its offset: at most 16 MiB. Bytes that are
// there already are skipped.
func (c *Client) UploadPart(ctx context.Context, p bine.ProjectName, key UploadKey, offset int64, data []byte) (PartialUpload, error) {
	q := key.query()
	q.Set("offset", strconv.FormatInt(offset, 10))
	return call[PartialUpload](ctx, c, request{method: http.MethodPatch, path: filePath(p, "uploads", key.Path), query: q, body: data, mime: "application/octet-stream", safe: true})
}

// FinishUpload makes an upload that is there whole a file.
func (c *Client) FinishUpload(ctx context.Context, p bine.ProjectName, key UploadKey, body FinishUpload) (File, error) {
	return call[File](ctx, c, request{method: http.MethodPost, path: filePath(p, "uploads", key.Path), query: key.query(), body: body, safe: true})
}

// DropUpload gives an upload up.
func (c *Client) DropUpload(ctx context.Context, p bine.ProjectName, key UploadKey) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: filePath(p, "uploads", key.Path), query: key.query(), safe: true})
	return err
}
