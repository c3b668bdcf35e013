package s3

import (
	"context"
	"time"
)

// Hurry shortens the pauses between tries.
func Hurry(s *Store) { s.pause = 10 * time.Millisecond }

// Unfinished counts uploads that were neither finished nor aborted.
func Unfinished(ctx context.Context, s *Store) (int, error) {
	page, err := s.core.ListMultipartUploads(ctx, s.config.Bucket, s.config.Prefix, "", "", "", pageSize)
	return len(page.Uploads), err
}
