package run

import (
	"context"
	"errors"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake"
)

// allList walks over all files of a project, with those that are hidden.
type allList struct{ tree dfs.Relocator }

// List gives a page of a directory.
func (l allList) List(ctx context.Context, dir, after string, limit int) (lake.Page, error) {
	if n := len(after); n > 0 && after[n-1] == '/' {
		after = after[:n-1]
	}
	list, more, err := l.tree.Below(ctx, dir, after, limit)
	page := lake.Page{More: more}
	for _, i := range list {
		if i.Link == "" {
			page.Entries = append(page.Entries, treeEntry(i))
		}
	}
	return page, err
}

// relocated brings one file to where its policy says. One that is there already, or
// gone, is passed over; so whoever is interrupted begins again.
func (c *copying) relocated(ctx context.Context, f lake.Found) (outcome, error) {
	at := c.root
	if !c.isSingle(f) {
		at += "/" + f.Path
	}
	r, err := c.Tree.Relocate(ctx, dfs.Platform(), at, c.show.add)
	var told *bine.Error
	switch {
	case bine.IsKind(err, bine.NotFound), bine.IsKind(err, bine.Conflict): // it is another, or gone
		return outcome{skipped: true}, nil
	case errors.As(err, &told) && told.Kind == bine.Internal: // it is damaged, which is no fault of the others
		return outcome{}, bine.Errorf(bine.Invalid, "it stays where it is: %w", err)
	}
	return outcome{bytes: r.Bytes, skipped: r == dfs.Relocated{}}, err
}
