package dfs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// uploadsName is the directory of a project in which files lie that come in parts.
const uploadsName = ".uploads"

// The limits of an upload in parts.
const (
	longestTag = 200
	// uploadMark is an extended attribute: of a part of a file, what it is a part
	// of; of a file that came in parts, by which upload, and what version it made.
	uploadMark = ownXattrs + "upload"
)

// UploadKey says which upload in parts is meant: that of one user, to one path,
// of content that has a size and a tag. So whoever has the same content again
// goes on where they were, without having kept anything.
type UploadKey struct {
	Path string
	Size int64
	Tag  string // tells contents of one size apart: a time of modification, a checksum
}

// Upload is a file that comes in parts.
type Upload struct {
	UploadKey
	Offset   int64     // how much of it is there
	Modified time.Time // when the last part came; zero where there is none
}

// Begun gives how much of an upload is there. It fails where the whole could not
// be written to its path, so that nobody sends what is then refused.
func (t *Tree) Begun(ctx context.Context, user User, key UploadKey) (Upload, error) {
	u, n, err := t.upload(ctx, user, key)
	if err != nil {
		return Upload{}, err
	}
	c, err := t.walk(ctx, t.reader(ctx), user, u.target, true)
	if err != nil {
		return Upload{}, err
	}
	more := Usage{Bytes: key.Size}
	switch {
	case n != nil: // the project has it already; limits of directories do not
		more.Bytes -= n.Size
	case c.complete():
		more.Bytes -= c.last().size
	default:
		more.Files = 1
	}
	return u.Upload, t.checkQuota(ctx, t.reader(ctx), c, more)
}

// AddPart adds data to an upload, at its offset, as Append does: bytes that are
// there already and are the same are skipped. Nobody sees a file until
// FinishUpload; what is there until then counts towards the project's quota, and
// is removed when nothing has come for Options.Uploads.
func (t *Tree) AddPart(ctx context.Context, user User, key UploadKey, offset int64, data []byte) (Upload, error) {
	u, n, err := t.upload(ctx, user, key)
	if err != nil {
		return Upload{}, err
	}
	if offset < 0 || offset+int64(len(data)) > key.Size {
		return Upload{}, bine.Errorf(bine.Invalid, "%s: %d bytes at %d are not in a file of %d", key.Path, len(data), offset, key.Size)
	}
	if n == nil && offset == 0 {
		if err := t.beginUpload(ctx, u); err != nil {
			return Upload{}, err
		}
	}
	info, err := t.appendAs(ctx, u.at, &u.kept, offset, data)
	if bine.IsKind(err, bine.NotFound) {
		return Upload{}, bine.Errorf(bine.Conflict, "%s: nothing of the upload is there any more: begin at 0", key.Path)
	}
	u.Offset, u.Modified = info.Size, info.Modified
	return u.Upload, err
}

// beginUpload makes the file that the parts are added to.
func (t *Tree) beginUpload(ctx context.Context, u *uploading) error {
	mark, err := json.Marshal(uploadNote{u.Path, u.Size, u.Tag, u.by})
	if err != nil {
		return err
	}
	dir := ProjectPath(projectOf(u.target), uploadsName)
	if _, err := t.Mkdir(ctx, Platform(), dir, MkdirOptions{Mode: 0o700}); err != nil && !bine.IsKind(err, bine.Conflict) {
		return err
	}
	_, err = t.Create(ctx, Platform(), u.at, bytes.NewReader(nil), CreateOptions{Mode: 0o600, Xattrs: map[string][]byte{uploadMark: mark}})
	if bine.IsKind(err, bine.Conflict) {
		return nil // another request was faster
	}
	return err
}

// uploadNote is what is kept with the parts of a file.
type uploadNote struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	Tag  string `json:"tag"`
	By   string `json:"by"`
}

// FinishUpload makes an upload that is there whole the file at its path, as
// Create does with o. Asked again after it was done, it answers the same.
func (t *Tree) FinishUpload(ctx context.Context, user User, key UploadKey, o CreateOptions) (Info, error) {
	u, _, err := t.upload(ctx, user, key)
	if err != nil {
		return Info{}, err
	}
	var info Info
	err = t.write(ctx, key.Path, func(tx *sql.Tx) error {
		info, err = t.finish(ctx, tx, user, u, o)
		return err
	})
	return info, t.db.Explain(err)
}

