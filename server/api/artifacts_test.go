package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// artifacts keeps artifacts in memory.
type artifacts struct {
	mu   sync.Mutex
	held map[bine.ProjectName]map[bine.Hash][]byte
}

func newArtifacts(*testing.T, *dfs.Tree) *artifacts {
	return &artifacts{held: map[bine.ProjectName]map[bine.Hash][]byte{}}
}

func (a *artifacts) get(p bine.ProjectName, h bine.Hash) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.held[p][h]
	if !ok {
		return nil, bine.Errorf(bine.NotFound, "artifact %.12s is not there", h)
	}
	return b, nil
}

func (a *artifacts) put(p bine.ProjectName, b []byte) bine.Hash {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held[p] == nil {
		a.held[p] = map[bine.Hash][]byte{}
	}
	h := bine.HashOf(b)
	a.held[p][h] = b
	return h
}

func (a *artifacts) Missing(_ context.Context, p bine.ProjectName, hashes []bine.Hash) ([]bine.Hash, error) {
	var out []bine.Hash
	for _, h := range hashes {
		if _, err := a.get(p, h); err != nil {
			out = append(out, h)
		}
	}
	return out, nil
}

func (a *artifacts) Put(_ context.Context, p bine.ProjectName, h bine.Hash, r io.Reader) (bine.ArtifactRef, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	if bine.HashOf(b) != h {
		return bine.ArtifactRef{}, bine.Errorf(bine.Invalid, "the content has another hash")
	}
	return bine.ArtifactRef{Hash: a.put(p, b), Kind: bine.ArtifactFile, Size: int64(len(b))}, nil
}

func (a *artifacts) PutManifest(_ context.Context, p bine.ProjectName, entries []bine.ArtifactEntry) (bine.ArtifactRef, error) {
	b, err := json.Marshal(entries)
	return bine.ArtifactRef{Hash: a.put(p, b), Kind: bine.ArtifactDir}, err
}

func (a *artifacts) Manifest(_ context.Context, p bine.ProjectName, h bine.Hash) ([]bine.ArtifactEntry, error) {
	b, err := a.get(p, h)
	if err != nil {
		return nil, err
	}
	var out []bine.ArtifactEntry
	err = json.Unmarshal(b, &out)
	return out, err
}

func (a *artifacts) Stat(_ context.Context, p bine.ProjectName, h bine.Hash) (bine.ArtifactRef, error) {
	b, err := a.get(p, h)
	return bine.ArtifactRef{Hash: h, Kind: bine.ArtifactFile, Size: int64(len(b))}, err
}

func (a *artifacts) Open(_ context.Context, p bine.ProjectName, h bine.Hash) (io.ReadCloser, error) {
	b, err := a.get(p, h)
	return io.NopCloser(bytes.NewReader(b)), err
}
