package dfs_test

import (
	"bytes"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func TestSampleTellsTheRightBlockStore(t *testing.T) {
	db := databasetest.SQLite(t)
	tree := newTree(t, db, new(mem.Store), small)
	if asked, found, err := tree.Sample(t.Context(), "", 4); asked != 0 || found != 0 || err != nil {
		t.Errorf("without files: got %d of %d, %v", found, asked, err)
	}
	owner := dfs.User{Project: dfstest.Project, Name: "ada", Role: bine.DataOwner}
	path := dfs.ProjectPath(dfstest.Project, "Resources", "file")
	if _, err := tree.Create(t.Context(), owner, path, bytes.NewReader(make([]byte, 6<<20)), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if asked, found, err := tree.Sample(t.Context(), "", 4); asked != 4 || found != 4 || err != nil {
		t.Errorf("the right store: got %d of %d, %v", found, asked, err)
	}
	other := newTree(t, db, new(mem.Store), small)
	if asked, found, err := other.Sample(t.Context(), "", 4); asked != 4 || found != 0 || err != nil {
		t.Errorf("another store: got %d of %d, %v", found, asked, err)
	}
}
