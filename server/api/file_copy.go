package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// fileCopyRoutes are those for which the server copies or reads files itself, so
// that their bytes need not go out and in again.
func (a *API) fileCopyRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	add(a, route{id: "copy-file", method: http.MethodPost, path: "projects/{project}/files-copy", tag: "files",
		summary: "Copy a file, or a directory with all that is in it, within the project, whole or not at all; it takes no room in the block store", access: write, stream: true}, a.copyFile)
	add(a, route{id: "checksum-file", method: http.MethodGet, path: "projects/{project}/checksum", tag: "files",
		summary: "The SHA-256 of the content of a file", access: see, stream: true}, a.checksum)
}

func (a *API) copyFile(ctx context.Context, in *struct {
	InProject
	Body client.FileCopy
}) (*body[client.File], error) {
	from, err := projectPath(in.Project, in.Body.From)
	if err != nil {
		return nil, err
	}
	to, err := InFile{in.InProject, in.Body.To}.writable(ctx)
	if err != nil {
		return nil, err
	}
	if from == to {
		return nil, bine.Errorf(bine.Invalid, "%s would be copied to itself", in.Body.From)
	}
	user := fileUser(ctx)
	if in.Body.BlockSize == 0 {
		info, err := a.Files.Clone(ctx, user, from, to, dfs.CloneOptions{Overwrite: in.Body.Overwrite, Parents: true})
		return answer(fileOf(in.Project, info, nil), err)
	}
	content, _, err := a.openFile(ctx, user, from, in.Body.From)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	info, err := a.Files.Create(ctx, user, to, content, dfs.CreateOptions{Overwrite: in.Body.Overwrite, Parents: true, BlockSize: in.Body.BlockSize})
	return answer(fileOf(in.Project, info, nil), err)
}

func (a *API) checksum(ctx context.Context, in *InPath) (*body[client.FileChecksum], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	content, info, err := a.openFile(ctx, fileUser(ctx), full, in.Path)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, content)
	if err == nil {
		err = ctx.Err()
	}
	path := fileOf(in.Project, info, nil).Path
	return answer(client.FileChecksum{Path: path, Algorithm: "sha256", Checksum: hex.EncodeToString(sum.Sum(nil)), Size: n}, err)
}

// openFile opens a file from its beginning; name is how the caller wrote its path.
func (a *API) openFile(ctx context.Context, user dfs.User, full, name string) (io.ReadCloser, dfs.Info, error) {
	info, err := a.Files.Stat(ctx, user, full)
	if err != nil {
		return nil, info, err
	}
	if info.Dir {
		return nil, info, bine.Errorf(bine.Conflict, "%s is a directory: name its files one by one", name)
	}
	return a.Files.Open(ctx, user, full, 0, 0)
}
