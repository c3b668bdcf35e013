package dfs_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// small makes every path of large files short.
var small = dfs.Options{Inline: 4 << 10, BlockSize: 1 << 20}

func newTree(t testing.TB, db *database.DB, blocks block.Store, o dfs.Options) *dfs.Tree {
	t.Helper()
	tree := dfs.New(db, blocks, o)
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Errorf("close the tree: %v", err)
		}
	})
	if err := tree.MakeProjectTree(t.Context(), dfstest.Project); err != nil {
		t.Fatal(err)
	}
	if err := tree.MakeProjectTree(t.Context(), dfstest.Other); err != nil {
		t.Fatal(err)
	}
	return tree
}

func openBlocks(t testing.TB) *dir.Store {
	t.Helper()
	blocks, err := dir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blocks.Close() })
	return blocks
}

func TestFS(t *testing.T) {
	sqlite := func(t *testing.T) *database.DB { return databasetest.SQLite(t) }
	mariadb := func(t *testing.T) *database.DB { return databasetest.MariaDB(t) }
	inMemory := func(*testing.T) block.Store { return new(mem.Store) }
	inDirectory := func(t *testing.T) block.Store { return openBlocks(t) }
	inBucket := func(t *testing.T) block.Store { return s3test.Open(t, s3test.Start(t).Config(t)) }
	for _, on := range []struct {
		name   string
		db     func(*testing.T) *database.DB
		blocks func(*testing.T) block.Store
	}{
		{"SQLite and memory", sqlite, inMemory},
		{"SQLite and a directory", sqlite, inDirectory},
		{"SQLite and S3", sqlite, inBucket},
		{"MariaDB and a directory", mariadb, inDirectory},
		{"SQLite, sealed", sqlite, inDirectory},
	} {
		t.Run(on.name, func(t *testing.T) {
			dfstest.Run(t, func(t *testing.T) dfs.FS {
				o := small
				if strings.HasSuffix(on.name, "sealed") {
					o.Keys, o.Sealed = testKeys{}, true
				}
				tree := newTree(t, on.db(t), on.blocks(t), o)
				t.Cleanup(func() { wantSound(t, tree) })
				return tree
			})
		})
	}
}
