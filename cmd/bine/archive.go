package main

import (
	"bytes"
	"context"
	"io"
	"path"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/temporal"
)

// historiesDir is where finished histories are kept in the file system, out of
// every project's sight.
const historiesDir = "/System/histories"

// archive keeps finished histories in the file system.
type archive struct{ fs dfs.FS }

// Put keeps a history.
func (a archive) Put(ctx context.Context, name string, data []byte) error {
	_, err := a.fs.Create(ctx, dfs.Platform(), path.Join(historiesDir, name), bytes.NewReader(data), dfs.CreateOptions{Overwrite: true, Parents: true})
	return err
}

// Has says whether a history is kept.
func (a archive) Has(ctx context.Context, name string) (bool, error) {
	_, err := a.fs.Stat(ctx, dfs.Platform(), path.Join(historiesDir, name))
	if bine.IsKind(err, bine.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Newest gives the newest history of a workflow.
func (a archive) Newest(ctx context.Context, workflow string) ([]byte, error) {
	dir := path.Join(historiesDir, temporal.ExportDir(workflow))
	missing := bine.Errorf(bine.NotFound, "there is no history of %s", workflow)
	entries, _, err := a.fs.List(ctx, dfs.Platform(), dir, "", 0)
	if bine.IsKind(err, bine.NotFound) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	var newest dfs.Info
	for _, e := range entries {
		if !e.Dir && e.Modified.After(newest.Modified) {
			newest = e
		}
	}
	if newest.Path == "" {
		return nil, missing
	}
	body, _, err := a.fs.Open(ctx, dfs.Platform(), newest.Path, 0, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}
