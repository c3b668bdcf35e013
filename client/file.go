package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// File describes a file or directory of a project. Path is relative to the
// project's directory, without a leading slash.
type File struct {
	ID       int64             `json:"id,omitempty" doc:"stays the same when the file is renamed or overwritten"`
	Path     string            `json:"path"`
	Name     string            `json:"name"`
	Dir      bool              `json:"dir"`
	Link     string            `json:"link,omitempty" doc:"of a symbolic link: where it leads to, from the project's directory where it begins with a slash, else from the link's"`
	Size     int64             `json:"size"`
	Mode     uint32            `json:"mode" doc:"permission bits as POSIX has them"`
	ACL      bool              `json:"acl,omitempty" doc:"an access list says more than the mode"`
	Owner    string            `json:"owner" doc:"project user"`
	Group    string            `json:"group"`
	Modified time.Time         `json:"modified"`
	Created  time.Time         `json:"created"`
	ETag     string            `json:"etag,omitempty" doc:"of a file: changes with the content, and is the ETag of its download"`
	Attrs    map[string]string `json:"attrs,omitempty" doc:"extended attributes"`
	// BlockSize and Policy are told where they are not those of the installation.
	BlockSize int64  `json:"block_size,omitempty" doc:"of how many bytes its blocks are at most, where that is not what the installation has"`
	Policy    string `json:"policy,omitempty" doc:"how it is kept, where a directory above it says so"`
}

// FileUsage sums up what is below a path.
type FileUsage struct {
	Bytes       int64 `json:"bytes"`
	Files       int64 `json:"files"`
	Directories int64 `json:"directories"`
	Quota       int64 `json:"quota,omitempty" doc:"bytes that the project may use; 0 is no limit"`
}

// FileChange is the body of POST files/{path}: one change to what is there.
type FileChange struct {
	Op string `json:"op" enum:"mkdir,rename,link,truncate"`
	To string `json:"to,omitempty" doc:"of rename: the new path; of link: where it leads to, from the project's directory where it begins with a slash, else from the link's"`
	// Exclusive makes one directory and none above it; one that is there is a Conflict.
	Exclusive bool   `json:"exclusive,omitempty" doc:"of mkdir: make one directory and none above it, and refuse one that is there"`
	Mode      uint32 `json:"mode,omitempty" doc:"of mkdir: permission bits; 0 is those of the directory above"`
	Size      int64  `json:"size,omitempty" doc:"of truncate: how many bytes remain, at most as many as there are"`
	Lease     int64  `json:"lease,omitempty" doc:"of truncate: epoch of the lease under which the caller writes; 0 is none"`
	// Overwrite says that a rename replaces a file by a file.
	Overwrite bool `json:"overwrite,omitempty" doc:"of rename: replace a file that is there by a file"`
}

// FileAttributes are changes to a file or directory; what is nil stays.
type FileAttributes struct {
	Mode     *uint32    `json:"mode,omitempty" doc:"permission bits as POSIX has them, up to 511 (0777)"`
	Owner    *string    `json:"owner,omitempty" doc:"project user: <project>__<user>"`
	Group    *string    `json:"group,omitempty" doc:"<project>__data_owner or <project>__data_scientist"`
	Modified *time.Time `json:"modified,omitempty"`
}

// FileCopy is the body of POST files-copy: a copy of a file or a directory made by
// the server, within the project.
type FileCopy struct {
	From      string `json:"from" doc:"path of a file or directory"`
	To        string `json:"to" doc:"path of the copy; directories above it are made; a directory goes to where nothing is"`
	Overwrite bool   `json:"overwrite,omitempty" doc:"replace a file that is there"`
	BlockSize int64  `json:"block_size,omitempty" doc:"of how many bytes the blocks of the copy are at most, which copies them; 0 copies none"`
}

// FileChecksum is the checksum of the content of a file.
type FileChecksum struct {
	Path      string `json:"path"`
	Algorithm string `json:"algorithm" doc:"sha256"`
	Checksum  string `json:"checksum" doc:"in hexadecimal digits"`
	Size      int64  `json:"size"`
}

// UploadOptions say how a file is written.
type UploadOptions struct {
	Overwrite bool  // replace a file that is there; without it that is a Conflict
	Parents   bool  // make the directories above it too
	BlockSize int64 // of how many bytes its blocks are at most; 0 is that of its directory
	// Mode is the permission bits of a new file; 0 is those of its directory
	// without the execute bits.
	Mode  uint32
	Lease int64 // epoch of the lease under which it is written; 0 is none
}

func filePath(p bine.ProjectName, part, path string) []string {
	return append([]string{"projects", string(p), part}, strings.Split(strings.Trim(path, "/"), "/")...)
}

// Files lists a directory in pages, by name.
func (c *Client) Files(ctx context.Context, p bine.ProjectName, dir string, l List) (Page[File], error) {
	q := l.query()
	q.Set("dir", strings.Trim(dir, "/"))
	return get[Page[File]](ctx, c, q, "projects", string(p), "files")
}

