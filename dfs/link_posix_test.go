package dfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// twin does the same to the file system and to a directory of the operating
// system, which knows how links are followed.
type twin struct {
	tree *dfs.Tree
	top  string // stands for the project's directory
	root string // below both
}

func (w *twin) here(path string) string { return filepath.Join(w.top, w.root, path) }

func (w *twin) there(path string) string { return at(w.root, path) }

func (w *twin) draw(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(t, label), "/")
}

// agree fails unless both did it or both did not.
func (w *twin) agree(t *rapid.T, what string, here, there error) {
	if (here == nil) != (there == nil) {
		t.Fatalf("%s: the operating system says %v, the file system %v", what, here, there)
	}
}

func (w *twin) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	return map[string]func(*rapid.T){
		"link": func(t *rapid.T) {
			path, target := w.draw(t, "path"), rapid.SampledFrom([]string{"", "../", "./", "/"}).Draw(t, "from")+w.draw(t, "target")
			local := target
			if strings.HasPrefix(target, "/") {
				local, target = w.here(target), w.there(target)
			}
			_, err := w.tree.Symlink(ctx, owner, w.there(path), target, dfs.SymlinkOptions{})
			w.agree(t, "link "+path+" to "+target, os.Symlink(local, w.here(path)), err)
		},
		"mkdir": func(t *rapid.T) {
			path := w.draw(t, "path")
			if _, err := os.Lstat(w.here(path)); err == nil { // here a link is followed, and there is none by POSIX
				t.Skip()
			}
			_, err := w.tree.Mkdir(ctx, owner, w.there(path), dfs.MkdirOptions{})
			w.agree(t, "mkdir "+path, os.Mkdir(w.here(path), 0o755), err)
		},
		"write": func(t *rapid.T) {
			path, text := w.draw(t, "path"), rapid.SampledFrom([]string{"x", "yy", strings.Repeat("z", 100)}).Draw(t, "text")
			_, err := w.tree.Create(ctx, owner, w.there(path), strings.NewReader(text), dfs.CreateOptions{Overwrite: true})
			w.agree(t, "write "+path, os.WriteFile(w.here(path), []byte(text), 0o644), err)
		},
		"append": func(t *rapid.T) {
			path := w.draw(t, "path")
			about, err := os.Stat(w.here(path))
			if err != nil {
				t.Skip()
			}
			f, err := os.OpenFile(w.here(path), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("more")
				f.Close()
			}
			_, theirs := w.tree.Append(ctx, owner, w.there(path), about.Size(), []byte("more"))
			w.agree(t, "append to "+path, err, theirs)
		},
		"remove": func(t *rapid.T) {
			path := w.draw(t, "path")
			w.agree(t, "remove "+path, os.Remove(w.here(path)), w.tree.Remove(ctx, owner, w.there(path), dfs.RemoveOptions{}))
		},
		"rename": func(t *rapid.T) {
			from, to := w.draw(t, "from"), w.draw(t, "to")
			about, err := os.Lstat(w.here(from))
			target, taken := os.Lstat(w.here(to))
			if taken == nil && err == nil && (about.IsDir() || target.IsDir()) { // POSIX may replace an empty directory
				t.Skip()
			}
			_, err = w.tree.Rename(ctx, owner, w.there(from), w.there(to), dfs.RenameOptions{Overwrite: true})
			w.agree(t, "rename "+from+" to "+to, os.Rename(w.here(from), w.here(to)), err)
		},
		"look": func(t *rapid.T) {
			path := w.draw(t, "path")
			here, err := os.Stat(w.here(path))
			there, theirs := w.tree.Stat(ctx, owner, w.there(path))
			w.agree(t, "stat "+path, err, theirs)
			if err == nil && (here.IsDir() != there.Dir || !there.Dir && here.Size() != there.Size) {
				t.Fatalf("%s is %v here and %+v there", path, here, there)
			}
			target, err := os.Readlink(w.here(path))
			there, theirs = w.tree.LinkInfo(ctx, owner, w.there(path))
			if (err == nil) != (theirs == nil && there.Link != "") || err == nil && strings.TrimPrefix(target, w.top) != strings.TrimPrefix(there.Link, at()) {
				t.Fatalf("the link %s leads to %q, %v here and to %q, %v there", path, target, err, there.Link, theirs)
			}
		},
		"": func(t *rapid.T) { w.compare(t, ctx) },
	}
}

// compare walks both.
func (w *twin) compare(t *rapid.T, ctx context.Context) {
	describe := func(path, link string, dir bool, text []byte) string {
		return fmt.Sprintf("%s dir=%t link=%s %s\n", path, dir, link, text)
	}
	var here, there strings.Builder
	err := filepath.WalkDir(w.here(""), func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == w.here("") {
			return err
		}
		var text []byte
		target, _ := os.Readlink(name)
		if d.Type().IsRegular() {
			if text, err = os.ReadFile(name); err != nil {
				return err
			}
		}
		here.WriteString(describe(strings.TrimPrefix(name, w.here("")), strings.TrimPrefix(target, w.top), d.IsDir(), text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, _, err := w.tree.List(ctx, owner, dir, "", 0)
		for _, e := range entries {
			var text []byte
			if !e.Dir && e.Link == "" {
				r, _, err := w.tree.Open(ctx, owner, e.Path, 0, 0)
				if err != nil {
					return err
				}
				if text, err = io.ReadAll(r); err != nil {
					return err
				}
			}
			there.WriteString(describe(strings.TrimPrefix(e.Path, w.there("")), strings.TrimPrefix(e.Link, at()), e.Dir, text))
			if e.Dir {
				err = errors.Join(err, walk(e.Path))
			}
		}
		return err
	}
	if err := walk(w.there("")); err != nil {
		t.Fatal(err)
	}
	if here.String() != there.String() {
		t.Fatalf("here is\n%s\nand there\n%s", here.String(), there.String())
	}
}

// TestLinksLeadWhereThoseOfTheOperatingSystemDo makes random changes in trees
// with links, and the same to a directory of the operating system.
func TestLinksLeadWhereThoseOfTheOperatingSystemDo(t *testing.T) {
	tree := newTree(t, databasetest.SQLite(t), new(mem.Store), tiny)
	top, rounds := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		rounds++
		w := &twin{tree: tree, top: top, root: fmt.Sprintf("Resources/top%d/r", rounds)}
		if err := os.MkdirAll(w.here(""), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Mkdir(context.Background(), owner, w.there(""), dfs.MkdirOptions{Parents: true}); err != nil {
			t.Fatal(err)
		}
		t.Repeat(w.actions())
	})
	wantSound(t, tree)
}
