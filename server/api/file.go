package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
)

// Files is the part of the file system that the API uses.
type Files interface {
	Stat(ctx context.Context, user dfs.User, path string) (dfs.Info, error)
	List(ctx context.Context, user dfs.User, dir, after string, limit int) ([]dfs.Info, bool, error)
	ListMatching(ctx context.Context, user dfs.User, dir, after string, limit int, m dfs.Match) ([]dfs.Info, bool, error)
	Mkdir(ctx context.Context, user dfs.User, path string, o dfs.MkdirOptions) (dfs.Info, error)
	Create(ctx context.Context, user dfs.User, path string, r io.Reader, o dfs.CreateOptions) (dfs.Info, error)
	Append(ctx context.Context, user dfs.User, path string, offset int64, data []byte) (dfs.Info, error)
	Open(ctx context.Context, user dfs.User, path string, offset, length int64) (io.ReadCloser, dfs.Info, error)
	Symlink(ctx context.Context, user dfs.User, path, target string, o dfs.SymlinkOptions) (dfs.Info, error)
	LinkInfo(ctx context.Context, user dfs.User, path string) (dfs.Info, error)
	Truncate(ctx context.Context, user dfs.User, path string, size int64) (dfs.Info, error)
	Rename(ctx context.Context, user dfs.User, from, to string, o dfs.RenameOptions) (dfs.Info, error)
	Clone(ctx context.Context, user dfs.User, from, to string, o dfs.CloneOptions) (dfs.Info, error)
	Remove(ctx context.Context, user dfs.User, path string, o dfs.RemoveOptions) error
	SetAttributes(ctx context.Context, user dfs.User, path string, a dfs.Attributes) (dfs.Info, error)
	Xattrs(ctx context.Context, user dfs.User, path string) (map[string][]byte, error)
	Xattr(ctx context.Context, user dfs.User, path, name string) ([]byte, error)
	SetXattr(ctx context.Context, user dfs.User, path, name string, value []byte) error
	RemoveXattr(ctx context.Context, user dfs.User, path, name string) error
	Usage(ctx context.Context, user dfs.User, path string) (dfs.Usage, error)
	ACLs
	Sharing
	Trash
	Uploads
	Looking
	Quotas
	Encryption
	dfs.Snapshotting
	dfs.Leasing
}

// fileRoutes are those of the files of a project. The content of a file goes
// in and out as it is; only what surrounds it is JSON.
func (a *API) fileRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	const all, one = "projects/{project}/files", "projects/{project}/files/{path}"
	add(a, route{id: "list-files", method: http.MethodGet, path: all, tag: "files", summary: "A directory in pages, by name", access: see}, a.files)
	add(a, route{id: "describe-file", method: http.MethodGet, path: "projects/{project}/stat", tag: "files", summary: "One file or directory", access: see}, a.stat)
	add(a, route{id: "measure-files", method: http.MethodGet, path: "projects/{project}/usage", tag: "files", summary: "The sum of what is below a directory", access: see}, a.usage)
	add(a, route{id: "download-file", method: http.MethodGet, path: one, tag: "files", summary: "The content of a file, or a range of it; a Data Scientist sees the first MiB",
		access: see, stream: true, gives: "application/octet-stream"}, a.download)
	add(a, route{id: "upload-file", method: http.MethodPut, path: one, tag: "files", summary: "Write a file, whole or not at all; a Data Scientist below Resources and Jupyter",
		access: write, stream: true, body: "application/octet-stream"}, a.upload)
	add(a, route{id: "change-file", method: http.MethodPost, path: one, tag: "files", summary: "Make a directory or a symbolic link, rename, or cut a file", access: write}, a.changeFile)
	add(a, route{id: "append-file", method: http.MethodPost, path: "projects/{project}/appends/{path}", tag: "files", summary: "Add bytes at the end of a file, or make it by its first ones; sending them again is harmless",
		access: write, stream: true, body: octets}, a.appendFile)
	add(a, route{id: "remove-file", method: http.MethodDelete, path: one, tag: "files", summary: "Remove a file or a directory", access: write}, a.removeFile)
}

// actorOf is who acts on files for a request.
func actorOf(ctx context.Context) actor.Actor {
	c := callOf(ctx)
	return actor.Actor{Identity: c.Identity, Member: c.member}
}

func fileUser(ctx context.Context) dfs.User { return actorOf(ctx).User() }

