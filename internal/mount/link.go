package mount

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// link is a symbolic link.
type link struct {
	entry
	to string // as the server has it: from the project's directory if it begins with a slash
}

var (
	_ fs.NodeReadlinker = (*link)(nil)
	_ fs.NodeGetattrer  = (*link)(nil)
	_ fs.NodeSetattrer  = (*link)(nil)
	_ fs.NodeSymlinker  = (*dir)(nil)
)

// Readlink says where the link leads to, from its own directory: the project's is
// not at "/" here. A link out of what is mounted is EACCES: others may have made it,
// and on this computer it would lead to something else.
func (l *link) Readlink(context.Context) ([]byte, syscall.Errno) {
	from, to := path.Dir(l.path()), l.to
	if !strings.HasPrefix(to, "/") {
		to = "/" + path.Join(from, to)
		if strings.HasPrefix(to, "/..") {
			return nil, syscall.EACCES
		}
	}
	if top := strings.Trim(l.s.Path, "/"); top != "" && to != "/"+top && !strings.HasPrefix(to, "/"+top+"/") {
		return nil, syscall.EACCES
	}
	if !strings.HasPrefix(l.to, "/") {
		return []byte(l.to), 0
	}
	text, err := filepath.Rel("/"+from, to)
	if err != nil {
		return nil, syscall.EIO
	}
	return []byte(text), 0
}

// Getattr describes the link.
func (l *link) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f, err := l.stat()
	if err != nil {
		return l.s.errnoOf(err, syscall.ENOENT)
	}
	describe(f, &out.Attr)
	return 0
}

// Setattr leaves a link as it is: mode and time of a link mean nothing.
func (l *link) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return l.Getattr(ctx, h, out)
}

// Symlink makes a symbolic link. One that begins with a slash would lead out of the
// project.
func (d *dir) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := checkName(name); errno != 0 {
		return nil, errno
	}
	if strings.HasPrefix(target, "/") {
		return nil, syscall.EPERM
	}
	d.s.changes.Add(1)
	var f client.File
	at := d.child(name)
	err := d.s.again(func(ctx context.Context, lost bool) (err error) {
		f, err = d.s.Client.ChangeFile(ctx, d.s.Project, at, client.FileChange{Op: "link", To: target})
		if lost && bine.IsKind(err, bine.Conflict) {
			f, err = d.s.Client.LinkInfo(ctx, d.s.Project, at)
		}
		return err
	})
	if err != nil {
		return nil, d.s.errnoOf(err, syscall.EEXIST)
	}
	return d.enter(ctx, f, out), 0
}
