package api

import (
	"context"
	"io"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/preview"
)

// The limits of previews. Several at once are of different readers; more wait.
const (
	previewBytes = 64 << 20 // read of one file
	previews     = 3        // at work at once
)

// previewRoutes is the one that shows the beginning of a file.
func (a *API) previewRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	add(a, route{id: "preview-file", method: http.MethodGet, path: "projects/{project}/preview", tag: "files",
		summary: "The beginning of a file as text, a table or a notebook", access: see}, a.preview)
}

func (a *API) preview(ctx context.Context, in *InPath) (*body[client.FilePreview], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	select {
	case a.previewing <- struct{}{}:
		defer func() { <-a.previewing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	info, err := a.Files.Stat(ctx, fileUser(ctx), full)
	if err != nil {
		return nil, err
	}
	if info.Dir {
		return nil, bine.Errorf(bine.Conflict, "%s is a directory: list it", in.Path)
	}
	src := &ranges{ctx: ctx, files: a.Files, user: fileUser(ctx), path: full, name: in.Path, info: info, left: previewBytes}
	if err := src.mayRead(); err != nil {
		return nil, err
	}
	return answer(preview.Of(ctx, info.Name, info.Size, src))
}

// ranges reads parts of a file that does not change meanwhile.
type ranges struct {
	ctx   context.Context
	files Files
	user  dfs.User
	path  string
	name  string // as the caller wrote it
	info  dfs.Info
	left  int64
}

// mayRead fails if the user may not read the file, also where nothing of it is read.
func (r *ranges) mayRead() error {
	body, _, err := r.files.Open(r.ctx, r.user, r.path, 0, 1)
	if err == nil {
		body.Close()
	}
	return err
}

// ReadAt reads from an offset on.
func (r *ranges) ReadAt(p []byte, offset int64) (int, error) {
	n := min(int64(len(p)), r.info.Size-offset)
	if n <= 0 || offset < 0 {
		return 0, io.EOF
	}
	if r.left -= n; r.left < 0 {
		return 0, preview.ErrTooLarge
	}
	body, now, err := r.files.Open(r.ctx, r.user, r.path, offset, n)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if now.Version != r.info.Version {
		return 0, bine.Errorf(bine.Conflict, "%s was overwritten just now: ask again", r.name)
	}
	got, err := io.ReadFull(body, p[:n])
	if err == nil && int64(len(p)) > n {
		err = io.EOF
	}
	return got, err
}
