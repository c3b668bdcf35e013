package run

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/internal/store"
)

// Lakes opens what connectors lead to.
type Lakes interface {
	Open(ctx context.Context, project bine.ProjectName, name bine.ConnectorName) (l lake.Lake, c bine.Connector, sandboxed bool, err error)
}

// TransferTree is the file system as transfers copy from it, to it and within it.
type TransferTree interface {
	dfs.FS
	dfs.Relocator
}

// Transfers is the engine of transfers.
//
// A transfer walks over what it copies in batches. When all of a batch is
// copied, its row is given the new position and what was done, in one
// transaction; after a crash the batch begins again, and what of it is there
// already is told by what is kept with each file that was copied.
type Transfers struct {
	*Engine
	Tree  TransferTree
	Lakes Lakes
	// Slice is for how long one call of Move copies; 0 is some minutes.
	Slice time.Duration
}

const (
	transferSlice = 5 * time.Minute
	atOnce        = 4 // files that are copied at a time
	showEvery     = 2 * time.Second
	// walkEnd is the position behind all: what is left is to end the transfer.
	walkEnd = "/"
)

var (
	errCancelling = errors.New("the transfer is being cancelled")
	errEnough     = errors.New("enough for one activity")
)

// Move copies for some minutes, or to the end, from where the transfer is.
func (t Transfers) Move(ctx context.Context, in activities.TransferRef) (activities.Moved, error) {
	row, err := t.store.TransferAt(ctx, in.Project, in.Transfer)
	switch {
	case err != nil:
		return activities.Moved{}, err
	case row.State == bine.TransferCancelling:
		return t.endTransfer(ctx, in, bine.TransferCancelled, row.Reason)
	case row.State.Ended():
		return activities.Moved{State: row.State, Progress: row.Progress}, nil
	case row.Position == walkEnd:
		return t.finishTransfer(ctx, in)
	}
	err = t.copyFrom(ctx, row)
	switch {
	case errors.Is(err, errCancelling):
		return t.Move(ctx, in)
	case errors.Is(err, errEnough):
		err = nil
	case err != nil:
		if ctx.Err() == nil {
			t.explainWait(ctx, in, err)
		}
		return activities.Moved{}, err
	default:
		return t.finishTransfer(ctx, in)
	}
	now, err := t.store.Transfer(ctx, in.Project, in.Transfer)
	return activities.Moved{State: now.State, Progress: now.Progress}, err
}

// explainWait shows people why a transfer does not go on for now.
func (t Transfers) explainWait(ctx context.Context, in activities.TransferRef, why error) {
	row, err := t.store.TransferAt(ctx, in.Project, in.Transfer)
	if err == nil {
		_, err = t.store.ShowTransfer(ctx, row, "", 0, "it is tried again: "+why.Error())
	}
	if err != nil {
		t.log.WarnContext(ctx, "why a transfer waits was not written down", "transfer", in.Transfer, "project", in.Project, "error", err)
	}
}

// GiveUp ends a transfer that cannot go on.
func (t Transfers) GiveUp(ctx context.Context, in activities.GaveUp) (activities.Moved, error) {
	row, err := t.store.Transfer(ctx, in.Project, in.Transfer)
	if bine.IsKind(err, bine.NotFound) { // its project is gone
		return activities.Moved{State: bine.TransferFailed}, nil
	}
	if err != nil || row.State.Ended() {
		return activities.Moved{State: row.State, Progress: row.Progress}, err
	}
	if row.State == bine.TransferCancelling {
		return t.endTransfer(ctx, in.TransferRef, bine.TransferCancelled, row.Reason)
	}
	return t.endTransfer(ctx, in.TransferRef, bine.TransferFailed, in.Reason)
}

func (t Transfers) finishTransfer(ctx context.Context, in activities.TransferRef) (activities.Moved, error) {
	row, err := t.store.Transfer(ctx, in.Project, in.Transfer)
	if err != nil {
		return activities.Moved{}, err
	}
	if row.Failed > 0 {
		return t.endTransfer(ctx, in, bine.TransferFailed, fmt.Sprintf("%d files were not copied; what was is left as it is", row.Failed))
	}
	return t.endTransfer(ctx, in, bine.TransferSucceeded, "")
}

func (t Transfers) endTransfer(ctx context.Context, in activities.TransferRef, to bine.TransferState, reason string) (activities.Moved, error) {
	from := []bine.TransferState{bine.TransferRunning, bine.TransferCancelling}
	if err := t.store.MoveTransfer(ctx, in.Project, in.Transfer, from, to, reason); err != nil && !bine.IsKind(err, bine.Conflict) {
		return activities.Moved{}, err
	}
	row, err := t.store.Transfer(ctx, in.Project, in.Transfer)
	return activities.Moved{State: row.State, Progress: row.Progress}, err
}

// copying is what one call of Move works with.
type copying struct {
	Transfers
	row  store.TransferAt
	lake lake.Lake
	user dfs.User
	root string      // of the project's files, as the file system has it
	one  *lake.Found // the only file that is copied, where it is one
	show shown
}

// shown is what people see of what goes on.
type shown struct {
	sync.Mutex
	current string
	moving  int64
}

func (s *shown) add(n int64) {
	s.Lock()
	s.moving += n
	s.Unlock()
}

func (s *shown) at(path string) {
	s.Lock()
	s.current = path
	s.Unlock()
}

