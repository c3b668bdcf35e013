package lake

import (
	"context"
	"path"
	"strings"

	"github.com/bine-ml/bine"
)

// lister is what is walked over: a lake, or something else that lists as one.
type lister interface {
	List(ctx context.Context, dir, after string, limit int) (Page, error)
}

// Found is a file that a walk has met.
type Found struct {
	Path string // below where the walk began
	Entry
}

// Batch is what a walk hands out at once: files one after the other.
type Batch struct {
	Files   []Found
	Omitted int64
	// Position is behind them all; empty when the walk has come to its end.
	Position string
}

// The bounds of a batch. One file may be larger.
const (
	batchFiles = 64
	batchBytes = 256 << 20
)

// Walk hands out the files below dir in batches, from behind position on, which
// is that of an earlier batch, or "" for the beginning. Directories that are
// gone meanwhile are passed over. When give fails the walk ends with its error.
func Walk(ctx context.Context, l lister, dir, position string, give func(Batch) error) error {
	w := &walk{ctx: ctx, l: l, root: dir, give: give}
	if err := w.dir("", position); err != nil {
		return err
	}
	return give(w.batch) // whose position is the end
}

type walk struct {
	ctx   context.Context
	l     lister
	root  string
	give  func(Batch) error
	batch Batch
	bytes int64
}

// dir walks over one directory from behind a position below it.
func (w *walk) dir(dir, position string) error {
	after := ""
	if first, deeper, below := strings.Cut(position, "/"); below {
		if err := w.dir(path.Join(dir, first), deeper); err != nil {
			return err
		}
		after = first + "/"
	} else {
		after = first
	}
	for more := true; more; {
		page, err := w.l.List(w.ctx, path.Join(w.root, dir), after, Most)
		if dir != "" && bine.IsKind(err, bine.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		w.batch.Omitted += page.Omitted
		for _, e := range page.Entries {
			if err := w.entry(dir, e); err != nil {
				return err
			}
			after = e.After()
		}
		more = page.More
	}
	return nil
}

func (w *walk) entry(dir string, e Entry) error {
	at := path.Join(dir, e.Name)
	if e.Dir {
		return w.dir(at, "")
	}
	w.batch.Files = append(w.batch.Files, Found{at, e})
	if w.bytes += e.Size; len(w.batch.Files) < batchFiles && w.bytes < batchBytes {
		return nil
	}
	w.batch.Position = at
	err := w.give(w.batch)
	w.batch, w.bytes = Batch{}, 0
	return err
}
