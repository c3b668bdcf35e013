package api

import (
	"context"
	"io"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Uploads is the part of the file system that takes files in parts.
type Uploads interface {
	Uploads(ctx context.Context, user dfs.User) ([]dfs.Upload, error)
	Begun(ctx context.Context, user dfs.User, key dfs.UploadKey) (dfs.Upload, error)
	AddPart(ctx context.Context, user dfs.User, key dfs.UploadKey, offset int64, data []byte) (dfs.Upload, error)
	FinishUpload(ctx context.Context, user dfs.User, key dfs.UploadKey, o dfs.CreateOptions) (dfs.Info, error)
	DropUpload(ctx context.Context, user dfs.User, key dfs.UploadKey) error
}

// longestPart is how many bytes come in one request: they are held in memory.
const longestPart = 16 << 20

// uploadRoutes are those by which a file comes in parts, so that a connection that
// is lost costs a part and not the file.
func (a *API) uploadRoutes() {
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	const all, one = "projects/{project}/uploads", "projects/{project}/uploads/{path}"
	add(a, route{id: "list-uploads", method: http.MethodGet, path: all, tag: "files", summary: "What the caller has begun to upload in parts and not finished", access: write}, a.uploads)
	add(a, route{id: "describe-upload", method: http.MethodGet, path: one, tag: "files", summary: "How much of an upload in parts is there; fails where the whole could not be written", access: write}, a.begunUpload)
	add(a, route{id: "upload-part", method: http.MethodPatch, path: one, tag: "files", summary: "Add bytes to an upload at its offset, at most 16 MiB; what is there already is skipped",
		access: write, stream: true, silent: true, body: octets, limit: longestPart}, a.uploadPart)
	add(a, route{id: "finish-upload", method: http.MethodPost, path: one, tag: "files", summary: "Make an upload that is there whole a file", access: write, timeout: defaultTimeout}, a.finishUpload)
	add(a, route{id: "drop-upload", method: http.MethodDelete, path: one, tag: "files", summary: "Give an upload up", access: write}, a.dropUpload)
}

// InUpload names an upload: that of the caller, to a path, of content with a size and a tag.
type InUpload struct {
	InFile
	Size int64  `query:"size" minimum:"0" required:"true" doc:"bytes of the whole"`
	Tag  string `query:"tag" maxLength:"200" doc:"tells contents of one size apart: a time of modification, a checksum"`
}

// key gives what the file system calls the upload, if the caller may write there.
func (in InUpload) key(ctx context.Context) (dfs.UploadKey, error) {
	full, err := in.writable(ctx)
	return dfs.UploadKey{Path: full, Size: in.Size, Tag: in.Tag}, err
}

func uploadOf(p bine.ProjectName, u dfs.Upload) client.PartialUpload {
	out := client.PartialUpload{Path: dfs.Relative(p, u.Path), Size: u.Size, Tag: u.Tag, Offset: u.Offset}
	if !u.Modified.IsZero() {
		out.Modified = &u.Modified
	}
	return out
}

func (a *API) uploads(ctx context.Context, in *InProject) (*body[[]client.PartialUpload], error) {
	found, err := a.Files.Uploads(ctx, fileUser(ctx))
	var shown []client.PartialUpload
	for _, u := range found {
		shown = append(shown, uploadOf(in.Project, u))
	}
	return list(shown, err)
}

func (a *API) begunUpload(ctx context.Context, in *InUpload) (*body[client.PartialUpload], error) {
	key, err := in.key(ctx)
	if err != nil {
		return nil, err
	}
	u, err := a.Files.Begun(ctx, fileUser(ctx), key)
	if err != nil {
		return nil, err
	}
	out := uploadOf(in.Project, u)
	switch _, err := a.Files.Stat(ctx, fileUser(ctx), key.Path); {
	case err == nil:
		out.Exists = true
	case !bine.IsKind(err, bine.NotFound):
		return nil, err
	}
	return answer(out, nil)
}

func (a *API) uploadPart(ctx context.Context, in *struct {
	InUpload
	Offset int64 `query:"offset" minimum:"0" required:"true" doc:"where the bytes begin"`
}) (*body[client.PartialUpload], error) {
	key, err := in.key(ctx)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(callOf(ctx).http.Body, longestPart+1))
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "%s: the part broke off after %d bytes: send it again: %w", in.Path, len(data), err)
	}
	if len(data) > longestPart {
		return nil, bine.Errorf(bine.TooLarge, "%s: a part has at most %d bytes: send the content in more of them", in.Path, longestPart)
	}
	u, err := a.Files.AddPart(ctx, fileUser(ctx), key, in.Offset, data)
	return answer(uploadOf(in.Project, u), err)
}

func (a *API) finishUpload(ctx context.Context, in *struct {
	InUpload
	Body client.FinishUpload
}) (*body[client.File], error) {
	key, err := in.key(ctx)
	if err != nil {
		return nil, err
	}
	info, err := a.Files.FinishUpload(ctx, fileUser(ctx), key, dfs.CreateOptions{Overwrite: in.Body.Overwrite, Parents: in.Body.Parents})
	return answer(fileOf(in.Project, info, nil), err)
}

func (a *API) dropUpload(ctx context.Context, in *InUpload) (*none, error) {
	key, err := in.key(ctx)
	if err != nil {
		return nil, err
	}
	return done(a.Files.DropUpload(ctx, fileUser(ctx), key))
}
