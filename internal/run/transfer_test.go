package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/directory"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/run"
)

// fakeLakes opens a directory, through which calls may fail.
type fakeLakes struct {
	dir       string
	access    bine.ConnectorAccess
	sandboxed bool
	opened    atomic.Int64
	fail      func(path string) error // asked when a file is opened or made
}

func (f *fakeLakes) Open(_ context.Context, _ bine.ProjectName, name bine.ConnectorName) (lake.Lake, bine.Connector, bool, error) {
	l, err := directory.Open(f.dir, []string{f.dir})
	if err != nil {
		return nil, bine.Connector{}, false, err
	}
	return &fakeLake{l, f}, bine.Connector{Name: name, Access: f.access}, f.sandboxed, nil
}

type fakeLake struct {
	*directory.Lake
	f *fakeLakes
}

func (l *fakeLake) Open(ctx context.Context, path string, offset, length int64) (io.ReadCloser, lake.Entry, error) {
	l.f.opened.Add(1)
	if l.f.fail != nil {
		if err := l.f.fail(path); err != nil {
			return nil, lake.Entry{}, err
		}
	}
	return l.Lake.Open(ctx, path, offset, length)
}

func (l *fakeLake) Create(ctx context.Context, path string, r io.Reader, o lake.CreateOptions) (lake.Entry, error) {
	l.f.opened.Add(1)
	e, err := l.Lake.Create(ctx, path, r, o)
	if err == nil && l.f.fail != nil {
		err = l.f.fail(path)
	}
	return e, err
}

// ferry is a world with a lake.
type ferry struct {
	*world
	tree  *dfs.Tree
	lakes *fakeLakes
	moves run.Transfers
	ann   dfs.User
}

func newFerry(t *testing.T, db *database.DB) *ferry {
	t.Helper()
	f := &ferry{world: newWorldOn(t, db), tree: dfs.New(db, new(mem.Store), dfs.Options{}), lakes: &fakeLakes{dir: t.TempDir(), access: bine.ConnectorOwners},
		ann: dfs.User{Project: "p", Name: "ann", Role: bine.DataOwner}}
	f.ok(f.tree.MakeProjectTree(t.Context(), "p"))
	f.moves = run.Transfers{Engine: f.engine, Tree: f.tree, Lakes: f.lakes}
	return f
}

// fill puts files into the lake: n of them, over some directories.
func (f *ferry) fill(n int) {
	f.t.Helper()
	for i := range n {
		f.lay(fmt.Sprintf("in/d%d/f%03d", i%3, i), fmt.Sprintf("file %d", i))
	}
}

func (f *ferry) lay(name, text string) {
	f.t.Helper()
	at := filepath.Join(f.lakes.dir, name)
	f.ok(os.MkdirAll(filepath.Dir(at), 0o755))
	f.ok(os.WriteFile(at, []byte(text), 0o644))
}

func (f *ferry) start(d bine.TransferDirection, path, files string) activities.TransferRef {
	f.t.Helper()
	made, _, err := f.store.AcceptTransfer(f.ctx(), bine.Transfer{Project: "p", Direction: d, Connector: "sea", Path: path, Files: files, CreatedBy: "ann"}, "")
	f.ok(err)
	return activities.TransferRef{Project: "p", Transfer: made.ID}
}

// end moves a transfer until it has ended, in as many calls as that takes.
func (f *ferry) end(in activities.TransferRef) bine.Transfer {
	f.t.Helper()
	for range 100 {
		m, err := f.moves.Move(f.ctx(), in)
		f.ok(err)
		if m.State.Ended() {
			break
		}
	}
	return f.transfer(in)
}

func (f *ferry) transfer(in activities.TransferRef) bine.Transfer {
	f.t.Helper()
	t, err := f.store.Transfer(f.ctx(), "p", in.Transfer)
	f.ok(err)
	return t
}

// read gives a file of the project.
func (f *ferry) read(at string) string {
	f.t.Helper()
	r, _, err := f.tree.Open(f.ctx(), f.ann, "/Projects/p/"+at, 0, 0)
	f.ok(err)
	defer r.Close()
	text, err := io.ReadAll(r)
	f.ok(err)
	return string(text)
}

func (f *ferry) write(at, text string) {
	f.t.Helper()
	_, err := f.tree.Create(f.ctx(), f.ann, "/Projects/p/"+at, strings.NewReader(text), dfs.CreateOptions{Overwrite: true, Parents: true})
	f.ok(err)
}

func counts(t bine.Transfer) []any { return []any{t.State, t.Copied, t.Skipped, t.Failed} }

