package s3

import (
	"context"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	tidyEvery = 24 * time.Hour
	// abandoned is the age after which an upload belongs to nobody. A block is far
	// smaller than what the slowest line sends in that time.
	abandoned = 3 * 24 * time.Hour
)

// tidyDaily removes what was abandoned until ctx ends.
func (s *Store) tidyDaily(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		n, err := s.Tidy(ctx, abandoned)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.WarnContext(ctx, "uploads to the block store that were never finished could not be removed; they take room", "error", err)
		case n > 0:
			s.log.InfoContext(ctx, "removed uploads to the block store that were never finished", "uploads", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Tidy removes the parts of blocks whose upload began longer than age ago and
// was neither finished nor aborted, as after a crash. Only those below the
// store's prefix are touched. It says how many uploads those were.
func (s *Store) Tidy(ctx context.Context, age time.Duration) (n int, err error) {
	var key, upload string // where the next page begins
	for {
		var page minio.ListMultipartUploadsResult
		err = s.retry(ctx, func() (err error) {
			page, err = s.core.ListMultipartUploads(ctx, s.config.Bucket, s.config.Prefix, key, upload, "", pageSize)
			return err
		})
		if err != nil {
			return n, s.explain(ctx, "list unfinished uploads", err)
		}
		for _, u := range page.Uploads {
			if _, ours := s.id(u.Key); !ours || time.Since(u.Initiated) < age {
				continue
			}
			err := s.retry(ctx, func() error { return s.core.AbortMultipartUpload(ctx, s.config.Bucket, u.Key, u.UploadID) })
			if err != nil && codeOf(err) != minio.NoSuchUpload {
				return n, s.explain(ctx, "remove an unfinished upload", err)
			}
			n++
		}
		if !page.IsTruncated || page.NextKeyMarker == "" {
			return n, nil
		}
		key, upload = page.NextKeyMarker, page.NextUploadIDMarker
	}
}