// FileFilter says which entries of a directory are wanted; the zero value is all.
type FileFilter struct {
	Prefix   string // with which names begin
	Contains string // what is in names, small and capital letters being the same
}

// FilesMatching lists the entries of a directory that f says, in pages, by name.
func (c *Client) FilesMatching(ctx context.Context, p bine.ProjectName, dir string, f FileFilter, l List) (Page[File], error) {
	q := l.query()
	q.Set("dir", strings.Trim(dir, "/"))
	if f.Prefix != "" {
		q.Set("prefix", f.Prefix)
	}
	if f.Contains != "" {
		q.Set("contains", f.Contains)
	}
	return get[Page[File]](ctx, c, q, "projects", string(p), "files")
}

// Stat describes one file or directory.
func (c *Client) Stat(ctx context.Context, p bine.ProjectName, path string) (File, error) {
	return get[File](ctx, c, url.Values{"path": {strings.Trim(path, "/")}}, "projects", string(p), "stat")
}

// LinkInfo is Stat that does not follow a symbolic link at the end of the path.
func (c *Client) LinkInfo(ctx context.Context, p bine.ProjectName, path string) (File, error) {
	return get[File](ctx, c, url.Values{"path": {strings.Trim(path, "/")}, "link": {"true"}}, "projects", string(p), "stat")
}

// Usage sums up what is below a directory.
func (c *Client) Usage(ctx context.Context, p bine.ProjectName, path string) (FileUsage, error) {
	return get[FileUsage](ctx, c, url.Values{"path": {strings.Trim(path, "/")}}, "projects", string(p), "usage")
}

// Download opens a file for reading from offset on; length 0 is to the end.
func (c *Client) Download(ctx context.Context, p bine.ProjectName, path string, offset, length int64) (io.ReadCloser, error) {
	r := request{method: http.MethodGet, path: filePath(p, "files", path), safe: true}
	if offset > 0 || length > 0 {
		r.header = rangeHeader(offset, length)
	}
	return c.stream(ctx, r)
}

func rangeHeader(offset, length int64) http.Header {
	end := ""
	if length > 0 {
		end = strconv.FormatInt(offset+length-1, 10)
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-%s", offset, end)}}
}

// FileContent is the content of a file, or a part of it, while it is read.
type FileContent struct {
	Body     io.ReadCloser // closed by the caller
	Size     int64         // of the whole file, in bytes
	ETag     string
	Modified time.Time
}

// OpenFile is Download that tells the state of the file, too. It answers Invalid
// where the file has no byte at offset.
func (c *Client) OpenFile(ctx context.Context, p bine.ProjectName, path string, offset, length int64) (FileContent, error) {
	r := request{method: http.MethodGet, path: filePath(p, "files", path), safe: true}
	if offset > 0 || length > 0 {
		r.header = rangeHeader(offset, length)
	}
	res, err := c.send(ctx, r)
	if err != nil {
		return FileContent{}, err
	}
	f := FileContent{Body: res.Body, Size: res.ContentLength, ETag: res.Header.Get("ETag")}
	if _, whole, partial := strings.Cut(res.Header.Get("Content-Range"), "/"); partial {
		if f.Size, err = strconv.ParseInt(whole, 10, 64); err != nil {
			res.Body.Close()
			return FileContent{}, fmt.Errorf("read the size of %s: %w", path, err)
		}
	}
	f.Modified, _ = http.ParseTime(res.Header.Get("Last-Modified"))
	return f, nil
}

// MaxAppend is how many bytes one call of AppendFile takes.
const MaxAppend = 16 << 20

// AppendFile adds data, at most MaxAppend, at offset, which must be the size of
// the file. Bytes that the file has already are skipped, so sending them again is
// harmless; different ones and a gap are a Conflict.
func (c *Client) AppendFile(ctx context.Context, p bine.ProjectName, path string, offset int64, data []byte) (File, error) {
	return c.AppendUnder(ctx, p, path, offset, data, 0)
}

// Upload writes a file, whole or not at all. Without overwrite an existing one
// is a Conflict. Directories above it must exist.
func (c *Client) Upload(ctx context.Context, p bine.ProjectName, path string, body io.Reader, overwrite bool) (File, error) {
	return c.UploadFile(ctx, p, path, body, UploadOptions{Overwrite: overwrite})
}

// UploadFile writes a file, whole or not at all, as o says.
func (c *Client) UploadFile(ctx context.Context, p bine.ProjectName, path string, body io.Reader, o UploadOptions) (File, error) {
	q := url.Values{"overwrite": {strconv.FormatBool(o.Overwrite)}}
	if o.Parents {
		q.Set("parents", "true")
	}
	if o.BlockSize != 0 {
		q.Set("block_size", strconv.FormatInt(o.BlockSize, 10))
	}
	if o.Lease != 0 {
		q.Set("lease", strconv.FormatInt(o.Lease, 10))
	}
	if o.Mode != 0 {
		q.Set("mode", strconv.FormatUint(uint64(o.Mode), 10))
	}
	return call[File](ctx, c, request{method: http.MethodPut, path: filePath(p, "files", path), body: body, mime: "application/octet-stream", query: q})
}

// ChangeFile makes a directory (and those above it) or a symbolic link, or renames.
func (c *Client) ChangeFile(ctx context.Context, p bine.ProjectName, path string, change FileChange) (File, error) {
	return call[File](ctx, c, request{method: http.MethodPost, path: filePath(p, "files", path), body: change})
}

// RemoveFile removes a file or, where recursive, a directory and what is in it.
func (c *Client) RemoveFile(ctx context.Context, p bine.ProjectName, path string, recursive bool) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: filePath(p, "files", path),
		query: url.Values{"recursive": {strconv.FormatBool(recursive)}}, safe: true})
	return err
}