// copyFrom copies from the position of a row until the end, or until it is enough.
func (t Transfers) copyFrom(ctx context.Context, row store.TransferAt) error {
	role, member, err := t.store.RoleOf(ctx, row.Project, row.CreatedBy)
	if err != nil {
		return err
	}
	if !member || role != bine.DataOwner {
		return bine.Errorf(bine.Forbidden, "%s is no Data Owner of %s any more", row.CreatedBy, row.Project)
	}
	c := &copying{Transfers: t, row: row, root: dfs.ProjectPath(row.Project), user: dfs.User{Project: row.Project, Name: row.CreatedBy, Role: role}}
	if row.Direction != bine.Relocate {
		l, about, sandboxed, err := t.Lakes.Open(ctx, row.Project, row.Connector)
		if err != nil {
			return err
		}
		defer l.Close()
		c.lake = l
		if row.Direction == bine.Export {
			if err := mayExport(row.Project, about, sandboxed); err != nil {
				return err
			}
		}
	}
	if row.Files != "" {
		if c.root, err = dfs.Locate(row.Project, row.Files); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx, cancel) })
	err = c.all(ctx)
	if errors.Is(context.Cause(ctx), errCancelling) {
		err = errCancelling
	}
	cancel(nil)
	watching.Wait()
	return err
}

// mayExport says whether a project may write to where a connector leads, for a Data Owner.
func mayExport(project bine.ProjectName, c bine.Connector, sandboxed bool) error {
	switch {
	case sandboxed:
		return bine.Errorf(bine.Forbidden, "the project %s is sandboxed: nothing of it is exported", project)
	case !c.Access.Allows(bine.DataOwner):
		return bine.Errorf(bine.Forbidden, "the connector %s is read-only", c.Name)
	}
	return nil
}

// watch shows how far the copying is, and ends it when somebody cancels it.
func (c *copying) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(showEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.show.Lock()
		row, current, moving := c.row, c.show.current, c.show.moving
		c.show.Unlock()
		state, err := c.store.ShowTransfer(ctx, row, current, moving, "")
		switch {
		case bine.IsKind(err, bine.NotFound), err == nil && state != bine.TransferRunning:
			cancel(errCancelling)
		case err != nil && ctx.Err() == nil:
			c.log.WarnContext(ctx, "the progress of a transfer was not written down", "transfer", row.ID, "project", row.Project, "error", err)
		}
	}
}

// all walks over what is copied.
func (c *copying) all(ctx context.Context) error {
	single, from, err := c.single(ctx)
	if err != nil {
		return err
	}
	if c.one = single; single != nil {
		return c.batch(ctx, lake.Batch{Files: []lake.Found{*single}})
	}
	until := time.Now().Add(transferSlice)
	if c.Slice > 0 {
		until = time.Now().Add(c.Slice)
	}
	give := func(b lake.Batch) error {
		if err := c.batch(ctx, b); err != nil || b.Position == "" {
			return err
		}
		if time.Now().After(until) {
			return errEnough
		}
		return nil
	}
	switch c.row.Direction {
	case bine.Export:
		return lake.Walk(ctx, treeList{c.Tree, c.user}, from, c.row.Position, give)
	case bine.Relocate:
		return lake.Walk(ctx, allList{c.Tree}, from, c.row.Position, give)
	}
	return lake.Walk(ctx, c.lake, from, c.row.Position, give)
}

// single gives the file that is copied, where it is one, or the directory.
func (c *copying) single(ctx context.Context) (*lake.Found, string, error) {
	if c.row.Direction != bine.Import {
		info, err := c.Tree.Stat(ctx, c.user, c.root)
		if err != nil || info.Dir {
			return nil, c.root, err
		}
		return &lake.Found{Path: path.Base(c.root), Entry: treeEntry(info)}, "", nil
	}
	e, err := c.lake.Stat(ctx, c.row.Path)
	if err != nil || e.Dir {
		return nil, c.row.Path, err
	}
	return &lake.Found{Path: e.Name, Entry: e}, "", nil
}

// treeList walks over the project's files as over a lake.
type treeList struct {
	tree dfs.FS
	user dfs.User
}

func treeEntry(i dfs.Info) lake.Entry {
	return lake.Entry{Name: i.Name, Dir: i.Dir, Size: i.Size, Modified: i.Modified, Tag: fmt.Sprintf("%d-%d", i.ID, i.Version)}
}

// List gives a page of a directory.
func (l treeList) List(ctx context.Context, dir, after string, limit int) (lake.Page, error) {
	if n := len(after); n > 0 && after[n-1] == '/' {
		after = after[:n-1]
	}
	list, more, err := l.tree.List(ctx, l.user, dir, after, limit)
	page := lake.Page{More: more}
	for _, i := range list {
		page.Entries = append(page.Entries, treeEntry(i))
	}
	return page, err
}

// stopTransfers cancels what is copied from and to a project, and says how many go on.
func (e *Engine) stopTransfers(ctx context.Context, project bine.ProjectName) (going int, err error) {
	all, err := e.store.UnfinishedTransfers(ctx, time.Now().Add(time.Hour))
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		if t.Project != project {
			continue
		}
		err := e.store.MoveTransfer(ctx, project, t.ID, []bine.TransferState{bine.TransferRunning}, bine.TransferCancelling, "the project is being removed")
		if err != nil && !bine.IsKind(err, bine.Conflict) {
			return 0, err
		}
		going++
	}
	return going, nil
}