// finish gives the content of the parts to the file, in one transaction.
func (t *Tree) finish(ctx context.Context, tx *sql.Tx, user User, u *uploading, o CreateOptions) (Info, error) {
	parts, err := split(u.at)
	if err != nil {
		return Info{}, err
	}
	from, err := resolve(ctx, tx, parts)
	if err != nil {
		return Info{}, err
	}
	to, err := t.walk(ctx, tx, user, u.target, true)
	if err != nil {
		return Info{}, err
	}
	staged := &content{}
	switch {
	case !from.complete():
		if done, err := t.finished(ctx, tx, user, u, to); done || err != nil {
			return to.last().info(to.asked), err
		}
		if u.Size > 0 {
			return Info{}, bine.Errorf(bine.Conflict, "%s: nothing of the upload is there: send its parts from 0 on", u.Path)
		}
	case from.last().size != u.Size:
		return Info{}, bine.Errorf(bine.Conflict, "%s: %d of %d bytes are there: send the rest", u.Path, from.last().size, u.Size)
	default:
		if staged, err = t.unstage(ctx, tx, from); err != nil {
			return Info{}, err
		}
	}
	p, err := t.manner(ctx, tx, to)
	if err != nil {
		return Info{}, err
	}
	staged.block, staged.key = cmp.Or(staged.block, p.BlockSize), p.key
	if err := t.place(ctx, tx, user, to, staged, o); err != nil {
		return Info{}, err
	}
	n := to.last()
	err = t.putXattrs(ctx, tx, n.id, map[string][]byte{uploadMark: u.done(n.version)})
	return n.info(to.asked), err
}

// unstage takes the content of a file back to where it is before it is one, and
// removes the file.
func (t *Tree) unstage(ctx context.Context, tx *sql.Tx, c *chain) (*content, error) {
	if err := t.lock(ctx, tx, c); err != nil {
		return nil, err
	}
	n := c.last()
	staged := &content{}
	var err error
	if n.blocked() {
		if staged.extents, err = extentsOf(ctx, tx, n.id, 0, n.size); err != nil {
			return nil, err
		}
	}
	if n.tail > 0 {
		if staged.tail, err = t.smallOf(ctx, tx, n); err != nil {
			return nil, err
		}
	}
	if staged.size() != n.size {
		return nil, fmt.Errorf("finish the upload at %s: %d bytes are there for a size of %d", c.path, staged.size(), n.size)
	}
	return staged, t.dropFile(ctx, tx, c)
}

// finished reports whether the file at the path is what the upload made.
func (t *Tree) finished(ctx context.Context, tx *sql.Tx, user User, u *uploading, to *chain) (bool, error) {
	if !to.complete() || to.last().dir() {
		return false, nil
	}
	if err := t.reaches(ctx, tx, user, to, len(to.parts)); err != nil {
		return false, err
	}
	var mark []byte
	err := tx.QueryRowContext(ctx, "SELECT value FROM dfs_xattrs WHERE inode_id = ? AND name = ?", to.last().id, uploadMark).Scan(&mark)
	if err == sql.ErrNoRows {
		return false, nil
	}
	return bytes.Equal(mark, u.done(to.last().version)), err
}

// DropUpload gives an upload up. One that is not there is no error.
func (t *Tree) DropUpload(ctx context.Context, user User, key UploadKey) error {
	u, err := uploadOf(user, key)
	if err != nil {
		return err
	}
	if err := t.Remove(ctx, Platform(), u.at, RemoveOptions{}); err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	return nil
}

// uploading is an upload with where it is.
type uploading struct {
	Upload
	target []string // the components of Path
	at     string   // the path of its parts
	kept   manner   // how a file there is
	id     string
	by     string
}

// done is what marks the file that the upload became.
func (u *uploading) done(version int64) []byte {
	return []byte(u.id + " " + strconv.FormatInt(version, 10))
}

