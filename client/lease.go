package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// FileLease is the right of one writer to a file. Without a holder nobody has it.
type FileLease struct {
	Path    string    `json:"path"`
	ID      int64     `json:"id" doc:"number of the file, which stays when it is renamed"`
	Size    int64     `json:"size" doc:"of the file when the lease was taken or looked at, in bytes"`
	Epoch   int64     `json:"epoch,omitempty" doc:"number of the lease, which no other has: what is written names it"`
	Holder  string    `json:"holder,omitempty" doc:"what the writer calls itself"`
	By      string    `json:"by,omitempty" doc:"project user: <project>__<user>"`
	Taken   time.Time `json:"taken,omitzero"`
	Renewed time.Time `json:"renewed,omitzero"`
	Yields  time.Time `json:"yields,omitzero" doc:"when somebody else may take it over, unless it is renewed"`
}

// TakeLease is the body of PUT leases/{path}.
type TakeLease struct {
	Holder string `json:"holder" minLength:"1" maxLength:"200" doc:"a name that the writer gives itself and nobody else has; asked again with it, the answer is the same lease"`
}

// RenewLease is the body of PATCH leases/{path}.
type RenewLease struct {
	ID    int64 `json:"id" doc:"as the lease says it"`
	Epoch int64 `json:"epoch" doc:"as the lease says it"`
}

// Lease makes the caller the only writer of a file: what is written with its Epoch
// is refused (Fenced) when it is no longer theirs, and what others write meanwhile is
// (Leased). It yields when it was not renewed for a minute.
func (c *Client) Lease(ctx context.Context, p bine.ProjectName, path, holder string) (FileLease, error) {
	return call[FileLease](ctx, c, request{method: http.MethodPut, path: filePath(p, "leases", path), body: TakeLease{holder}, safe: true})
}

// LeaseOf says who writes to a file.
func (c *Client) LeaseOf(ctx context.Context, p bine.ProjectName, path string) (FileLease, error) {
	return get[FileLease](ctx, c, nil, filePath(p, "leases", path)...)
}

// RenewLease says that the writer is still there, wherever the file is by now.
func (c *Client) RenewLease(ctx context.Context, p bine.ProjectName, l FileLease) (FileLease, error) {
	return call[FileLease](ctx, c, request{method: http.MethodPatch, path: filePath(p, "leases", l.Path), body: RenewLease{l.ID, l.Epoch}, safe: true})
}

// ReleaseLease ends a lease. One that has ended is no error.
func (c *Client) ReleaseLease(ctx context.Context, p bine.ProjectName, l FileLease) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: filePath(p, "leases", l.Path),
		query: url.Values{"id": {strconv.FormatInt(l.ID, 10)}, "epoch": {strconv.FormatInt(l.Epoch, 10)}}, safe: true})
	return err
}

// RecoverLease ends the lease of a file, whoever has it, and says what it was.
func (c *Client) RecoverLease(ctx context.Context, p bine.ProjectName, path string) (FileLease, error) {
	return call[FileLease](ctx, c, request{method: http.MethodPost, path: filePath(p, "leases", path), safe: true})
}

// AppendUnder is AppendFile under a lease, named by its Epoch; 0 is none.
func (c *Client) AppendUnder(ctx context.Context, p bine.ProjectName, path string, offset int64, data []byte, lease int64) (File, error) {
	q := url.Values{"offset": {strconv.FormatInt(offset, 10)}}
	if lease != 0 {
		q.Set("lease", strconv.FormatInt(lease, 10))
	}
	return call[File](ctx, c, request{method: http.MethodPost, path: filePath(p, "appends", path), body: data, mime: "application/octet-stream", query: q, safe: true})
}
