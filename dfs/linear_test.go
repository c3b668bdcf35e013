package dfs_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// call is what one client asks for.
type call struct {
	op       string // create, mkdir, rename, remove, stat
	path, to string
	size     int
}

// answer is what it was told: the kind of the error, or what is there.
type answer struct {
	kind bine.Kind
	what string // of stat and rename: "dir", or the size of the file
}

// entries is the state of the sequential file system: what is at each path, as answers have it.
type entries map[string]string

func (e entries) dir(path string) bool { return path == "" || e[path] == "dir" }

func (e entries) below(path string) []string {
	var all []string
	for p := range e {
		if p == path || strings.HasPrefix(p, path+"/") {
			all = append(all, p)
		}
	}
	return all
}

func above(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// missing is the answer to a call that adds at path, where its directory is not one.
func (e entries) missing(path string) bine.Kind {
	for dir := above(path); ; dir = above(dir) {
		if e.dir(dir) {
			if dir == above(path) {
				return ""
			}
			return bine.NotFound
		}
		if e[dir] != "" {
			return bine.Conflict // a file
		}
	}
}

// after says whether a sequential file system could give the answer, and what
// it holds then. Whoever is told to try again has changed nothing.
func (e entries) after(c call, a answer) (bool, entries) {
	if a.kind == bine.Unavailable {
		return true, e
	}
	want, next := answer{}, e
	change := func() { next = maps.Clone(e) }
	switch c.op {
	case "stat":
		if want.what = e[c.path]; want.what == "" {
			want.kind = bine.NotFound
		}
	case "create", "mkdir":
		made := "dir"
		if c.op == "create" {
			made = fmt.Sprint(c.size)
		}
		switch {
		case e[c.path] != "":
			want.kind = bine.Conflict
		case e.missing(c.path) != "":
			want.kind = e.missing(c.path)
		default:
			change()
			next[c.path] = made
		}
	case "remove":
		if e[c.path] == "" {
			want.kind = bine.NotFound
			break
		}
		change()
		for _, p := range e.below(c.path) {
			delete(next, p)
		}
	case "rename":
		switch {
		case strings.HasPrefix(c.to, c.path+"/"):
			want.kind = bine.Invalid
		case e[c.path] == "":
			want.kind = bine.NotFound
		case c.path == c.to:
			want.what = e[c.path]
		case strings.HasPrefix(c.path, c.to+"/") || e[c.to] != "":
			want.kind = bine.Conflict
		case e.missing(c.to) != "":
			want.kind = e.missing(c.to)
		default:
			want.what = e[c.path]
			change()
			for _, p := range e.below(c.path) {
				delete(next, p)
				next[c.to+p[len(c.path):]] = e[p]
			}
		}
	}
	return want == a, next
}

func linearModel() porcupine.Model {
	return porcupine.Model{
		Init:              func() any { return entries{} },
		Step:              func(state, in, out any) (bool, any) { return state.(entries).after(in.(call), out.(answer)) },
		Equal:             func(a, b any) bool { return maps.Equal(a.(entries), b.(entries)) },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
		DescribeState: func(state any) string {
			e := state.(entries)
			var all []string
			for _, p := range slices.Sorted(maps.Keys(e)) {
				all = append(all, p+"="+e[p])
			}
			return strings.Join(all, " ")
		},
	}
}

// run makes a call below root.
func (c call) run(t *testing.T, tree *dfs.Tree, user dfs.User, root string) (a answer) {
	var info dfs.Info
	var err error
	ctx := t.Context()
	switch c.op {
	case "stat":
		info, err = tree.Stat(ctx, user, root+c.path)
	case "create":
		_, err = tree.Create(ctx, user, root+c.path, bytes.NewReader(make([]byte, c.size)), dfs.CreateOptions{})
	case "mkdir":
		_, err = tree.Mkdir(ctx, user, root+c.path, dfs.MkdirOptions{})
	case "remove":
		err = tree.Remove(ctx, user, root+c.path, dfs.RemoveOptions{Recursive: true})
	case "rename":
		info, err = tree.Rename(ctx, user, root+c.path, root+c.to, dfs.RenameOptions{})
	}
	switch e, ok := err.(*bine.Error); {
	case ok:
		return answer{kind: e.Kind}
	case err != nil:
		t.Errorf("%+v: %v", c, err)
	case info.Dir:
		a.what = "dir"
	case c.op == "stat" || c.op == "rename":
		a.what = fmt.Sprint(info.Size)
	}
	return a
}

// drawCall draws a call on one of a dozen paths.
func drawCall(r *rand.Rand, size int) call {
	path := func() string {
		p := ""
		for range 1 + r.IntN(3) {
			p += "/" + string("ab"[r.IntN(2)])
		}
		return p
	}
	c := call{path: path(), size: size}
	switch n := r.IntN(10); {
	case n < 3:
		c.op = "create"
	case n < 5:
		c.op = "mkdir"
	case n < 7:
		c.op, c.to = "rename", path()
	case n < 8:
		c.op = "remove"
	default:
		c.op = "stat"
	}
	return c
}

// Whatever clients of several servers are told could have been told by a file
// system that does one thing at a time, in an order in which what was answered
// before something was asked comes before it. A history is the unit that is
// checked (porcupine, after Lowe's algorithm), so there are many short ones.
func TestConcurrentCallsAreLinearizable(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const servers, clients, calls = 3, 6, 12
		store := new(mem.Store)
		trees := []*dfs.Tree{newTree(t, db, store, small)}
		for len(trees) < servers {
			tree := dfs.New(db, store, small)
			t.Cleanup(func() { tree.Close() })
			trees = append(trees, tree)
		}
		lasts := 8 * time.Second
		if os.Getenv("BINE_E2E_LONG") != "" {
			lasts = 5 * time.Minute
		}
		began, histories := time.Now(), 0
		for ; time.Since(began) < lasts; histories++ {
			seed := rand.Uint64()
			root := at("Resources", fmt.Sprintf("h%d", histories))
			if _, err := trees[0].Mkdir(t.Context(), owner, root, dfs.MkdirOptions{}); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var history []porcupine.Operation
			var wait sync.WaitGroup
			for client := range clients {
				wait.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(client)))
					for n := range calls {
						c := drawCall(r, 1+client*calls+n)
						asked := time.Since(began)
						a := c.run(t, trees[client%servers], owner, root)
						answered := time.Since(began)
						mu.Lock()
						history = append(history, porcupine.Operation{ClientId: client, Input: c, Call: asked.Nanoseconds(), Output: a, Return: answered.Nanoseconds()})
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			checked, info := porcupine.CheckOperationsVerbose(linearModel(), history, time.Minute)
			if checked != porcupine.Ok {
				slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
				for _, o := range history {
					t.Logf("%d: %10d-%10d %s", o.ClientId, o.Call, o.Return, linearModel().DescribeOperation(o.Input, o.Output))
				}
				if name := os.Getenv("BINE_TEST_HISTORY"); name != "" {
					if err := porcupine.VisualizePath(linearModel(), info, name); err != nil {
						t.Error(err)
					}
				}
				t.Fatalf("%s: no order of these calls explains their answers (seed %d)", checked, seed)
			}
		}
		t.Logf("%d histories of %d calls", histories, clients*calls)
		wantSound(t, trees[0])
	})
}