// InFile names a file in the path.
type InFile struct {
	InProject
	Path string `path:"path" doc:"path below the project's directory; it may hold slashes"`
}

func (in InFile) full() (string, error) { return projectPath(in.Project, in.Path) }

// projectPath gives the path of a file of a project.
func projectPath(p bine.ProjectName, relative string) (string, error) {
	return actor.Locate(p, relative)
}

func fileOf(p bine.ProjectName, i dfs.Info, attrs map[string][]byte) client.File {
	f := client.File{ID: i.ID, Path: dfs.Relative(p, i.Path), Name: i.Name, Dir: i.Dir, Size: i.Size,
		Mode: i.Mode, ACL: i.ACL, Owner: i.Owner, Group: i.Group, Modified: i.Modified, Created: i.Created, BlockSize: i.BlockSize, Policy: i.Policy, Link: actor.TargetText(p, i.Link)}
	if !i.Dir && i.Link == "" {
		f.ETag = etagOf(i)
	}
	for name, value := range attrs {
		if f.Attrs == nil {
			f.Attrs = map[string]string{}
		}
		f.Attrs[name] = string(value)
	}
	return f
}

// etagOf names the state of a file's content.
func etagOf(i dfs.Info) string { return fmt.Sprintf(`"%d-%d"`, i.ID, i.Version) }

func (a *API) files(ctx context.Context, in *struct {
	InProject
	InPage
	Dir      string `query:"dir" doc:"directory; empty is the project's"`
	Prefix   string `query:"prefix" maxLength:"255" doc:"only names that begin with it"`
	Contains string `query:"contains" maxLength:"255" doc:"only names that have it in them, small and capital letters being the same"`
}) (*body[client.Page[client.File]], error) {
	dir, err := projectPath(in.Project, in.Dir)
	if err != nil {
		return nil, err
	}
	after, err := base64.RawURLEncoding.DecodeString(in.After)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "after is not a cursor: use next of the page before")
	}
	entries, more, err := a.Files.ListMatching(ctx, fileUser(ctx), dir, string(after), in.Limit, dfs.Match{Prefix: in.Prefix, Contains: in.Contains})
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		next = base64.RawURLEncoding.EncodeToString([]byte(front.After(entries[len(entries)-1])))
	}
	var shown []client.File
	for _, e := range entries {
		if actor.Listed(in.Dir, e.Name) {
			shown = append(shown, fileOf(in.Project, e, nil))
		}
	}
	return page(shown, next, nil)
}

// InPath names a file in the query.
type InPath struct {
	InProject
	Path string `query:"path" doc:"path below the project's directory; empty is that itself"`
}

func (a *API) stat(ctx context.Context, in *struct {
	InPath
	Link bool `query:"link" doc:"a symbolic link itself, not what it leads to"`
}) (*body[client.File], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	if in.Link {
		if info, err := a.Files.LinkInfo(ctx, fileUser(ctx), full); err != nil || info.Link != "" {
			return answer(fileOf(in.Project, info, nil), err)
		}
	}
	info, err := a.Files.Stat(ctx, fileUser(ctx), full)
	if err != nil {
		return nil, err
	}
	attrs, err := a.Files.Xattrs(ctx, fileUser(ctx), full)
	return answer(fileOf(in.Project, info, attrs), err)
}

func (a *API) usage(ctx context.Context, in *InPath) (*body[client.FileUsage], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	u, err := a.Files.Usage(ctx, fileUser(ctx), full)
	return answer(client.FileUsage{Bytes: u.Bytes, Files: u.Files, Directories: u.Directories, Quota: u.Quota.Bytes}, err)
}

func (a *API) download(ctx context.Context, in *struct {
	InFile
	Range   string `header:"Range" doc:"bytes=from-to"`
	IfMatch string `header:"If-None-Match" doc:"ETag of what the caller has"`
}) (*huma.StreamResponse, error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	user := fileUser(ctx)
	info, err := a.Files.Stat(ctx, user, full)
	if err != nil {
		return nil, err
	}
	if info.Dir {
		return nil, bine.Errorf(bine.Conflict, "%s is a directory: list it, or download its files", in.Path)
	}
	open := func(offset, length int64) (io.ReadCloser, error) {
		r, now, err := a.Files.Open(ctx, user, full, offset, length)
		if err == nil && now.Version != info.Version {
			r.Close()
			return nil, bine.Errorf(bine.Conflict, "%s was overwritten just now: ask again", in.Path)
		}
		return r, err
	}
	return a.send(ctx, content{name: info.Name, size: info.Size, etag: etagOf(info), modified: info.Modified, open: open}, in.Range, in.IfMatch)
}

