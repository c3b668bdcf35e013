package main

import (
	"context"
	"io"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/artifact"
)

// artifacts is the artifact store as the API and the engine ask for it: files
// under a hash that the sender names, read whole or in part.
type artifacts struct{ *artifact.Store }

// Missing says which of the hashes are not there.
func (a artifacts) Missing(ctx context.Context, project bine.ProjectName, hashes []bine.Hash) ([]bine.Hash, error) {
	return a.Has(ctx, project, hashes)
}

// Put stores a file; content with another hash is Invalid.
func (a artifacts) Put(ctx context.Context, project bine.ProjectName, hash bine.Hash, r io.Reader) (bine.ArtifactRef, error) {
	return a.PutAs(ctx, project, hash, r)
}

// Keep stores a file, whatever its hash is.
func (a artifacts) Keep(ctx context.Context, project bine.ProjectName, r io.Reader) (bine.ArtifactRef, error) {
	return a.Store.Put(ctx, project, r)
}

// Open reads a whole file.
func (a artifacts) Open(ctx context.Context, project bine.ProjectName, hash bine.Hash) (io.ReadCloser, error) {
	body, _, err := a.Store.Open(ctx, project, hash, 0, 0)
	return body, err
}

// OpenAt reads length bytes of a file from offset on; length 0 is to its end.
func (a artifacts) OpenAt(ctx context.Context, project bine.ProjectName, hash bine.Hash, offset, length int64) (io.ReadCloser, error) {
	body, _, err := a.Store.Open(ctx, project, hash, offset, length)
	return body, err
}
