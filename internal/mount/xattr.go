package mount

import (
	"context"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine"
)

// An extended attribute has here the name that the server knows it by, behind
// the prefix that Linux asks for. There are no others.
const (
	userPrefix     = "user."
	platformPrefix = "bine."
)

// Getxattr gives the value of an extended attribute.
func (e *entry) Getxattr(_ context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	name, ok := strings.CutPrefix(attr, userPrefix)
	if !ok {
		return 0, syscall.ENODATA
	}
	var value []byte
	err := e.at(func(ctx context.Context, path string) (err error) {
		value, err = e.s.Client.Xattr(ctx, e.s.Project, path, name)
		return err
	})
	if err != nil {
		return 0, e.noXattr(err)
	}
	return fill(dest, value)
}

// fill copies a value, or says how long it is.
func fill(dest, value []byte) (uint32, syscall.Errno) {
	if len(dest) > 0 && len(dest) < len(value) || len(dest) == 0 && len(value) > 0 {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

func (e *entry) noXattr(err error) syscall.Errno {
	if bine.IsKind(err, bine.NotFound) {
		return syscall.ENODATA
	}
	if bine.IsKind(err, bine.TooLarge) {
		return syscall.E2BIG
	}
	return e.s.errnoOf(err, syscall.EIO)
}

// Setxattr makes or replaces an extended attribute.
func (e *entry) Setxattr(_ context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	name, ok := strings.CutPrefix(attr, userPrefix)
	if !ok || name == "" {
		return syscall.ENOTSUP
	}
	if flags != 0 {
		f, err := e.stat()
		if err != nil {
			return e.s.errnoOf(err, syscall.EIO)
		}
		_, found := f.Attrs[name]
		switch {
		case found && flags&unix.XATTR_CREATE != 0:
			return syscall.EEXIST
		case !found && flags&unix.XATTR_REPLACE != 0:
			return syscall.ENODATA
		}
	}
	value := slices.Clone(data)
	err := e.at(func(ctx context.Context, path string) error {
		return e.s.Client.SetXattr(ctx, e.s.Project, path, name, value)
	})
	if bine.IsKind(err, bine.TooLarge) {
		return syscall.E2BIG
	}
	return e.s.errnoOf(err, syscall.EIO)
}

// Removexattr removes an extended attribute.
func (e *entry) Removexattr(_ context.Context, attr string) syscall.Errno {
	name, ok := strings.CutPrefix(attr, userPrefix)
	if !ok {
		return syscall.ENODATA
	}
	path := e.path()
	err := e.s.again(func(ctx context.Context, lost bool) error {
		err := e.s.Client.RemoveXattr(ctx, e.s.Project, path, name)
		if lost && bine.IsKind(err, bine.NotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return e.noXattr(err)
	}
	return 0
}

// Listxattr names the extended attributes but those of the platform.
func (e *entry) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	f, err := e.stat()
	if err != nil {
		return 0, e.s.errnoOf(err, syscall.EIO)
	}
	var names []byte
	for name := range f.Attrs {
		if !strings.HasPrefix(name, platformPrefix) {
			names = append(names, userPrefix+name+"\x00"...)
		}
	}
	return fill(dest, names)
}
