package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// TrashedFile is something that was removed and can be restored.
type TrashedFile struct {
	Number  int64     `json:"number"`
	Path    string    `json:"path" doc:"where it was"`
	Dir     bool      `json:"dir"`
	Size    int64     `json:"size" doc:"bytes; of a directory 0"`
	By      string    `json:"by" doc:"the project user who removed it"`
	Removed time.Time `json:"removed"`
	Expires time.Time `json:"expires" doc:"when it is removed for good"`
}

// RestoreFile is the body of POST trash/{number}.
type RestoreFile struct {
	To string `json:"to,omitempty" doc:"path to restore it to; empty is where it was"`
}

// TrashFile removes a file or a directory so that it can be restored.
func (c *Client) TrashFile(ctx context.Context, p bine.ProjectName, path string) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: filePath(p, "files", path), query: url.Values{"trash": {"true"}}})
	return err
}

// Trash lists what can be restored, what was removed last first.
func (c *Client) Trash(ctx context.Context, p bine.ProjectName, l List) (Page[TrashedFile], error) {
	return get[Page[TrashedFile]](ctx, c, l.query(), "projects", string(p), "trash")
}

// RestoreFile restores something from the trash.
func (c *Client) RestoreFile(ctx context.Context, p bine.ProjectName, number int64, body RestoreFile) (File, error) {
	return call[File](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "trash", strconv.FormatInt(number, 10)}, body: body})
}

// DiscardFile removes something in the trash for good.
func (c *Client) DiscardFile(ctx context.Context, p bine.ProjectName, number int64) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "trash", strconv.FormatInt(number, 10))
}
