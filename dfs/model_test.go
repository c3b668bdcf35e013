package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

// model is what the file system should hold below a directory: the content of
// files by path, and nil for directories; and the same of what lies in the trash.
type model struct {
	tree  *dfs.Tree
	root  string
	files map[string][]byte
	trash map[int64]map[string][]byte // by inode: what was at a path and below it
	ids   map[int64]string            // the path that it had
	// leases are those that somebody has, by the inode of the file.
	leases map[int64]dfs.Lease
	last   dfs.Lease // the one that was given last, which may have ended
}

// writer draws a user: one without a lease, or with the one that was given last.
func (m *model) writer(t *rapid.T) dfs.User {
	user := owner
	if rapid.IntRange(0, 3).Draw(t, "under a lease") == 0 {
		user.Lease = m.last.Epoch
	}
	return user
}

// mayWrite says whether the user is let change the file at a path by the leases.
func (m *model) mayWrite(t *rapid.T, user dfs.User, path string) bool {
	held, _ := m.leaseAt(t, path)
	return user.Lease == held.Epoch
}

// leaseAt gives the lease of the file at a path, and its inode; both are 0 where there is none.
func (m *model) leaseAt(t *rapid.T, path string) (dfs.Lease, int64) {
	data, there := m.files[path]
	if !there || data == nil {
		return dfs.Lease{}, 0
	}
	info, err := m.tree.Stat(context.Background(), owner, path)
	if err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return m.leases[info.ID], info.ID
}

// tiny makes inline files, blocks and merges of them small enough for random sizes.
var tiny = dfs.Options{Inline: 16, BlockSize: 64}

// path draws a path of up to three components, of which there are few.
func (m *model) path(t *rapid.T, label string) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ä"}), 1, 3).Draw(t, label)
	return m.root + "/" + strings.Join(parts, "/")
}

func content(t *rapid.T) []byte {
	n := rapid.SampledFrom([]int{0, 1, 15, 16, 17, 63, 64, 65, 130, 300}).Draw(t, "size")
	seed := rapid.Byte().Draw(t, "seed")
	data := make([]byte, n)
	for i := range data {
		data[i] = seed + byte(i)
	}
	return data
}

func up(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func (m *model) is(path string) (data []byte, dir, there bool) {
	if path == m.root {
		return nil, true, true
	}
	data, there = m.files[path]
	return data, there && data == nil, there
}

// reach says whether the directory above path is there, or can be made.
func (m *model) reach(path string, parents bool) bool {
	for at := up(path); ; at = up(at) {
		if _, dir, there := m.is(at); there {
			return dir
		}
		if !parents {
			return false
		}
	}
}

func (m *model) makeAbove(path string) {
	for at := up(path); at != m.root; at = up(at) {
		if _, there := m.files[at]; !there {
			m.files[at] = nil
		}
	}
}

// take removes path and what is below it, and gives that by what follows path.
func (m *model) take(path string) map[string][]byte {
	taken := map[string][]byte{}
	for at, data := range m.files {
		if at == path || strings.HasPrefix(at, path+"/") {
			taken[strings.TrimPrefix(at, path)] = data
			delete(m.files, at)
		}
	}
	return taken
}

func (m *model) give(path string, taken map[string][]byte) {
	for rest, data := range taken {
		m.files[path+rest] = data
	}
}

// agree fails unless err is there when the model says that it should be.
func agree(t *rapid.T, what string, err error, should bool) bool {
	if (err == nil) != should {
		t.Fatalf("%s: %v, and the model says it succeeds: %t", what, err, should)
	}
	if err != nil && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Conflict) && !bine.IsKind(err, bine.Leased) && !bine.IsKind(err, bine.Fenced) && !bine.IsKind(err, bine.Invalid) {
		t.Fatalf("%s: %v", what, err)
	}
	return err == nil
}

// empty reports whether nothing is below a path.
func (m *model) empty(path string) bool {
	for at := range m.files {
		if strings.HasPrefix(at, path+"/") {
			return false
		}
	}
	return true
}