func (a *API) upload(ctx context.Context, in *struct {
	InFile
	InLease
	Overwrite bool  `query:"overwrite" doc:"replace a file that is there"`
	Parents   bool  `query:"parents" doc:"make the directories above it too"`
	BlockSize int64 `query:"block_size" doc:"of how many bytes its blocks are at most, from 1048576 to 1073741824; 0 is that of its directory"`
	Mode      int   `query:"mode" minimum:"0" maximum:"511" doc:"permission bits of a new file; 0 is those of its directory without the execute bits"`
}) (*body[client.File], error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	if err := actorOf(ctx).MayWrite(in.Path); err != nil {
		return nil, err
	}
	info, err := a.Files.Create(ctx, in.user(ctx), full, callOf(ctx).http.Body, dfs.CreateOptions{Overwrite: in.Overwrite, Parents: in.Parents, BlockSize: in.BlockSize, Mode: uint32(in.Mode)})
	return answer(fileOf(in.Project, info, nil), err)
}

// appendFile adds what fits into memory: a caller sends more in several calls,
// each of which can be sent again.
func (a *API) appendFile(ctx context.Context, in *struct {
	InFile
	InLease
	Offset int64 `query:"offset" required:"true" minimum:"0" doc:"size of the file so far"`
}) (*body[client.File], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(callOf(ctx).http.Body, client.MaxAppend+1))
	if err != nil {
		return nil, fmt.Errorf("read the content: %w", err)
	}
	if len(data) > client.MaxAppend {
		return nil, bine.Errorf(bine.TooLarge, "one call adds at most %d MiB: send the rest in another", client.MaxAppend>>20)
	}
	info, err := a.Files.Append(ctx, in.user(ctx), full, in.Offset, data)
	return answer(fileOf(in.Project, info, nil), err)
}

func (a *API) changeFile(ctx context.Context, in *struct {
	InFile
	Body client.FileChange
}) (*body[client.File], error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	if err := actorOf(ctx).MayWrite(in.Path); err != nil {
		return nil, err
	}
	var info dfs.Info
	switch in.Body.Op {
	case "mkdir":
		info, err = a.Files.Mkdir(ctx, fileUser(ctx), full, dfs.MkdirOptions{Parents: !in.Body.Exclusive, Mode: in.Body.Mode})
	case "link":
		info, err = a.link(ctx, in.Project, full, in.Body.To)
	case "truncate":
		info, err = a.Files.Truncate(ctx, InLease{in.Body.Lease}.user(ctx), full, in.Body.Size)
	default:
		info, err = a.rename(ctx, in.Project, full, in.Body)
	}
	return answer(fileOf(in.Project, info, nil), err)
}

func (a *API) link(ctx context.Context, p bine.ProjectName, at, to string) (dfs.Info, error) {
	target, err := actor.Target(p, to)
	if err != nil {
		return dfs.Info{}, err
	}
	return a.Files.Symlink(ctx, fileUser(ctx), at, target, dfs.SymlinkOptions{})
}

func (a *API) rename(ctx context.Context, p bine.ProjectName, from string, change client.FileChange) (dfs.Info, error) {
	to, err := projectPath(p, change.To)
	if err != nil {
		return dfs.Info{}, err
	}
	if err := actorOf(ctx).MayWrite(change.To); err != nil {
		return dfs.Info{}, err
	}
	return a.Files.Rename(ctx, fileUser(ctx), from, to, dfs.RenameOptions{Overwrite: change.Overwrite})
}

func (a *API) removeFile(ctx context.Context, in *struct {
	InFile
	Recursive bool `query:"recursive" doc:"a directory with everything in it"`
	Trash     bool `query:"trash" doc:"so that it can be restored: a file, or a directory with everything in it"`
}) (*none, error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	if err := actorOf(ctx).MayWrite(in.Path); err != nil {
		return nil, err
	}
	if in.Trash {
		return done(a.Files.Trash(ctx, fileUser(ctx), full))
	}
	return done(a.Files.Remove(ctx, fileUser(ctx), full, dfs.RemoveOptions{Recursive: in.Recursive}))
}

// mediaType guesses what a file is from its name alone: its content is the
// user's, and must not choose how a browser treats it.
func mediaType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// attachment writes a name for Content-Disposition.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }
