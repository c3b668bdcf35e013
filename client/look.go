package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// PathChange is one change of what is at a path, or below it.
type PathChange struct {
	ID   int64     `json:"id" doc:"its place among the changes"`
	At   time.Time `json:"at"`
	Op   string    `json:"op" enum:"created,written,renamed,removed,altered"`
	Path string    `json:"path" doc:"where it was then"`
	From string    `json:"from,omitempty" doc:"of a rename: the path before"`
	Dir  bool      `json:"dir"`
	Size int64     `json:"size" doc:"bytes after the change; of a directory 0"`
	By   string    `json:"by" doc:"the project user, or bine for the platform"`
}

// EntryUsage is what is at and below one entry of a directory.
type EntryUsage struct {
	Name        string `json:"name"`
	Dir         bool   `json:"dir"`
	Bytes       int64  `json:"bytes"`
	Files       int64  `json:"files"`
	Directories int64  `json:"directories" doc:"with the entry itself, where it is one"`
}

// UsageByEntry is what uses the space of a directory.
type UsageByEntry struct {
	FileUsage
	Entries []EntryUsage `json:"entries" doc:"the largest, that first"`
}

// Changes lists the changes of a path of the last days, in pages, the last first.
// A page may hold fewer than asked for, or none, and not be the last.
func (c *Client) Changes(ctx context.Context, p bine.ProjectName, path string, l List) (Page[PathChange], error) {
	q := l.query()
	q.Set("path", strings.Trim(path, "/"))
	return get[Page[PathChange]](ctx, c, q, "projects", string(p), "changes")
}

// UsageByEntry says what uses the space of a directory: its largest entries, and
// what all of them have.
func (c *Client) UsageByEntry(ctx context.Context, p bine.ProjectName, dir string, entries int) (UsageByEntry, error) {
	q := url.Values{"path": {strings.Trim(dir, "/")}}
	if entries > 0 {
		q.Set("limit", strconv.Itoa(entries))
	}
	return get[UsageByEntry](ctx, c, q, "projects", string(p), "usage-by-entry")
}

// Archive gives files, and directories with all that is below them, in one
// stream: format is zip or tar. The path / is all of the project.
func (c *Client) Archive(ctx context.Context, p bine.ProjectName, format string, paths ...string) (io.ReadCloser, error) {
	return c.stream(ctx, request{method: http.MethodGet, path: []string{"projects", string(p), "archive"}, query: url.Values{"format": {format}, "path": paths}, safe: true})
}