func TestAnImportCopiesATreeAndThenOnlyWhatChanged(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		f := newFerry(t, db)
		f.fill(150)
		done := f.end(f.start(bine.Import, "in", "sales"))
		f.is("first", counts(done), []any{bine.TransferSucceeded, int64(150), int64(0), int64(0)})
		f.is("bytes", done.Bytes, int64(10*6+90*7+50*8))
		f.is("a file", f.read("sales/d1/f100"), "file 100")
		info, err := f.tree.Stat(t.Context(), f.ann, "/Projects/p/sales/d1/f100")
		f.ok(err)
		on, err := os.Stat(filepath.Join(f.lakes.dir, "in/d1/f100"))
		f.ok(err)
		f.is("its time", info.Modified, on.ModTime().UTC().Truncate(time.Microsecond))
		f.is("its owner", info.Owner, "p__ann")

		f.lay("in/d0/f000", "changed in the lake")
		f.lay("in/new", "new")
		f.write("sales/d0/f003", "changed here")
		f.lay("in/d0/f003", "and there")
		f.write("sales/d0/f006", "mine!!") // as long as what was imported
		f.lay("in/mine", "theirs")
		f.write("sales/mine", "mine")
		opened := f.lakes.opened.Load()
		again := f.start(bine.Import, "in", "sales")
		f.is("again", counts(f.end(again)), []any{bine.TransferFailed, int64(2), int64(148), int64(2)})
		f.is("opened", f.lakes.opened.Load()-opened, int64(2))
		for at, want := range map[string]string{"d0/f000": "changed in the lake", "new": "new", "d0/f003": "changed here", "d0/f006": "mine!!", "mine": "mine"} {
			f.is(at, f.read("sales/"+at), want)
		}
		faults, err := f.store.TransferFaults(t.Context(), "p", again.Transfer)
		f.ok(err)
		if len(faults) != 2 || !strings.Contains(faults[0].Reason+faults[1].Reason, "not imported from there") {
			t.Errorf("faults: %+v", faults)
		}
		single := f.end(f.start(bine.Import, "in/d1/f100", "one"))
		f.is("one file", append(counts(single), f.read("one/f100")), []any{bine.TransferSucceeded, int64(1), int64(0), int64(0), "file 100"})
	})
}

func TestAnImportThatBreaksOffLosesAndDoublesNothing(t *testing.T) {
	for _, direction := range []bine.TransferDirection{bine.Import, bine.Export} {
		t.Run(string(direction), func(t *testing.T) {
			f := newFerry(t, databasetest.SQLite(t))
			f.fill(150)
			in, copies := f.start(bine.Import, "in", "sales"), 0
			if direction == bine.Export {
				f.end(in)
				in = f.start(bine.Export, "out/deep", "sales")
			}
			var asked atomic.Int64 // a file is asked for by several at once
			// Every so many files it breaks off, as a kill would: before a file is
			// there, or, when exporting, after.
			f.lakes.fail = func(string) error {
				if asked.Add(1)%23 == 0 {
					return errors.New("killed")
				}
				return nil
			}
			var done bine.Transfer
			for copies = 0; copies < 200 && !done.State.Ended(); copies++ {
				if _, err := f.moves.Move(t.Context(), in); err != nil && !strings.Contains(err.Error(), "killed") {
					t.Fatal(err)
				}
				done = f.transfer(in)
			}
			f.is("counts", append(counts(done), done.Bytes, done.Moving), []any{bine.TransferSucceeded, int64(150), int64(0), int64(0), int64(10*6 + 90*7 + 50*8), int64(0)})
			if copies < 3 {
				t.Errorf("it broke off %d times only", copies-1)
			}
			for i := range 150 {
				name, want := fmt.Sprintf("d%d/f%03d", i%3, i), fmt.Sprintf("file %d", i)
				if direction == bine.Import {
					f.is(name, f.read("sales/"+name), want)
					continue
				}
				text, err := os.ReadFile(filepath.Join(f.lakes.dir, "out/deep", name))
				f.ok(err)
				f.is(name, string(text), want)
			}
		})
	}
}

func TestAnExportOverwritesOnlyWhatItMade(t *testing.T) {
	f := newFerry(t, databasetest.SQLite(t))
	f.write("sales/a", "a")
	f.write("sales/b", "b")
	f.lay("out/b", "somebody else's")
	f.is("first", counts(f.end(f.start(bine.Export, "out", "sales"))), []any{bine.TransferFailed, int64(1), int64(0), int64(1)})
	f.ok(os.Remove(filepath.Join(f.lakes.dir, "out/b")))
	f.is("second", counts(f.end(f.start(bine.Export, "out", "sales"))), []any{bine.TransferSucceeded, int64(1), int64(1), int64(0)})
	f.write("sales/a", "changed")
	f.is("third", counts(f.end(f.start(bine.Export, "out", "sales"))), []any{bine.TransferSucceeded, int64(1), int64(1), int64(0)})
	text, err := os.ReadFile(filepath.Join(f.lakes.dir, "out/a"))
	f.ok(err)
	f.is("changed", string(text), "changed")
	f.is("one file", counts(f.end(f.start(bine.Export, "single", "sales/a"))), []any{bine.TransferSucceeded, int64(1), int64(0), int64(0)})
	if _, err := os.Stat(filepath.Join(f.lakes.dir, "single/a")); err != nil {
		t.Error(err)
	}
	f.lakes.access = bine.ConnectorRead
	_, err = f.moves.Move(t.Context(), f.start(bine.Export, "out", "sales"))
	f.kind("to a connector to read", err, bine.Forbidden, "read-only")
	f.lakes.access, f.lakes.sandboxed = bine.ConnectorOwners, true
	_, err = f.moves.Move(t.Context(), f.start(bine.Export, "out", "sales"))
	f.kind("from a sandbox", err, bine.Forbidden, "sandboxed")
}