// moving are actions that change where and how files are kept, and nothing else.
func (m *model) moving() map[string]func(*rapid.T) {
	ctx := context.Background()
	return map[string]func(*rapid.T){
		"relocate": func(t *rapid.T) {
			path := m.path(t, "path")
			_, dir, there := m.is(path)
			_, err := m.tree.Relocate(ctx, owner, path, nil)
			agree(t, "relocate "+path, err, there && !dir)
		},
		"policy": func(t *rapid.T) {
			path, name := m.path(t, "path"), rapid.SampledFrom([]string{dfs.Hot, dfs.Blocks, "COLD", ""}).Draw(t, "policy")
			_, dir, there := m.is(path)
			p := dfs.Policy{}
			if name != "" {
				p = dfs.Policy{Name: name, Inline: -1}
			}
			agree(t, "policy of "+path, m.tree.SetPolicy(ctx, owner, path, p), there && dir)
		},
		"encrypt": func(t *rapid.T) {
			on, rotate := rapid.Bool().Draw(t, "on"), rapid.Bool().Draw(t, "rotate")
			_, err := m.tree.Encrypt(ctx, owner, dfstest.Project, on, rotate)
			agree(t, "encrypt", err, on || !rotate)
		},
	}
}

func (m *model) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	return map[string]func(*rapid.T){
		"mkdir": func(t *rapid.T) {
			path, parents := m.path(t, "path"), rapid.Bool().Draw(t, "parents")
			_, dir, there := m.is(path)
			_, err := m.tree.Mkdir(ctx, owner, path, dfs.MkdirOptions{Parents: parents})
			if agree(t, "mkdir "+path, err, there && dir && parents || !there && m.reach(path, parents)) && !there {
				m.makeAbove(path)
				m.files[path] = nil
			}
		},
		"create": func(t *rapid.T) {
			path, data := m.path(t, "path"), content(t)
			overwrite, parents, user := rapid.Bool().Draw(t, "overwrite"), rapid.Bool().Draw(t, "parents"), m.writer(t)
			_, dir, there := m.is(path)
			held, inode := m.leaseAt(t, path)
			let := user.Lease == 0 || held.Epoch == user.Lease
			_, err := m.tree.Create(ctx, user, path, bytes.NewReader(data), dfs.CreateOptions{Overwrite: overwrite, Parents: parents})
			if agree(t, "create "+path, err, let && (there && !dir && overwrite || !there && m.reach(path, parents))) {
				if user.Lease == 0 {
					delete(m.leases, inode)
				}
				m.makeAbove(path)
				m.files[path] = data
			}
		},
		"append": func(t *rapid.T) {
			path, data := m.path(t, "path"), content(t)
			back := rapid.IntRange(-1, 20).Draw(t, "back")
			have, dir, there := m.is(path)
			offset := max(0, len(have)-max(0, back))
			if back < 0 {
				offset = len(have) + 1
			}
			overlap := min(len(data), len(have)-min(offset, len(have)))
			if there && !dir && offset <= len(have) && rapid.Bool().Draw(t, "same") {
				copy(data, have[offset:])
			}
			user := m.writer(t)
			should := there && !dir && offset <= len(have) && bytes.Equal(data[:overlap], have[offset:offset+overlap]) || !there && offset == 0 && m.reach(path, false)
			should = should && m.mayWrite(t, user, path)
			_, err := m.tree.Append(ctx, user, path, int64(offset), data)
			if agree(t, fmt.Sprintf("append %d bytes at %d to %s", len(data), offset, path), err, should) {
				m.files[path] = append(slices.Clone(have[:len(have):len(have)]), data[overlap:]...)
				if m.files[path] == nil {
					m.files[path] = []byte{}
				}
			}
		},
		"truncate": func(t *rapid.T) {
			path, size := m.path(t, "path"), rapid.IntRange(0, 310).Draw(t, "size")
			have, dir, there := m.is(path)
			user := m.writer(t)
			let := size == len(have) || m.mayWrite(t, user, path) // cutting nothing is no change
			_, err := m.tree.Truncate(ctx, user, path, int64(size))
			if agree(t, fmt.Sprintf("truncate %s to %d", path, size), err, let && there && !dir && size <= len(have)) {
				m.files[path] = have[:size:size]
			}
		},
		"concat": func(t *rapid.T) {
			path := m.path(t, "path")
			sources := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return m.path(t, "source") }), 1, 3).Draw(t, "sources")
			should := true
			whole := []byte{}
			seen := map[string]bool{}
			for _, at := range append([]string{path}, sources...) {
				data, dir, there := m.is(at)
				should = should && there && !dir && !seen[at] && m.mayWrite(t, owner, at)
				seen[at], whole = true, append(whole, data...)
			}
			_, err := m.tree.Concat(ctx, owner, path, sources)
			if agree(t, fmt.Sprintf("concat %v to %s", sources, path), err, should) {
				for _, at := range sources {
					delete(m.files, at)
				}
				m.files[path] = whole
			}
		},
		"rename": func(t *rapid.T) {
			from, to, overwrite := m.path(t, "from"), m.path(t, "to"), rapid.Bool().Draw(t, "overwrite")
			_, fromDir, there := m.is(from)
			_, toDir, taken := m.is(to)
			should := there && m.reach(to, false) && !strings.HasPrefix(to, from+"/") && (!taken || overwrite && fromDir == toDir && (!toDir || m.empty(to)))
			if from == to {
				should = there
			}
			_, err := m.tree.Rename(ctx, owner, from, to, dfs.RenameOptions{Overwrite: overwrite})
			if agree(t, "rename "+from+" to "+to, err, should) {
				m.give(to, m.take(from))
			}
		},
		"clone": func(t *rapid.T) {
			from, to, overwrite, parents := m.path(t, "from"), m.path(t, "to"), rapid.Bool().Draw(t, "overwrite"), rapid.Bool().Draw(t, "parents")
			_, fromDir, there := m.is(from)
			_, toDir, taken := m.is(to)
			should := there && from != to && !strings.HasPrefix(to, from+"/") && (m.reach(to, parents) && !taken || taken && overwrite && !fromDir && !toDir)
			_, inode := m.leaseAt(t, to)
			_, err := m.tree.Clone(ctx, owner, from, to, dfs.CloneOptions{Overwrite: overwrite, Parents: parents})
			if agree(t, "clone "+from+" to "+to, err, should) {
				delete(m.leases, inode)
				m.makeAbove(to)
				for at, data := range maps.Clone(m.files) {
					if at == from || strings.HasPrefix(at, from+"/") {
						m.files[to+strings.TrimPrefix(at, from)] = data
					}
				}
			}
		},
		"remove": func(t *rapid.T) {
			path, recursive := m.path(t, "path"), rapid.Bool().Draw(t, "recursive")
			_, _, there := m.is(path)
			err := m.tree.Remove(ctx, owner, path, dfs.RemoveOptions{Recursive: recursive})
			if agree(t, "remove "+path, err, there && (m.empty(path) || recursive)) {
				m.take(path)
			}
		},
		"trash": func(t *rapid.T) {
			path := m.path(t, "path")
			_, _, there := m.is(path)
			info, statErr := m.tree.Stat(ctx, owner, path)
			agree(t, "stat "+path, statErr, there)
			if agree(t, "trash "+path, m.tree.Trash(ctx, owner, path), there) {
				m.trash[info.ID], m.ids[info.ID] = m.take(path), path
			}
		},
		"restore": func(t *rapid.T) {
			if len(m.trash) == 0 {
				t.Skip("nothing is in the trash")
			}
			id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.trash))).Draw(t, "id")
			path := rapid.SampledFrom([]string{"", m.path(t, "to")}).Draw(t, "where")
			at := path
			if at == "" {
				at = m.ids[id]
			}
			_, _, there := m.is(at)
			_, err := m.tree.Restore(ctx, owner, id, path)
			if agree(t, fmt.Sprintf("restore %d to %s", id, at), err, !there && m.reach(at, true)) {
				m.makeAbove(at)
				m.give(at, m.trash[id])
				delete(m.trash, id)
			}
		},
		"lease": func(t *rapid.T) {
			path, holder := m.path(t, "path"), rapid.SampledFrom([]string{"one", "two"}).Draw(t, "holder")
			_, dir, there := m.is(path)
			held, inode := m.leaseAt(t, path)
			l, err := m.tree.Lease(ctx, owner, path, holder)
			if !agree(t, "lease "+path, err, there && !dir && (held.Epoch == 0 || held.Holder == holder)) {
				return
			}
			if held.Epoch != 0 && held.Epoch != l.Epoch || l.Size != int64(len(m.files[path])) {
				t.Fatalf("the lease of %s is %+v, and was %+v", path, l, held)
			}
			m.leases[inode], m.last = l, l
		},
		"release": func(t *rapid.T) {
			if _, held := m.leases[m.last.Inode]; m.last.Epoch == 0 || !held {
				t.Skip("nobody has a lease")
			}
			agree(t, "release", m.tree.ReleaseLease(ctx, owner, m.last), true)
			if m.leases[m.last.Inode].Epoch == m.last.Epoch {
				delete(m.leases, m.last.Inode)
			}
		},
		"recover": func(t *rapid.T) {
			path := m.path(t, "path")
			_, dir, there := m.is(path)
			held, inode := m.leaseAt(t, path)
			l, err := m.tree.RecoverLease(ctx, owner, path)
			if agree(t, "recover "+path, err, there && !dir) && l.Epoch != held.Epoch {
				t.Fatalf("the lease of %s that ends is %+v, and should be %+v", path, l, held)
			}
			delete(m.leases, inode)
		},
		"reclaim": func(t *rapid.T) {
			if _, err := m.tree.Reclaim(ctx, 1000); err != nil {
				t.Fatal(err)
			}
		},
		"": m.compare,
	}
}

