package run

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake"
)

// What is kept with files that were copied, as extended attributes.
const (
	importMark = "lake.import"  // of a file that was imported
	exportMark = "lake.export/" // of one that was exported, and a hash of where to
)

// mark says what a copy was made of, or which copy was made.
type mark struct {
	Connector bine.ConnectorName `json:"connector"`
	Path      string             `json:"path"` // in the connector
	Tag       string             `json:"tag"`  // of the file there
	Modified  time.Time          `json:"modified,omitzero"`
	Version   string             `json:"version,omitempty"` // of the project's file that was exported
	Transfer  bine.TransferID    `json:"transfer"`
}

// outcome says what became of a file.
type outcome struct {
	bytes   int64
	skipped bool
}

// batch copies files, some at a time, and then moves the position of the transfer.
func (c *copying) batch(ctx context.Context, b lake.Batch) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu     sync.Mutex
		made   = bine.Progress{Omitted: b.Omitted}
		faults []bine.TransferFault
		work   sync.WaitGroup
		queue  = make(chan lake.Found)
	)
	one := func(f lake.Found) {
		o, err := c.file(ctx, f)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && o.skipped:
			made.Skipped++
		case err == nil:
			made.Copied, made.Bytes = made.Copied+1, made.Bytes+o.bytes
		case stops(err) || ctx.Err() != nil:
			cancel(err)
		default:
			made.Failed++
			faults = append(faults, bine.TransferFault{Path: f.Path, Reason: err.Error()})
		}
	}
	for range min(atOnce, len(b.Files)) {
		work.Go(func() {
			for f := range queue {
				one(f)
			}
		})
	}
	for _, f := range b.Files {
		if ctx.Err() == nil {
			queue <- f
		}
	}
	close(queue)
	work.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	position := b.Position
	if position == "" {
		position = walkEnd
	}
	return c.advance(ctx, position, made, faults)
}

// stops reports whether an error is not of the one file, but of what all need.
func stops(err error) bool {
	kind := bine.KindOf(err)
	return kind == bine.Unavailable || kind == bine.Internal || kind == bine.NoQuota || kind == bine.Unauthenticated
}

// advance writes down that a batch is done.
func (c *copying) advance(ctx context.Context, position string, made bine.Progress, faults []bine.TransferFault) error {
	c.show.Lock()
	defer c.show.Unlock()
	err := c.store.AdvanceTransfer(ctx, c.row, position, made, faults)
	if bine.IsKind(err, bine.Conflict) { // somebody else copies: whoever comes next looks again
		return bine.Errorf(bine.Unavailable, "%w", err)
	}
	if err == nil {
		c.row.Position, c.row.Revision, c.show.current, c.show.moving = position, c.row.Revision+1, "", 0
	}
	return err
}

func (c *copying) file(ctx context.Context, f lake.Found) (outcome, error) {
	c.show.at(f.Path)
	switch c.row.Direction {
	case bine.Export:
		return c.exported(ctx, f)
	case bine.Relocate:
		return c.relocated(ctx, f)
	}
	return c.imported(ctx, f)
}

// imported brings one file of the lake.
func (c *copying) imported(ctx context.Context, f lake.Found) (outcome, error) {
	from := path.Join(c.row.Path, f.Path)
	if c.isSingle(f) {
		from = c.row.Path
	}
	target := c.root + "/" + f.Path
	m := mark{Connector: c.row.Connector, Path: from, Tag: f.Tag, Modified: f.Modified, Transfer: c.row.ID}
	if o, done, err := c.hasImported(ctx, target, f, m); done || err != nil {
		return o, err
	}
	body, e, err := c.lake.Open(ctx, from, 0, 0)
	if err != nil {
		return outcome{}, err
	}
	defer body.Close()
	m.Tag, m.Modified = e.Tag, e.Modified
	text, err := json.Marshal(m)
	if err != nil {
		return outcome{}, err
	}
	source := &counted{r: body, left: e.Size, path: from, show: &c.show}
	_, err = c.Tree.Create(ctx, c.user, target, source, dfs.CreateOptions{Overwrite: true, Parents: true, Xattrs: map[string][]byte{importMark: text}})
	if err == nil && !e.Modified.IsZero() {
		_, err = c.Tree.SetAttributes(ctx, c.user, target, dfs.Attributes{Modified: &e.Modified})
	}
	return outcome{bytes: e.Size}, source.because(err)
}

// isSingle reports whether the transfer is of one file, which is f.
func (c *copying) isSingle(f lake.Found) bool { return c.one != nil && c.one.Path == f.Path }

