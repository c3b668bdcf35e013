package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// interruption is a change that is killed at each of its statements.
type interruption struct {
	name    string
	prepare func(t *testing.T, tree *dfs.Tree, root string)
	do      func(ctx context.Context, tree *dfs.Tree, root string) error
}

func interruptions() []interruption {
	large := bytes.Repeat([]byte("0123456789abcdef"), 10) // of several blocks
	create := func(path string, data []byte, o dfs.CreateOptions) func(context.Context, *dfs.Tree, string) error {
		return func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Create(ctx, owner, root+path, bytes.NewReader(data), o)
			return err
		}
	}
	files := func(t *testing.T, tree *dfs.Tree, root string) {
		put(t, tree, root+"/small", []byte("small"))
		put(t, tree, root+"/large", large)
		put(t, tree, root+"/dir/below/file", large)
	}
	limited := func(t *testing.T, tree *dfs.Tree, root string) {
		files(t, tree, root)
		for _, dir := range []string{root, root + "/dir"} {
			if err := tree.SetQuota(t.Context(), owner, dir, dfs.Quota{Bytes: 1 << 40, Names: 1 << 40}); err != nil {
				t.Fatal(err)
			}
		}
	}
	copying := func(from, to string) func(context.Context, *dfs.Tree, string) error {
		return func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Clone(ctx, owner, root+from, root+to, dfs.CloneOptions{Overwrite: true})
			return err
		}
	}
	sealing := func(t *testing.T, tree *dfs.Tree, root string) {
		encrypt(t, tree, true)
		files(t, tree, root)
	}
	relocated := func(t *testing.T, tree *dfs.Tree, root string) {
		encrypt(t, tree, false)
		files(t, tree, root)
		encrypt(t, tree, true)
		for _, dir := range []string{root, root + "/dir"} {
			if err := tree.SetPolicy(t.Context(), owner, dir, dfs.Policy{Name: "COLD", Inline: -1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	relocating := func(path string) func(context.Context, *dfs.Tree, string) error {
		return func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Relocate(ctx, owner, root+path, nil)
			return err
		}
	}
	copied := func(t *testing.T, tree *dfs.Tree, root string) {
		files(t, tree, root)
		clone(t, tree, root+"/large", root+"/copy")
	}
	return append(append(limitedInterruptions(limited), leaseInterruptions(files)...), []interruption{
		{"create", files, create("/new", []byte("tiny"), dfs.CreateOptions{})},
		{"create in directories that are made", files, create("/a/b/new", []byte("tiny"), dfs.CreateOptions{Parents: true})},
		{"create in directories with attributes", files, create("/a/b/new", []byte("tiny"), dfs.CreateOptions{Parents: true, AboveXattrs: map[string][]byte{"user.a": []byte("1")}})},
		{"create with attributes", files, create("/new", []byte("tiny"), dfs.CreateOptions{Xattrs: map[string][]byte{"user.a": []byte("1"), "user.b": []byte("2")}})},
		{"create of blocks", files, create("/new", large, dfs.CreateOptions{})},
		{"overwrite by blocks", files, create("/small", large, dfs.CreateOptions{Overwrite: true})},
		{"overwrite of blocks", files, create("/large", []byte("tiny"), dfs.CreateOptions{Overwrite: true})},
		{"append", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Append(ctx, owner, root+"/small", 5, []byte("more"))
			return err
		}},
		{"append that makes a block", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Append(ctx, owner, root+"/small", 5, large)
			return err
		}},
		{"truncate within a block", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Truncate(ctx, owner, root+"/large", 70)
			return err
		}},
		{"concat", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Concat(ctx, owner, root+"/large", []string{root + "/small", root + "/dir/below/file"})
			return err
		}},
		{"rename", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Rename(ctx, owner, root+"/small", root+"/dir/moved", dfs.RenameOptions{})
			return err
		}},
		{"rename over a file", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Rename(ctx, owner, root+"/small", root+"/large", dfs.RenameOptions{Overwrite: true})
			return err
		}},
		{"rename of a directory", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Rename(ctx, owner, root+"/dir/below", root+"/moved", dfs.RenameOptions{})
			return err
		}},
		{"remove of a file", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/small", dfs.RemoveOptions{})
		}},
		{"remove of blocks", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/large", dfs.RemoveOptions{})
		}},
		{"remove of a directory", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/dir", dfs.RemoveOptions{Recursive: true})
		}},
		{"copy of a file", files, copying("/large", "/new")},
		{"copy over a file", files, copying("/large", "/dir/below/file")},
		{"copy of a directory", files, copying("/dir", "/new")},
		{"append that makes a block of a copy", copied, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Append(ctx, owner, root+"/copy", 160, large)
			return err
		}},
		{"overwrite of a copy", copied, create("/copy", []byte("tiny"), dfs.CreateOptions{Overwrite: true})},
		{"remove of a copy", copied, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/copy", dfs.RemoveOptions{})
		}},
		{"trash", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Trash(ctx, owner, root+"/dir")
		}},
		{"mode", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			mode := uint32(0o600)
			_, err := tree.SetAttributes(ctx, owner, root+"/small", dfs.Attributes{Mode: &mode})
			return err
		}},
		{"extended attribute", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.SetXattr(ctx, owner, root+"/small", "user.a", []byte("1"))
		}},
		{"encrypt", func(t *testing.T, tree *dfs.Tree, root string) {
			files(t, tree, root)
			encrypt(t, tree, false)
		}, func(ctx context.Context, tree *dfs.Tree, _ string) error {
			_, err := tree.Encrypt(ctx, owner, dfstest.Project, true, false)
			return err
		}},
		{"create of what is sealed", sealing, create("/new", large, dfs.CreateOptions{})},
		{"append to what is sealed", sealing, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Append(ctx, owner, root+"/small", 5, []byte("more"))
			return err
		}},
		{"relocate", relocated, relocating("/large")},
		{"relocate of a copy", func(t *testing.T, tree *dfs.Tree, root string) {
			relocated(t, tree, root)
			clone(t, tree, root+"/large", root+"/dir/copy")
		}, relocating("/dir/copy")},
		{"relocate of what lies in the database", relocated, relocating("/small")},
		{"reclaim", func(t *testing.T, tree *dfs.Tree, root string) {
			files(t, tree, root)
			if err := tree.Remove(t.Context(), owner, root+"/dir", dfs.RemoveOptions{Recursive: true}); err != nil {
				t.Fatal(err)
			}
		}, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Reclaim(ctx, 100)
			return err
		}},
	}...)
}

