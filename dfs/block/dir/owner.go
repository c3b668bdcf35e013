package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/bine-ml/bine/dfs/block"
)

const ownerFile = "owner"

// Owner gives what SetOwner kept, nothing where it was never called.
func (s *Store) Owner(context.Context) (string, error) {
	text, err := s.root.ReadFile(ownerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read who owns the blocks: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// SetOwner keeps, beside the blocks, the name of whom they belong to. The first
// one stays; see Owner for who that is.
func (s *Store) SetOwner(ctx context.Context, owner string) error {
	part := incoming + "/" + ownerFile + "." + string(block.NewID())
	err := s.write(ctx, part, strings.NewReader(owner))
	if err == nil {
		err = s.root.Link(part, ownerFile)
	}
	s.root.Remove(part)
	if err == nil {
		err = s.sync(".")
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write who owns the blocks: %w", err)
	}
	return nil
}
