package mount

import (
	"context"

	"github.com/bine-ml/bine/client"
)

// cut makes the file shorter, or longer by zeros.
func (f *file) cut(size int64) error {
	if f.opens == 0 {
		now, err := f.stat()
		if err != nil {
			return err
		}
		f.answered(now)
	}
	defer f.publish()
	f.changed = moment()
	switch {
	case f.spool != nil:
		f.mark(min(size, f.spool.size))
		if err := f.spool.cut(size); err != nil {
			return err
		}
	case size > f.size():
		if err := f.extend(size); err != nil {
			return err
		}
	case size >= f.base:
		f.tail = f.tail[:size-f.base]
	default:
		if err := f.cutThere(size); err != nil {
			return err
		}
	}
	f.cuts++
	if f.opens == 0 {
		return f.sync()
	}
	return nil
}

// cutThere cuts the file on the server.
func (f *file) cutThere(size int64) error {
	f.tail = nil
	f.s.changes.Add(1)
	var now client.File
	err := f.under(func(lease int64) error {
		return f.at(func(ctx context.Context, path string) (err error) {
			now, err = f.s.Client.ChangeFile(ctx, f.s.Project, path, client.FileChange{Op: "truncate", Size: size, Lease: lease})
			return err
		})
	})
	if err == nil {
		f.answered(now)
	}
	return err
}

// extend adds zeros. Many of them lie in a local copy, where they take no space.
func (f *file) extend(size int64) error {
	if more := size - f.size(); more <= piece {
		return f.add(make([]byte, more), false)
	}
	if err := f.copyHere(); err != nil {
		return err
	}
	f.mark(f.spool.size)
	return f.spool.cut(size)
}
