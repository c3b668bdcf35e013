package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

// match opens a block store for a database as a start does, and says whether
// the two are taken to belong together.
func match(t *testing.T, db *database.DB, c config) (*dfs.Tree, error) {
	t.Helper()
	p := &platform{config: c, db: db, store: store.New(db)}
	blocks, err := openTiers(t.Context(), c, nil)
	if err != nil {
		t.Fatalf("open %s: %v", c.Blocks, err)
	}
	t.Cleanup(func() { blocks.Close() })
	p.files = dfs.New(db, blocks.Stores, dfs.Options{Inline: 100})
	t.Cleanup(func() { p.files.Close() })
	return p.files, p.matchBlocks(t.Context(), blocks)
}

func TestADatabaseAndItsBlocksBelongTogether(t *testing.T) {
	directory := func(t *testing.T) config { return config{Blocks: t.TempDir()} }
	t.Run("a directory", func(t *testing.T) { checkMatches(t, directory) })
	t.Run("a bucket", func(t *testing.T) {
		server := s3test.Start(t)
		checkMatches(t, func(t *testing.T) config {
			return config{
				Blocks: "s3://" + server.Bucket(t) + "/some/where?path_style=true&endpoint=http://" + server.Address,
				S3:     s3Config{AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey},
			}
		})
	})
}

func checkMatches(t *testing.T, place func(*testing.T) config) {
	first, second := databasetest.SQLite(t), databasetest.SQLite(t)
	here, there := place(t), place(t)
	for range 2 {
		if _, err := match(t, first, here); err != nil {
			t.Fatalf("the first start and the next: %v", err)
		}
	}
	if _, err := match(t, second, here); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("the blocks of another database: got %v, want an error of kind invalid", err)
	}
	files, err := match(t, first, here)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.MakeProjectTree(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	owner := dfs.User{Project: "demo", Name: "ada", Role: bine.DataOwner}
	if _, err := files.Create(t.Context(), owner, dfs.ProjectPath("demo", "Resources", "file"), bytes.NewReader(make([]byte, 1000)), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := match(t, first, there); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "another block store") {
		t.Errorf("another block store: got %v, want an error of kind invalid", err)
	}
	if _, err := match(t, first, here); err != nil {
		t.Errorf("back at the right one: %v", err)
	}
	err = first.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM settings WHERE name = ?", blocksOwner)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := match(t, first, here); err != nil {
		t.Errorf("a database that did not keep the name yet: %v", err)
	}
}

func TestAStartSaysAtOnceWhatIsWrongWithTheBucket(t *testing.T) {
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	for name, c := range map[string]struct{ address, secret, want string }{
		"no bucket":       {"s3://not-there?endpoint=http://" + server.Address, s3test.SecretKey, "no such bucket"},
		"wrong keys":      {"s3://" + bucket + "?endpoint=http://" + server.Address, "wrong-secret", "BINE_S3_SECRET_KEY"},
		"nobody there":    {"s3://" + bucket + "?endpoint=http://127.0.0.1:1", s3test.SecretKey, "cannot be reached"},
		"no TLS there":    {"s3://" + bucket + "?endpoint=https://" + server.Address, s3test.SecretKey, "does not speak TLS"},
		"a bad parameter": {"s3://" + bucket + "?endpont=x", s3test.SecretKey, `"endpont" is unknown`},
		"a bad scheme":    {"gs://" + bucket, s3test.SecretKey, "s3://"},
	} {
		t.Setenv("BINE_S3_ACCESS_KEY", s3test.AccessKey)
		t.Setenv("BINE_S3_SECRET_KEY", c.secret)
		begun := time.Now()
		code, _, errs := program(t, "", "server", "--data", filepath.Join(t.TempDir(), "data"), "--blocks", c.address)
		if took := time.Since(begun); code == cli.ExitDone || !strings.Contains(errs, c.want) || took > 10*time.Second {
			t.Errorf("%s: ended with %d after %s, saying %q; want %q", name, code, took, errs, c.want)
		}
		if strings.Contains(errs, c.secret) {
			t.Errorf("%s: the secret is in %q", name, errs)
		}
	}
}
