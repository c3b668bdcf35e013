package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/bine-ml/bine"
)

// Snapshot is a directory as it was at one moment.
type Snapshot struct {
	Name string    `json:"name"`
	Path string    `json:"path" doc:"where it is read: <directory>/.snapshot/<name>"`
	By   string    `json:"by" doc:"the project user who made it"`
	At   time.Time `json:"at"`
}

// SnapshotDir is a directory of which snapshots may be made.
type SnapshotDir struct {
	Path      string `json:"path"`
	Snapshots int    `json:"snapshots" doc:"how many there are"`
}

// NewSnapshot is the body of POST snapshots.
type NewSnapshot struct {
	Path string `json:"path" doc:"the directory"`
	Name string `json:"name,omitempty" doc:"empty makes one of the time: sYYYYMMDD-HHMMSS.mmm, in UTC"`
}

// RenameSnapshot is the body of PATCH snapshots.
type RenameSnapshot struct {
	Path string `json:"path" doc:"the directory"`
	Name string `json:"name"`
	To   string `json:"to" doc:"the new name"`
}

// SnapshotDifference is one between two snapshots of a directory.
type SnapshotDifference struct {
	Kind   string `json:"kind" enum:"created,deleted,modified,renamed"`
	Path   string `json:"path" doc:"below the directory, and empty for itself: in the later one of what was created, else in the earlier one"`
	Target string `json:"target,omitempty" doc:"where it is in the later one, if it was renamed"`
	Dir    bool   `json:"dir"`
}

// Snapshots lists the snapshots of a directory, the oldest first.
func (c *Client) Snapshots(ctx context.Context, p bine.ProjectName, dir string) ([]Snapshot, error) {
	return get[[]Snapshot](ctx, c, url.Values{"path": {dir}}, "projects", string(p), "snapshots")
}

// CreateSnapshot keeps a directory as it is.
func (c *Client) CreateSnapshot(ctx context.Context, p bine.ProjectName, body NewSnapshot) (Snapshot, error) {
	return call[Snapshot](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "snapshots"}, body: body})
}

// RenameSnapshot gives a snapshot another name.
func (c *Client) RenameSnapshot(ctx context.Context, p bine.ProjectName, body RenameSnapshot) error {
	return c.do(ctx, http.MethodPatch, body, "projects", string(p), "snapshots")
}

// DeleteSnapshot removes a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, p bine.ProjectName, dir, name string) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: []string{"projects", string(p), "snapshots"}, query: url.Values{"path": {dir}, "name": {name}}})
	return err
}

// DiffSnapshots says what is different between two snapshots of a directory; the
// empty name is the directory as it is now.
func (c *Client) DiffSnapshots(ctx context.Context, p bine.ProjectName, dir, from, to string) ([]SnapshotDifference, error) {
	return get[[]SnapshotDifference](ctx, c, url.Values{"path": {dir}, "from": {from}, "to": {to}}, "projects", string(p), "snapshots-diff")
}

// SnapshotDirs lists the directories of which snapshots may be made.
func (c *Client) SnapshotDirs(ctx context.Context, p bine.ProjectName) ([]SnapshotDir, error) {
	return get[[]SnapshotDir](ctx, c, nil, "projects", string(p), "snapshot-dirs")
}

// AllowSnapshots says whether snapshots of a directory may be made.
func (c *Client) AllowSnapshots(ctx context.Context, p bine.ProjectName, dir string, may bool) error {
	method := http.MethodPut
	if !may {
		method = http.MethodDelete
	}
	_, err := call[none](ctx, c, request{method: method, path: []string{"projects", string(p), "snapshot-dirs"}, query: url.Values{"path": {dir}}, safe: true})
	return err
}
