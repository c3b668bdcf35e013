package s3

import (
	"context"
	"iter"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

const pageSize = 1000 // the most that services give at a time

// List gives every block, ordered by id, holding one page of names at a time.
func (s *Store) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		l := &listing{s: s}
		for failed := 0; ; {
			before := l.after
			more, err := l.run(ctx, yield)
			if !more {
				return
			}
			if l.after != before {
				failed = 0
			}
			if failed++; failed >= s.tries || !passing(err) {
				yield(block.Stat{}, s.explain(ctx, "list blocks", err))
				return
			}
			if err := s.wait(ctx, failed); err != nil {
				yield(block.Stat{}, s.explain(ctx, "list blocks", err))
				return
			}
		}
	}
}

// listing is how far a list has come.
type listing struct {
	s     *Store
	after string // the last object seen
}

// run lists on from after; more says that it broke off with err before the end.
func (l *listing) run(ctx context.Context, yield func(block.Stat, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := l.s
	o := minio.ListObjectsOptions{Prefix: s.config.Prefix, Recursive: true, MaxKeys: pageSize, StartAfter: l.after, FetchOwner: new(false)}
	for object := range s.core.ListObjectsIter(ctx, s.config.Bucket, o) {
		if object.Err != nil {
			return true, object.Err
		}
		if object.Key <= l.after {
			return true, bine.Errorf(bine.Internal, "list blocks: %s does not list objects in the order of their names", s.config)
		}
		l.after = object.Key
		if id, ours := s.id(object.Key); ours && !yield(block.Stat{ID: id, Size: object.Size, Written: object.LastModified}, nil) {
			return false, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return true, err
	}
	return false, nil
}