// leaseInterruptions are of changes of leases, and under them.
func leaseInterruptions(files func(t *testing.T, tree *dfs.Tree, root string)) []interruption {
	held := func(t *testing.T, tree *dfs.Tree, root string) {
		files(t, tree, root)
		for _, name := range []string{"/small", "/large", "/dir/below/file"} {
			takeLease(t, tree, root+name, "w")
		}
	}
	writer := func(ctx context.Context, tree *dfs.Tree, path string) (dfs.User, dfs.Lease, error) {
		l, err := tree.LeaseOf(ctx, owner, path)
		user := owner
		user.Lease = l.Epoch
		return user, l, err
	}
	return []interruption{
		{"take a lease", files, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Lease(ctx, owner, root+"/small", "w")
			return err
		}},
		{"release a lease", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, l, err := writer(ctx, tree, root+"/small")
			if err != nil {
				return err
			}
			return tree.ReleaseLease(ctx, owner, l)
		}},
		{"recover a lease", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.RecoverLease(ctx, owner, root+"/small")
			return err
		}},
		{"append under a lease", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			user, _, err := writer(ctx, tree, root+"/small")
			if err == nil {
				_, err = tree.Append(ctx, user, root+"/small", 5, []byte("more"))
			}
			return err
		}},
		{"overwrite what somebody writes", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Create(ctx, owner, root+"/large", strings.NewReader("tiny"), dfs.CreateOptions{Overwrite: true})
			return err
		}},
		{"rename over what somebody writes", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Rename(ctx, owner, root+"/small", root+"/large", dfs.RenameOptions{Overwrite: true})
			return err
		}},
		{"remove of what somebody writes", held, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/large", dfs.RemoveOptions{})
		}},
	}
}

// limitedInterruptions are of changes that count towards quotas: that those are
// exact, Check says.
func limitedInterruptions(prepare func(t *testing.T, tree *dfs.Tree, root string)) []interruption {
	return []interruption{
		{"set a quota", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.SetQuota(ctx, owner, root+"/dir/below", dfs.Quota{Bytes: 1 << 40})
		}},
		{"clear a quota", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.SetQuota(ctx, owner, root+"/dir", dfs.Quota{})
		}},
		{"create below quotas", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Create(ctx, owner, root+"/dir/new/file", strings.NewReader("tiny"), dfs.CreateOptions{Parents: true})
			return err
		}},
		{"rename out of a quota", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			_, err := tree.Rename(ctx, owner, root+"/dir/below", root+"/moved", dfs.RenameOptions{})
			return err
		}},
		{"remove a directory below quotas", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/dir/below", dfs.RemoveOptions{Recursive: true})
		}},
		{"remove a directory with a quota", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Remove(ctx, owner, root+"/dir", dfs.RemoveOptions{Recursive: true})
		}},
		{"trash of a directory below quotas", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.Trash(ctx, owner, root+"/dir/below")
		}},
		{"set a policy", prepare, func(ctx context.Context, tree *dfs.Tree, root string) error {
			return tree.SetPolicy(ctx, owner, root+"/dir", dfs.Policy{Name: dfs.DB, Inline: -1})
		}},
	}
}

