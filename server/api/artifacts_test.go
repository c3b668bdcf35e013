package api_test

import (
	"context"
	"io"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/artifact"
)

// artifacts is the artifact store as the API asks for it.
type artifacts struct{ *artifact.Store }

func newArtifacts(_ testing.TB, files *dfs.Tree) artifacts { return artifacts{artifact.New(files)} }

func (a artifacts) Missing(ctx context.Context, p bine.ProjectName, hashes []bine.Hash) ([]bine.Hash, error) {
	return a.Has(ctx, p, hashes)
}

func (a artifacts) Put(ctx context.Context, p bine.ProjectName, h bine.Hash, r io.Reader) (bine.ArtifactRef, error) {
	return a.PutAs(ctx, p, h, r)
}

func (a artifacts) OpenAt(ctx context.Context, p bine.ProjectName, h bine.Hash, offset, length int64) (io.ReadCloser, error) {
	body, _, err := a.Store.Open(ctx, p, h, offset, length)
	return body, err
}
