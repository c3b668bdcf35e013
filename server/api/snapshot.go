package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

func (a *API) snapshotRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	change := auth.Access{Role: bine.DataScientist, Job: true} // of what, the file system says
	allow := auth.Access{Role: bine.DataOwner}
	const all, dirs = "projects/{project}/snapshots", "projects/{project}/snapshot-dirs"
	add(a, route{id: "list-snapshots", method: http.MethodGet, path: all, tag: "files", summary: "The snapshots of a directory, the oldest first", access: see}, a.snapshots)
	add(a, route{id: "create-snapshot", method: http.MethodPost, path: all, tag: "files", summary: "Keep a directory as it is, to be read below .snapshot/<name>", access: change, stream: true}, a.createSnapshot)
	add(a, route{id: "rename-snapshot", method: http.MethodPatch, path: all, tag: "files", summary: "Give a snapshot another name", access: change}, a.renameSnapshot)
	add(a, route{id: "delete-snapshot", method: http.MethodDelete, path: all, tag: "files", summary: "Remove a snapshot", access: change}, a.deleteSnapshot)
	add(a, route{id: "compare-snapshots", method: http.MethodGet, path: "projects/{project}/snapshots-diff", tag: "files", summary: "What is different between two snapshots of a directory, or one and now", access: see, stream: true}, a.diffSnapshots)
	add(a, route{id: "list-snapshot-dirs", method: http.MethodGet, path: dirs, tag: "files", summary: "The directories of which snapshots may be made", access: see}, a.snapshotDirs)
	add(a, route{id: "allow-snapshots", method: http.MethodPut, path: dirs, tag: "files", summary: "Allow snapshots of a directory", access: allow}, a.allowSnapshots)
	add(a, route{id: "disallow-snapshots", method: http.MethodDelete, path: dirs, tag: "files", summary: "Allow no more snapshots of a directory that has none", access: allow}, a.disallowSnapshots)
}

func snapshotOf(p bine.ProjectName, s dfs.Snapshot) client.Snapshot {
	return client.Snapshot{Name: s.Name, Path: dfs.Relative(p, s.Path), By: s.By, At: s.At}
}

func (a *API) snapshots(ctx context.Context, in *InPath) (*body[[]client.Snapshot], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	all, err := a.Files.Snapshots(ctx, fileUser(ctx), full)
	var shown []client.Snapshot
	for _, s := range all {
		shown = append(shown, snapshotOf(in.Project, s))
	}
	return list(shown, err)
}

func (a *API) createSnapshot(ctx context.Context, in *struct {
	InProject
	Body client.NewSnapshot
}) (*body[client.Snapshot], error) {
	full, err := InFile{in.InProject, in.Body.Path}.writable(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.Files.CreateSnapshot(ctx, fileUser(ctx), full, in.Body.Name)
	return answer(snapshotOf(in.Project, s), err)
}

func (a *API) renameSnapshot(ctx context.Context, in *struct {
	InProject
	Body client.RenameSnapshot
}) (*none, error) {
	full, err := InFile{in.InProject, in.Body.Path}.writable(ctx)
	if err != nil {
		return nil, err
	}
	return done(a.Files.RenameSnapshot(ctx, fileUser(ctx), full, in.Body.Name, in.Body.To))
}

func (a *API) deleteSnapshot(ctx context.Context, in *struct {
	InPath
	Name string `query:"name" doc:"of the snapshot"`
}) (*none, error) {
	full, err := InFile{in.InProject, in.Path}.writable(ctx)
	if err != nil {
		return nil, err
	}
	return done(a.Files.DeleteSnapshot(ctx, fileUser(ctx), full, in.Name))
}

func (a *API) diffSnapshots(ctx context.Context, in *struct {
	InPath
	From string `query:"from" doc:"the earlier snapshot; empty is the directory as it is now"`
	To   string `query:"to" doc:"the later snapshot; empty is the directory as it is now"`
}) (*body[[]client.SnapshotDifference], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	all, err := a.Files.DiffSnapshots(ctx, fileUser(ctx), full, in.From, in.To)
	var shown []client.SnapshotDifference
	for _, d := range all {
		shown = append(shown, client.SnapshotDifference{Kind: string(d.Kind), Path: d.Path, Target: d.Target, Dir: d.Dir})
	}
	return list(shown, err)
}

func (a *API) snapshotDirs(ctx context.Context, in *InProject) (*body[[]client.SnapshotDir], error) {
	all, err := a.Files.SnapshotDirs(ctx, fileUser(ctx))
	var shown []client.SnapshotDir
	for _, d := range all {
		shown = append(shown, client.SnapshotDir{Path: dfs.Relative(in.Project, d.Path), Snapshots: d.Snapshots})
	}
	return list(shown, err)
}

func (a *API) allowSnapshots(ctx context.Context, in *InPath) (*none, error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	return done(a.Files.AllowSnapshots(ctx, fileUser(ctx), full))
}

func (a *API) disallowSnapshots(ctx context.Context, in *InPath) (*none, error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	return done(a.Files.DisallowSnapshots(ctx, fileUser(ctx), full))
}
