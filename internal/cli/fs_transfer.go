package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// transfer is one file, or directory to be made, on its way.
type transfer struct {
	from, to location
	entry    entry
	whole    bool // a directory that the server copies with all that is in it
}

// transferOptions say how transfers go.
type transferOptions struct {
	parallel  int
	overwrite bool // replace what is there; without it that is an error
	noClobber bool // leave files that are there as they are
	times     bool // give the copy the time of its original
	modes     bool // and its permission bits
	verbose   bool
}

// transferAll makes the directories, then copies the files, several at once.
// One that fails does not stop the others, unless they would fail as well. No
// file is ever left half written.
func (a *app) transferAll(ctx context.Context, all []transfer, o transferOptions) error {
	if o.parallel < 1 {
		return usagef("-j takes a number from 1 on")
	}
	var files []transfer
	for _, t := range all {
		if err := t.check(); err != nil {
			return err
		}
		if !t.entry.dir || t.whole {
			files = append(files, t)
			continue
		}
		if err := t.to.mkdir(ctx, t.to.path); err != nil {
			return fmt.Errorf("make %s: %w", t.to, err)
		}
	}
	q := &transfers{app: a, options: o, total: len(files)}
	for _, t := range files {
		q.bytes += t.entry.size
	}
	return q.run(ctx, files)
}

// check refuses names of a server that would leave the directory they are copied to.
func (t transfer) check() error {
	if _, here := t.to.side.(local); here && t.entry.path != "" && !filepath.IsLocal(filepath.FromSlash(t.entry.path)) {
		return bine.Errorf(bine.Invalid, "%s is not copied: no local file can have the name %q", t.from, t.entry.path)
	}
	return nil
}

// transfers are several on their way at once.
type transfers struct {
	*app
	options transferOptions
	total   int
	bytes   int64
	done    atomic.Int64
	moved   atomic.Int64

	mu     sync.Mutex
	failed []error
	shown  bool // a line of progress stands on the terminal
}

func (q *transfers) run(parent context.Context, files []transfer) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	work := make(chan transfer)
	var workers sync.WaitGroup
	for range min(q.options.parallel, len(files)) {
		workers.Go(func() {
			for t := range work {
				q.one(ctx, t, stop)
			}
		})
	}
	quiet := q.progress(ctx)
	for _, t := range files {
		select {
		case work <- t:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(work)
	workers.Wait()
	quiet()
	return q.outcome(parent)
}

func (q *transfers) one(ctx context.Context, t transfer, stop context.CancelFunc) {
	err := q.copy(ctx, t)
	if q.options.noClobber && bine.IsKind(err, bine.Conflict) {
		if there, failed := t.to.stat(ctx, t.to.path); failed == nil && !there.dir {
			return
		}
	}
	switch {
	case err == nil:
		q.done.Add(1)
		if q.options.verbose {
			q.say(fmt.Sprintf("%s -> %s", t.from, t.to))
		}
	case ctx.Err() != nil: // interrupted, or another one stopped them all
	default:
		err = fmt.Errorf("copy %s to %s: %w", t.from, t.to, err)
		q.mu.Lock()
		q.failed = append(q.failed, err)
		q.mu.Unlock()
		switch bine.KindOf(err) {
		case bine.Unauthenticated, bine.NoQuota, bine.Unavailable: // the others would fare no better
			stop()
		}
	}
}

func (q *transfers) copy(ctx context.Context, t transfer) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if oneProject(t.from, t.to) {
		to := t.to.side.(remote)
		body := client.FileCopy{From: t.from.path, To: t.to.path, Overwrite: q.options.overwrite, BlockSize: to.blockSize}
		if _, err := to.api.CopyFile(ctx, to.project, body); err != nil {
			return err
		}
		q.moved.Add(t.entry.size)
	} else if err := q.carry(ctx, t); err != nil {
		return err
	}
	if !q.options.times || t.whole { // the server keeps times and modes
		return nil
	}
	var mode *uint32
	if q.options.modes {
		mode = &t.entry.mode
	}
	return t.to.mark(ctx, t.to.path, t.entry.modified, mode)
}

func (q *transfers) carry(ctx context.Context, t transfer) error {
	content, err := t.from.open(ctx, t.from.path)
	if err != nil {
		return err
	}
	defer content.Close()
	return t.to.create(ctx, t.to.path, &counted{ctx: ctx, r: content, n: &q.moved}, q.options.overwrite)
}

// outcome says how it went: the first error, after the others were printed.
func (q *transfers) outcome(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d of %d files, none of them half written: %w", q.done.Load(), q.total, ctx.Err())
	}
	if len(q.failed) == 0 {
		return nil
	}
	if q.total == 1 {
		return q.failed[0]
	}
	for _, err := range q.failed {
		fmt.Fprintln(q.Err, "bine:", err)
	}
	return &bine.Error{Kind: bine.KindOf(q.failed[0]), Message: fmt.Sprintf("%d of %d files were copied", q.done.Load(), q.total), Err: q.failed[0]}
}

func (q *transfers) say(line string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shown {
		fmt.Fprint(q.Err, "\r\033[K")
		q.shown = false
	}
	fmt.Fprintln(q.Err, line)
}

// progress keeps a line on the terminal, if messages go to one, until the
// function that it gives is called.
func (q *transfers) progress(ctx context.Context) func() {
	f, ok := q.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	ended := make(chan struct{})
	var shower sync.WaitGroup
	shower.Go(func() {
		for {
			select {
			case <-ended:
				q.mu.Lock()
				if q.shown {
					fmt.Fprint(q.Err, "\r\033[K")
				}
				q.mu.Unlock()
				return
			case <-time.After(200 * time.Millisecond):
			}
			q.mu.Lock()
			fmt.Fprintf(q.Err, "\r\033[K%d/%d files  %s/%s", q.done.Load(), q.total, size(q.moved.Load()), size(q.bytes))
			q.shown = true
			q.mu.Unlock()
		}
	})
	return func() {
		close(ended)
		shower.Wait()
	}
}

// counted is a reader that counts and that ends with its context.
type counted struct {
	ctx context.Context
	r   io.Reader
	n   *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if c.n != nil {
		c.n.Add(int64(n))
	}
	return n, err
}