// snapshot tells what is below root: modes, contents and extended attributes by path.
func snapshot(t *testing.T, tree *dfs.Tree, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(dir string)
	walk = func(dir string) {
		entries, _, err := tree.List(t.Context(), owner, dir, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			about := fmt.Sprintf("%o", e.Mode)
			if e.Dir {
				walk(e.Path)
			} else if data, err := get(t, tree, e.Path); err != nil {
				t.Fatalf("read %s: %v", e.Path, err)
			} else {
				about += " " + string(data)
			}
			attributes, err := tree.Xattrs(t.Context(), owner, e.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !e.Dir {
				l, err := tree.LeaseOf(t.Context(), owner, e.Path)
				if err != nil {
					t.Fatal(err)
				}
				about += l.Holder
			}
			all[strings.TrimPrefix(e.Path, root)] = fmt.Sprint(about, attributes)
		}
	}
	walk(root)
	return all
}

// A process that is killed at any statement has made its change or has not, and
// leaves nothing behind. The server that takes its place can ask for it again.
func TestAChangeThatIsKilledAtAnyStatementIsMadeOrNot(t *testing.T) {
	address := databasetest.MariaDBAddress(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	socket := u.Query().Get("socket")
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tiny := tiny
	tiny.Keys = testKeys{}
	later := tiny
	later.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	store := new(mem.Store)
	cold := new(mem.Store)
	both := twoTiers(t, store, cold)
	tree := newTree(t, db, both, tiny)
	clean := dfs.New(db, both, later)
	t.Cleanup(func() { clean.Close() })

	kills, cases := 0, 0
	// strike makes the change behind a wire that dies at the nth command, 0 for never.
	strike := func(t *testing.T, it interruption, n int, late bool) (root string, before map[string]string, seen int, err error) {
		cases++
		root = at("Resources", fmt.Sprintf("case%d", cases))
		it.prepare(t, tree, root)
		before = snapshot(t, tree, root)
		w := newWire(t, socket, store)
		through := *u
		through.RawQuery = "socket=" + url.QueryEscape(w.listener.Addr().String())
		theirs, err := database.Open(t.Context(), through.String(), database.Options{Readers: 4})
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		victim := dfs.New(theirs, twoTiers(t, w, &wired{cold, w}), tiny)
		defer victim.Close()
		if _, err := victim.Stat(t.Context(), owner, root); err != nil { // as one that has been at work
			t.Fatal(err)
		}
		w.arm(n, late)
		err = it.do(w.died, victim, root)
		seen = w.die()
		w.rest(t, db)
		return root, before, seen, err
	}
	for _, it := range interruptions() {
		t.Run(it.name, func(t *testing.T) {
			root, _, commands, err := strike(t, it, 1<<30, false)
			if err != nil {
				t.Fatalf("without interruption: %v", err)
			}
			after := snapshot(t, tree, root)
			for n := 1; n <= commands; n += max(1, commands/60) {
				for _, late := range []bool{false, true} {
					kills++
					root, before, _, err := strike(t, it, n, late)
					got := snapshot(t, tree, root)
					is := func(want map[string]string) bool { return maps.Equal(got, want) }
					switch {
					case err == nil && !is(after):
						t.Errorf("killed at command %d of %d (late %v): it said that it was done, and left\n%v", n, commands, late, got)
					case !is(before) && !is(after):
						t.Errorf("killed at command %d of %d (late %v): it left\n%v", n, commands, late, got)
					}
					if err := it.do(t.Context(), tree, root); err != nil && (is(before) && !is(after) || bine.KindOf(err) == bine.Internal) {
						t.Errorf("asked again after command %d of %d (late %v): %v", n, commands, late, err)
					}
					if got := snapshot(t, tree, root); !maps.Equal(got, after) {
						t.Errorf("asked again after command %d of %d (late %v): it left\n%v", n, commands, late, got)
					}
				}
			}
			t.Logf("%d commands", commands)
			wantSound(t, tree)
		})
	}
	for {
		n, err := clean.Reclaim(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	stored := 0
	for _, err := range both.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if named := countNamed(t, db) + count(t, db, "dfs_garbage"); stored != named {
		t.Errorf("%d blocks are stored and %d belong to files", stored, named)
	}
	t.Logf("%d kills", kills)
	wantSound(t, tree)
}