// CopyFile copies a file, or a directory to where nothing is, within a project;
// its bytes stay on the server.
func (c *Client) CopyFile(ctx context.Context, p bine.ProjectName, body FileCopy) (File, error) {
	return call[File](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "files-copy"}, body: body, safe: body.Overwrite})
}

// Checksum gives the checksum of the content of a file; the server reads it.
func (c *Client) Checksum(ctx context.Context, p bine.ProjectName, path string) (FileChecksum, error) {
	return get[FileChecksum](ctx, c, url.Values{"path": {strings.Trim(path, "/")}}, "projects", string(p), "checksum")
}

// SetFileAttributes changes mode, owner, group and time of a file or directory, all or nothing.
func (c *Client) SetFileAttributes(ctx context.Context, p bine.ProjectName, path string, a FileAttributes) (File, error) {
	return call[File](ctx, c, request{method: http.MethodPatch, path: filePath(p, "files", path), body: a, safe: true})
}

// Xattr gives the value of an extended attribute.
func (c *Client) Xattr(ctx context.Context, p bine.ProjectName, path, name string) ([]byte, error) {
	body, err := c.stream(ctx, request{method: http.MethodGet, path: filePath(p, "xattrs", path), query: url.Values{"name": {name}}, safe: true})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// SetXattr makes or replaces an extended attribute of a file or directory.
func (c *Client) SetXattr(ctx context.Context, p bine.ProjectName, path, name string, value []byte) error {
	_, err := call[none](ctx, c, request{method: http.MethodPut, path: filePath(p, "xattrs", path), query: url.Values{"name": {name}},
		body: value, mime: "application/octet-stream", safe: true})
	return err
}

// RemoveXattr removes an extended attribute.
func (c *Client) RemoveXattr(ctx context.Context, p bine.ProjectName, path, name string) error {
	_, err := call[none](ctx, c, request{method: http.MethodDelete, path: filePath(p, "xattrs", path), query: url.Values{"name": {name}}})
	return err
}

// MissingArtifacts says which of the hashes a project has no artifact for.
func (c *Client) MissingArtifacts(ctx context.Context, p bine.ProjectName, hashes []bine.Hash) ([]bine.Hash, error) {
	return call[[]bine.Hash](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "artifacts", "missing"}, body: hashes, safe: true})
}

// PutArtifact stores a file under the hash of its content; content that has
// another hash is refused.
func (c *Client) PutArtifact(ctx context.Context, p bine.ProjectName, hash bine.Hash, body io.Reader) (bine.ArtifactRef, error) {
	return call[bine.ArtifactRef](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "artifacts", string(hash)}, body: body, mime: "application/octet-stream"})
}

// PutManifest stores a directory whose files are stored already.
func (c *Client) PutManifest(ctx context.Context, p bine.ProjectName, entries []bine.ArtifactEntry) (bine.ArtifactRef, error) {
	return call[bine.ArtifactRef](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "artifacts", "manifests"}, body: entries, safe: true})
}

// Manifest lists the files of a directory artifact.
func (c *Client) Manifest(ctx context.Context, p bine.ProjectName, hash bine.Hash) ([]bine.ArtifactEntry, error) {
	return get[[]bine.ArtifactEntry](ctx, c, nil, "projects", string(p), "artifacts", string(hash), "manifest")
}

// OpenArtifact opens a file artifact for reading.
func (c *Client) OpenArtifact(ctx context.Context, p bine.ProjectName, hash bine.Hash) (io.ReadCloser, error) {
	return c.stream(ctx, request{method: http.MethodGet, path: []string{"projects", string(p), "artifacts", string(hash)}, safe: true})
}

func (c *Client) text(ctx context.Context, query url.Values, path ...string) (string, error) {
	body, err := c.stream(ctx, request{method: http.MethodGet, path: path, query: query, safe: true})
	if err != nil {
		return "", err
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	return string(all), err
}
