package s3

import (
	"context"

	"github.com/minio/minio-go/v7"
)

// Owner gives what SetOwner kept, nothing where it was never called.
func (s *Store) Owner(ctx context.Context) (string, error) {
	owner, err := s.getText(ctx, s.ownerKey())
	if codeOf(err) == minio.NoSuchKey {
		return "", nil
	}
	if err != nil {
		return "", s.explain(ctx, "read who owns the blocks", err)
	}
	return owner, nil
}

// SetOwner keeps, beside the blocks, the name of whom they belong to. The first
// one stays; see Owner for who that is.
func (s *Store) SetOwner(ctx context.Context, owner string) error {
	err := s.putText(ctx, s.ownerKey(), owner, true)
	if err != nil && codeOf(err) != minio.PreconditionFailed {
		return s.explain(ctx, "write who owns the blocks", err)
	}
	return nil
}

func (s *Store) ownerKey() string { return s.config.Prefix + "owner" }
