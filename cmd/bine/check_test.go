package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	blockdir "github.com/bine-ml/bine/dfs/block/dir"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/database"
)

func TestCheckSaysWhereSomethingIsWrong(t *testing.T) {
	data := t.TempDir()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(data, "bine.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blocks, err := blockdir.Open(filepath.Join(data, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	defer blocks.Close()
	files := dfs.New(db, blocks, dfs.Options{})
	defer files.Close()
	if err := files.MakeProjectTree(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Create(t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Resources", "f"), bytes.NewReader(make([]byte, 100)), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	check := func() (int, string, string) {
		return program(t, "", "admin", "check", "--content", "--data", data, "--database", "sqlite://"+filepath.Join(data, "bine.db"), "--blocks", filepath.Join(data, "blocks"))
	}
	if code, out, errs := check(); code != cli.ExitDone || !strings.HasPrefix(out, "nothing is wrong: ") {
		t.Fatalf("a sound file system: %d, %s%s", code, out, errs)
	}
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM dfs_small WHERE LENGTH(data) = 100")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errs := check(); code == cli.ExitDone || !strings.Contains(out, "/Projects/demo/Resources/f: ") || !strings.Contains(errs, "problem") {
		t.Errorf("lost bytes: %d, %s%s", code, out, errs)
	}
}