func TestATransferIsCancelledAndBegunAgain(t *testing.T) {
	f := newFerry(t, databasetest.SQLite(t))
	f.fill(150)
	in := f.start(bine.Import, "in", "sales")
	f.moves.Slice = time.Nanosecond // one batch for each call
	m, err := f.moves.Move(t.Context(), in)
	f.ok(err)
	f.is("after a batch", []any{m.State, m.Copied}, []any{bine.TransferRunning, int64(64)})
	f.ok(f.store.MoveTransfer(t.Context(), "p", in.Transfer, []bine.TransferState{bine.TransferRunning}, bine.TransferCancelling, "cancelled by ann"))
	m, err = f.moves.Move(t.Context(), in)
	f.ok(err)
	f.is("cancelled", []any{m.State, m.Copied, f.transfer(in).Reason}, []any{bine.TransferCancelled, int64(64), "cancelled by ann"})
	f.ok(f.store.RestartTransfer(t.Context(), "p", in.Transfer))
	opened := f.lakes.opened.Load()
	f.is("begun again", counts(f.end(in)), []any{bine.TransferSucceeded, int64(150), int64(0), int64(0)})
	f.is("opened", f.lakes.opened.Load()-opened, int64(86))
	f.kind("begun again when it has succeeded", f.store.RestartTransfer(t.Context(), "p", in.Transfer), bine.Conflict, "succeeded")
}

func TestACancelStopsAFileThatIsBeingCopied(t *testing.T) {
	f := newFerry(t, databasetest.SQLite(t))
	f.fill(1)
	in := f.start(bine.Import, "in", "sales")
	f.lakes.fail = func(string) error {
		f.ok(f.store.MoveTransfer(context.Background(), "p", in.Transfer, []bine.TransferState{bine.TransferRunning}, bine.TransferCancelling, "cancelled by ann"))
		time.Sleep(5 * time.Second / 2) // longer than it takes to be seen
		return bine.Errorf(bine.Unavailable, "broke off")
	}
	m, err := f.moves.Move(t.Context(), in)
	f.ok(err)
	f.is("state", m.State, bine.TransferCancelled)
}

func TestATransferThatCannotGoOnFails(t *testing.T) {
	f := newFerry(t, databasetest.SQLite(t))
	in := f.start(bine.Import, "none", "sales")
	_, err := f.moves.Move(t.Context(), in)
	f.kind("what is not there", err, bine.NotFound, "none")
	m, err := f.moves.GiveUp(t.Context(), activities.GaveUp{TransferRef: in, Reason: err.Error()})
	f.ok(err)
	f.is("given up", []any{m.State, strings.Contains(f.transfer(in).Reason, "none")}, []any{bine.TransferFailed, true})
	f.fill(3)
	in = f.start(bine.Import, "in", "sales")
	f.lakes.fail = func(string) error { return bine.Errorf(bine.Unavailable, "the service is down") }
	_, err = f.moves.Move(t.Context(), in)
	f.kind("a service that is down", err, bine.Unavailable, "down")
	f.is("it waits", []any{f.transfer(in).State, strings.Contains(f.transfer(in).Reason, "the service is down")}, []any{bine.TransferRunning, true})
	f.lakes.fail = nil
	f.is("goes on", append(counts(f.end(in)), f.transfer(in).Reason), []any{bine.TransferSucceeded, int64(3), int64(0), int64(0), ""})
	f.ok(f.store.CreateUser(t.Context(), bine.User{Name: "bob"}, "hash"))
	f.ok(f.store.SetMember(t.Context(), "p", bine.Member{User: "bob", Role: bine.DataOwner, AddedBy: "ann"}))
	in = f.start(bine.Import, "in", "sales")
	f.ok(f.store.RemoveMember(t.Context(), "p", "ann"))
	_, err = f.moves.Move(t.Context(), in)
	f.kind("who is no member any more", err, bine.Forbidden, "no Data Owner")
}