// compare walks the tree and compares it with the model.
func (m *model) compare(t *rapid.T) {
	ctx := context.Background()
	found := map[string][]byte{}
	var walk func(dir string)
	walk = func(dir string) {
		for after := ""; ; {
			entries, more, err := m.tree.List(ctx, owner, dir, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				found[e.Path], after = nil, e.Name
				if e.Dir {
					walk(e.Path)
					continue
				}
				r, info, err := m.tree.Open(ctx, owner, e.Path, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(r)
				if err != nil || info.Size != int64(len(data)) || e.Size != info.Size {
					t.Fatalf("%s reads %d bytes of %d, %d listed: %v", e.Path, len(data), info.Size, e.Size, err)
				}
				found[e.Path] = data
			}
			if !more {
				return
			}
		}
	}
	walk(m.root)
	if !maps.EqualFunc(found, m.files, func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }) {
		t.Fatalf("there is\n%q\nand the model has\n%q", found, m.files)
	}
}

// TestAgainstAModel makes random changes to the file system and to a model of
// it, which have to agree on what succeeds and on what is there.
func TestAgainstAModel(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		checkAgainstModel(t, newTree(t, db, new(mem.Store), tiny), false)
	})
}

// The same, while files are sealed with other keys and move to other tiers.
func TestAgainstAModelThatMoves(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		o := tiny
		o.Keys = testKeys{}
		checkAgainstModel(t, newTree(t, db, twoTiers(t, new(mem.Store), new(mem.Store)), o), true)
	})
}

func checkAgainstModel(t *testing.T, tree *dfs.Tree, moving bool) {
	rounds := 0
	rapid.Check(t, func(t *rapid.T) {
		rounds++
		m := &model{tree: tree, root: at("Resources", fmt.Sprint("r", rounds)), files: map[string][]byte{}, trash: map[int64]map[string][]byte{}, ids: map[int64]string{}, leases: map[int64]dfs.Lease{}}
		if _, err := tree.Mkdir(context.Background(), owner, m.root, dfs.MkdirOptions{}); err != nil {
			t.Fatal(err)
		}
		actions := m.actions()
		if moving {
			maps.Copy(actions, m.moving())
		}
		t.Repeat(actions)
		u, err := tree.Usage(context.Background(), owner, m.root)
		files := 0
		for _, data := range m.files {
			if data != nil {
				files++
			}
		}
		if err != nil || u.Files != int64(files) || u.Directories != int64(len(m.files)-files) {
			t.Fatalf("usage %+v (%v), and the model has %d files of %d", u, err, files, len(m.files))
		}
	})
	wantSound(t, tree)
}
