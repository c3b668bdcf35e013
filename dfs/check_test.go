package dfs_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/internal/database"
)

// wantSound fails the test if anything is wrong with the file system.
func wantSound(t testing.TB, tree *dfs.Tree) dfs.Checked {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // the test may be over
	done, err := tree.Check(ctx, dfs.CheckOptions{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range done.Problems {
		where, err := tree.Where(ctx, p.Inode)
		t.Errorf("%s: %s (%v)", where, p.Text, err)
	}
	return done
}

func TestCheckFindsWhatShouldNotBe(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := openBlocks(t)
		tree := newTree(t, db, blocks, small)
		for name, size := range map[string]int{"small": 100, "large": 3<<20 + 5, "other": 2 << 20, "third": 1 << 20, "empty": 0} {
			put(t, tree, at("Resources/dir", name), dfstestNoise(size))
		}
		put(t, tree, at("Jupyter/old/f"), []byte("x"))
		symlink(t, tree, owner, at("Resources/dir/l1"), "small")
		symlink(t, tree, owner, at("Resources/dir/l2"), "none")
		for _, name := range []string{"empty", "small", "other", "third"} {
			if _, err := tree.ModifyACL(t.Context(), owner, at("Resources/dir", name), []bine.ACLEntry{{Type: bine.ACLUser, Name: "demo__bob", Perm: "r--"}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range []error{tree.Remove(t.Context(), owner, at("Jupyter/old"), dfs.RemoveOptions{Recursive: true}), tree.Trash(t.Context(), owner, at("Resources/dir/empty")),
			tree.SetQuota(t.Context(), owner, at("Jupyter"), dfs.Quota{Names: 10})} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if done := wantSound(t, tree); done.Blocks < 6 || done.Bytes < 6<<20 || done.Inodes < 30 {
			t.Errorf("it looked at %+v", done)
		}
		id := func(path string) int64 {
			info, err := tree.Stat(t.Context(), dfs.Platform(), at(path))
			if err != nil {
				t.Fatal(err)
			}
			return info.ID
		}
		lid := func(path string) int64 {
			info, err := tree.LinkInfo(t.Context(), owner, at(path))
			if err != nil {
				t.Fatal(err)
			}
			return info.ID
		}
		for _, c := range []struct {
			what, damage string
			args         []any
			found        string
		}{
			{"a directory that is gone", "UPDATE dfs_inodes SET parent_id = 999 WHERE id = ?", []any{id("Models")}, "lies in a directory that is not there"},
			{"a file in a file", "UPDATE dfs_inodes SET parent_id = ? WHERE id = ?", []any{id("README.md"), id("Statistics")}, "lies in something that is no directory"},
			{"a circle", "UPDATE dfs_inodes SET parent_id = id WHERE id = ?", []any{id("Logs")}, "hang on nothing"},
			{"lost bytes", "DELETE FROM dfs_small WHERE inode_id = ?", []any{id("Resources/dir/small")}, `the end of "small"`},
			{"another size", "UPDATE dfs_inodes SET size = size + 1, tail = 0 WHERE id = ?", []any{id("Resources/dir/third")}, `blocks of "third" do not add up`},
			{"a lost block", "DELETE FROM dfs_blocks WHERE inode_id = ? AND start = 1048576", []any{id("Resources/dir/large")}, "there is a gap before block"},
			{"a list of nobody's", "UPDATE dfs_inodes SET flags = 0 WHERE id = ?", []any{id("Resources/dir/small")}, "belongs to nothing that is known to have one"},
			{"no list", "DELETE FROM dfs_acls WHERE inode_id = ?", []any{id("Resources/dir/other")}, `"other" is said to have an access list and has none`},
			{"a default list of a file", "UPDATE dfs_acls SET inherited = 1 WHERE inode_id = ?", []any{id("Resources/dir/third")}, `"third" has default entries`},
			{"half a list", "DELETE FROM dfs_acls WHERE inode_id = (SELECT inode_id FROM dfs_trash) AND name = ''", nil, `does not say what its group may do`},
			{"a link to nowhere", "DELETE FROM dfs_links WHERE inode_id = ?", []any{lid("Resources/dir/l1")}, `symbolic link "l1" leads nowhere`},
			{"a link that is none", "UPDATE dfs_inodes SET size = 1 WHERE id = ?", []any{lid("Resources/dir/l2")}, `"l2" is said to lead somewhere`},
			{"a wrong count", "UPDATE dfs_usage SET files = files + 1 WHERE slot = 0", nil, "is said to hold"},
			{"a wrong count of a directory with a quota", "UPDATE dfs_limit_usage SET bytes = bytes + 1 WHERE slot = 3", nil, "\"Jupyter\" is said to hold"},
			{"a quota without its flag", "UPDATE dfs_inodes SET flags = 0 WHERE id = ?", []any{id("Jupyter")}, "has a quota that nobody looks at"},
			{"a flag without a quota", "UPDATE dfs_inodes SET flags = 2 WHERE id = ?", []any{id("Experiments")}, "is said to have a quota"},
			{"what will not be reclaimed", "DELETE FROM dfs_removed", nil, "will never be reclaimed"},
			{"what is not in the trash", "UPDATE dfs_inodes SET parent_id = ? WHERE id = (SELECT inode_id FROM dfs_trash)", []any{id("Resources")}, "is listed in the trash"},
		} {
			err := db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec(c.damage, c.args...)
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			wantFound(t, tree, c.what, c.found, dfs.CheckOptions{})
		}
	})
}

func wantFound(t *testing.T, tree *dfs.Tree, what, text string, o dfs.CheckOptions) {
	t.Helper()
	done, err := tree.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range done.Problems {
		if strings.Contains(p.Text, text) {
			return
		}
	}
	t.Errorf("%s: %q was not found among %+v", what, text, done.Problems)
}

func TestCheckFindsDamagedBlocks(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		path := filepath.Join(t.TempDir(), "blocks")
		blocks, err := dir.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer blocks.Close()
		tree := newTree(t, db, blocks, small)
		put(t, tree, at("Resources/f"), dfstestNoise(5<<20))
		wantSound(t, tree)
		var files []string
		for stat, err := range blocks.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			found, err := findBlock(path, string(stat.ID))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		data[1000] ^= 1
		for _, err := range []error{os.Chmod(files[0], 0o600), os.WriteFile(files[0], data, 0o600)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		wantFound(t, tree, "a flipped bit", "is damaged", dfs.CheckOptions{Content: true})
		for _, err := range []error{os.Chmod(files[1], 0o600), os.Truncate(files[1], 100), os.Remove(files[2])} {
			if err != nil {
				t.Fatal(err)
			}
		}
		wantFound(t, tree, "a short block", "has 100 bytes and should have 1048576", dfs.CheckOptions{})
		wantFound(t, tree, "a lost block", "is not in the store", dfs.CheckOptions{})
	})
}

// findBlock finds the file that a directory store keeps a block in.
func findBlock(root, id string) (found string, err error) {
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, id) {
			found = path
		}
		return err
	})
	return found, err
}