// hasImported reports whether a file is there as it would be made. One that is
// there as something else is an error: nothing that others made is overwritten.
func (c *copying) hasImported(ctx context.Context, target string, f lake.Found, m mark) (o outcome, done bool, err error) {
	info, err := c.Tree.Stat(ctx, c.user, target)
	if bine.IsKind(err, bine.NotFound) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	if info.Dir {
		return o, false, bine.Errorf(bine.Conflict, "a directory of this name is there already")
	}
	old, err := c.marked(ctx, target, importMark)
	switch {
	case err != nil:
		return o, false, err
	case old.Connector != m.Connector || old.Path != m.Path:
		return o, false, bine.Errorf(bine.Conflict, "a file of this name is there already, and was not imported from there: move it away")
	case old.Tag == m.Tag && info.Size == f.Size:
		return outcome{bytes: f.Size, skipped: old.Transfer != m.Transfer}, true, nil
	case old.Transfer != m.Transfer && !info.Modified.Equal(old.Modified):
		return o, false, bine.Errorf(bine.Conflict, "the file was changed here and there since it was imported: move it away")
	}
	return o, false, nil
}

// marked reads a mark of a file; one that is not there, or not ours, is empty.
func (c *copying) marked(ctx context.Context, at, name string) (m mark, err error) {
	text, err := c.Tree.Xattr(ctx, c.user, at, name)
	if bine.IsKind(err, bine.NotFound) {
		return m, nil
	}
	if err == nil && json.Unmarshal(text, &m) != nil {
		m = mark{}
	}
	return m, err
}

// exported takes one file of the project to the lake.
func (c *copying) exported(ctx context.Context, f lake.Found) (outcome, error) {
	from := c.root + "/" + f.Path
	if c.isSingle(f) {
		from = c.root
	}
	for part := range strings.SplitSeq(f.Path, "/") {
		if !lake.CheckName(part) {
			return outcome{}, bine.Errorf(bine.Invalid, "%q is no name of a file there", part)
		}
	}
	to := path.Join(c.row.Path, f.Path)
	name := exportMark + string(bine.HashOf([]byte(string(c.row.Connector) + "/" + to)))[:32]
	overwrite, o, done, err := c.hasExported(ctx, from, to, name, f)
	if done || err != nil {
		return o, err
	}
	body, info, err := c.Tree.Open(ctx, c.user, from, 0, 0)
	if err != nil {
		return outcome{}, err
	}
	defer body.Close()
	source := &counted{r: body, left: info.Size, path: from, show: &c.show}
	e, err := c.lake.Create(ctx, to, source, lake.CreateOptions{Overwrite: overwrite, Size: info.Size})
	if err != nil {
		return outcome{}, source.because(err)
	}
	text, err := json.Marshal(mark{Connector: c.row.Connector, Path: to, Tag: e.Tag, Version: treeEntry(info).Tag, Transfer: c.row.ID})
	if err == nil {
		err = c.Tree.SetXattr(ctx, c.user, from, name, text)
	}
	return outcome{bytes: info.Size}, err
}

// clockSlack is by how much the clock of a service may differ from ours.
const clockSlack = 2 * time.Minute

// hasExported reports whether a file is there as it would be made, and whether
// one that is there may be replaced: one that an export of the project made and
// nobody changed since. A file of the same size that came since the transfer
// was accepted is of this transfer, from before a crash.
func (c *copying) hasExported(ctx context.Context, from, to, name string, f lake.Found) (overwrite bool, o outcome, done bool, err error) {
	there, err := c.lake.Stat(ctx, to)
	if bine.IsKind(err, bine.NotFound) {
		return false, o, false, nil
	}
	if err != nil {
		return false, o, false, err
	}
	if there.Dir {
		return false, o, false, bine.Errorf(bine.Conflict, "a directory of this name is there already")
	}
	old, err := c.marked(ctx, from, name)
	switch {
	case err != nil:
		return false, o, false, err
	case old.Tag == there.Tag && old.Version == f.Tag && there.Size == f.Size:
		return false, outcome{bytes: f.Size, skipped: old.Transfer != c.row.ID}, true, nil
	case old.Tag == there.Tag, there.Size == f.Size && there.Modified.After(c.row.CreatedAt.Add(-clockSlack)):
		return true, o, false, nil
	}
	return false, o, false, bine.Errorf(bine.Conflict, "a file of this name is there already, and is not as an export left it: move it away")
}

// counted is what is read of a file: it counts, demands that all of it comes,
// and remembers how reading failed, which is told apart from how writing did.
type counted struct {
	r    io.Reader
	left int64
	path string
	show *shown
	err  error
}

func (s *counted) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.left -= int64(n)
	s.show.add(int64(n))
	switch {
	case errors.Is(err, io.EOF) && s.left != 0 || s.left < 0:
		err = bine.Errorf(bine.Unavailable, "%s was changed while it was read", s.path)
		s.err = err
	case err != nil && !errors.Is(err, io.EOF):
		if s.err = err; bine.KindOf(err) == bine.Internal {
			s.err = bine.Errorf(bine.Unavailable, "reading %s broke off: %w", s.path, err)
		}
	}
	return n, err
}

// because gives the error of reading where there was one.
func (s *counted) because(err error) error {
	if err != nil && s.err != nil {
		return s.err
	}
	return err
}