func uploadOf(user User, key UploadKey) (*uploading, error) {
	parts, err := split(key.Path)
	if err != nil {
		return nil, err
	}
	switch {
	case projectOf(parts) == "" || len(parts) < 3:
		return nil, bine.Errorf(bine.Invalid, "%s is not in a project: only its files come in parts", key.Path)
	case key.Size < 0:
		return nil, bine.Errorf(bine.Invalid, "%s: the size %d is negative", key.Path, key.Size)
	case len(key.Tag) > longestTag:
		return nil, bine.Errorf(bine.Invalid, "%s: the tag of an upload has at most %d bytes", key.Path, longestTag)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{user.owner(), join(parts, len(parts)), strconv.FormatInt(key.Size, 10), key.Tag}, "\x00")))
	u := &uploading{Upload: Upload{UploadKey: key}, target: parts, id: hex.EncodeToString(sum[:16]), by: user.owner()}
	u.at = ProjectPath(projectOf(parts), uploadsName, u.id)
	return u, nil
}

// upload finds an upload, and what is there of it, if the user may write to its path.
func (t *Tree) upload(ctx context.Context, user User, key UploadKey) (*uploading, *Info, error) {
	u, err := uploadOf(user, key)
	if err != nil {
		return nil, nil, err
	}
	if u.kept, err = t.precheck(ctx, user, u.target, CreateOptions{Overwrite: true, Parents: true}); err != nil {
		return nil, nil, err
	}
	info, err := t.Stat(ctx, Platform(), u.at)
	if bine.IsKind(err, bine.NotFound) {
		return u, nil, nil
	}
	u.Offset, u.Modified = info.Size, info.Modified
	return u, &info, err
}

const mostUploads = 1000

// Uploads lists what the user has begun to upload to their project and not
// finished, at most 1,000, the last first.
func (t *Tree) Uploads(ctx context.Context, user User) ([]Upload, error) {
	rows, err := t.reader(ctx).QueryContext(ctx, `SELECT i.size, i.mtime, x.value FROM dfs_inodes p JOIN dfs_inodes d ON d.parent_id = p.id AND d.name = '`+uploadsName+`'
JOIN dfs_inodes i ON i.parent_id = d.id JOIN dfs_xattrs x ON x.inode_id = i.id AND x.name = '`+uploadMark+`'
WHERE p.parent_id = ? AND p.name = ? ORDER BY i.mtime DESC LIMIT ?`, projectsID, string(user.Project), mostUploads)
	if err != nil {
		return nil, t.db.Explain(fmt.Errorf("list uploads: %w", err))
	}
	defer rows.Close()
	list := []Upload{}
	for rows.Next() {
		var u Upload
		var at int64
		var text []byte
		if err := rows.Scan(&u.Offset, &at, &text); err != nil {
			return nil, err
		}
		var note uploadNote
		if json.Unmarshal(text, &note) != nil || note.By != user.owner() {
			continue
		}
		u.UploadKey, u.Modified = UploadKey{note.Path, note.Size, note.Tag}, database.Time(at)
		list = append(list, u)
	}
	return list, t.db.Explain(rows.Err())
}

// expireUploads gives up to limit uploads up to which nothing was added for Options.Uploads.
func (t *Tree) expireUploads(ctx context.Context, limit int) (int, error) {
	rows, err := t.db.Read().QueryContext(ctx, `SELECT p.name, i.name FROM dfs_inodes p JOIN dfs_inodes d ON d.parent_id = p.id AND d.name = '`+uploadsName+`'
JOIN dfs_inodes i ON i.parent_id = d.id WHERE p.parent_id = ? AND i.mtime < ? LIMIT ?`, projectsID, database.Micros(t.o.Now().Add(-t.o.Uploads)), limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var old []string
	for rows.Next() {
		var project, name string
		if err := rows.Scan(&project, &name); err != nil {
			return 0, err
		}
		old = append(old, ProjectPath(bine.ProjectName(project), uploadsName, name))
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for i, path := range old {
		if err := t.Remove(ctx, Platform(), path, RemoveOptions{}); err != nil && !bine.IsKind(err, bine.NotFound) {
			return i, err
		}
	}
	return len(old), nil
}
