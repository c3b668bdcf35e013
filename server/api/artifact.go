package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// Artifacts keeps files and directories addressed by their content.
type Artifacts interface {
	// Missing says which of the hashes are not there.
	Missing(ctx context.Context, project bine.ProjectName, hashes []bine.Hash) ([]bine.Hash, error)
	// Put stores a file; content with another hash is Invalid.
	Put(ctx context.Context, project bine.ProjectName, hash bine.Hash, r io.Reader) (bine.ArtifactRef, error)
	// PutManifest stores a directory of files that are there.
	PutManifest(ctx context.Context, project bine.ProjectName, entries []bine.ArtifactEntry) (bine.ArtifactRef, error)
	// Manifest lists the files of a directory.
	Manifest(ctx context.Context, project bine.ProjectName, hash bine.Hash) ([]bine.ArtifactEntry, error)
	// Stat describes a file.
	Stat(ctx context.Context, project bine.ProjectName, hash bine.Hash) (bine.ArtifactRef, error)
	// OpenAt reads length bytes of a file from offset on; length 0 is to its end.
	OpenAt(ctx context.Context, project bine.ProjectName, hash bine.Hash, offset, length int64) (io.ReadCloser, error)
}

// artifactRoutes are those of content by its hash.
func (a *API) artifactRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true}
	const all, one = "projects/{project}/artifacts", "projects/{project}/artifacts/{hash}"
	add(a, route{id: "list-missing-artifacts", method: http.MethodPost, path: all + "/missing", tag: "artifacts", summary: "Which of the hashes the project has no artifact for", access: write, silent: true, limit: maxManifest}, a.missing)
	add(a, route{id: "put-artifact", method: http.MethodPut, path: one, tag: "artifacts", summary: "Store a file under the hash of its content", access: write, stream: true, body: "application/octet-stream"}, a.putArtifact)
	add(a, route{id: "put-manifest", method: http.MethodPost, path: all + "/manifests", tag: "artifacts", summary: "Store a directory whose files are stored already", access: write, limit: maxManifest}, a.putManifest)
	add(a, route{id: "list-artifact", method: http.MethodGet, path: one + "/manifest", tag: "artifacts", summary: "The files of a directory artifact", access: see}, a.manifest)
	add(a, route{id: "download-artifact", method: http.MethodGet, path: one, tag: "artifacts", summary: "The content of a file artifact; a Data Scientist sees the first MiB", access: see, stream: true, gives: "application/octet-stream"}, a.artifact)
}

// maxManifest bounds a list of files: 100,000 of them with long names.
const maxManifest = 64 << 20

// InArtifact names an artifact in the path.
type InArtifact struct {
	InProject
	Hash bine.Hash `path:"hash" doc:"SHA-256 of the content in hexadecimal"`
}

func checkHashes(hashes []bine.Hash) error {
	for _, h := range hashes {
		if err := h.Check(); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) missing(ctx context.Context, in *struct {
	InProject
	Body []bine.Hash
}) (*body[[]bine.Hash], error) {
	if err := checkHashes(in.Body); err != nil {
		return nil, err
	}
	return list(a.Artifacts.Missing(ctx, in.Project, in.Body))
}

func (a *API) putArtifact(ctx context.Context, in *InArtifact) (*body[bine.ArtifactRef], error) {
	if err := in.Hash.Check(); err != nil {
		return nil, err
	}
	return answer(a.Artifacts.Put(ctx, in.Project, in.Hash, callOf(ctx).http.Body))
}

func (a *API) putManifest(ctx context.Context, in *struct {
	InProject
	Body []bine.ArtifactEntry
}) (*body[bine.ArtifactRef], error) {
	for _, e := range in.Body {
		if err := e.Hash.Check(); err != nil {
			return nil, err
		}
	}
	return answer(a.Artifacts.PutManifest(ctx, in.Project, in.Body))
}

func (a *API) manifest(ctx context.Context, in *InArtifact) (*body[[]bine.ArtifactEntry], error) {
	if err := in.Hash.Check(); err != nil {
		return nil, err
	}
	return list(a.Artifacts.Manifest(ctx, in.Project, in.Hash))
}

func (a *API) artifact(ctx context.Context, in *struct {
	InArtifact
	Range string `header:"Range" doc:"bytes=from-to"`
	Have  string `header:"If-None-Match" doc:"ETag of what the caller has"`
}) (*huma.StreamResponse, error) {
	if err := in.Hash.Check(); err != nil {
		return nil, err
	}
	ref, err := a.Artifacts.Stat(ctx, in.Project, in.Hash)
	if err != nil {
		return nil, err
	}
	open := func(offset, length int64) (io.ReadCloser, error) {
		return a.Artifacts.OpenAt(ctx, in.Project, in.Hash, offset, length)
	}
	return a.send(ctx, content{name: string(in.Hash), size: ref.Size, etag: `"` + string(in.Hash) + `"`, open: open}, in.Range, in.Have)
}
